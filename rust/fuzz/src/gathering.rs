//! Strided blocks through gathering, padding, compression and back.

use arbitrary::Unstructured;
use tiled_zarr_core::view::extent;
use tiled_zarr_core::{Layout, Run, View, Workspace, encode_block};

use crate::codecs;

/// A block may have this many bytes, and a chunk as well.
const MOST: usize = 1 << 17;

/// A box of up to 4 axes, of which one may be long, with strides in steps of `step` bytes.
pub fn any_axes(u: &mut Unstructured, itemsize: usize) -> arbitrary::Result<(Vec<usize>, Vec<isize>)> {
    let ndim = u.int_in_range(0..=4)?;
    let mut shape = (0..ndim).map(|_| u.int_in_range(0..=6)).collect::<Result<Vec<usize>, _>>()?;
    if let Some(axis) = shape.len().checked_sub(1).map(|last| u.int_in_range(0..=last)).transpose()? {
        shape[axis] = *u.choose(&[shape[axis], 33, 64, 200, 1000])?;
    }
    let mut strides = vec![0; ndim];
    if u.arbitrary()? {
        let mut next = itemsize.cast_signed();
        for axis in (0..ndim).rev() {
            strides[axis] = next;
            next *= shape[axis].max(1).cast_signed();
        }
    } else {
        for stride in &mut strides {
            *stride = u.int_in_range(-40..=40)? * itemsize.cast_signed() / 2;
        }
    }
    Ok((shape, strides))
}

pub fn encode(input: &[u8]) {
    let _ = check(&mut Unstructured::new(input));
}

fn any_runs(u: &mut Unstructured, itemsize: usize) -> arbitrary::Result<Vec<Run>> {
    if u.arbitrary()? {
        return Ok(vec![Run { offset: 0, nbytes: itemsize, swap: if u.arbitrary()? { itemsize } else { 1 } }]);
    }
    (0..u.int_in_range(0..=3)?)
        .map(|_| Ok(Run { offset: u.int_in_range(0..=24)?, nbytes: u.int_in_range(0..=24)?, swap: u.int_in_range(0..=8)? }))
        .collect()
}

fn check(u: &mut Unstructured) -> arbitrary::Result<()> {
    let itemsize = *u.choose(&[1, 2, 3, 4, 8, 12, 16, 24])?;
    let (shape, strides) = any_axes(u, itemsize)?;
    let chunk_shape = shape.iter().map(|n| Ok(n + u.int_in_range(0..=3)?)).collect::<arbitrary::Result<Vec<usize>>>()?;
    let Ok(layout) = Layout::new(itemsize, &any_runs(u, itemsize)?) else { return Ok(()) };
    let (codec, filters) = codecs::any(u)?;
    let Some((below, above)) = extent(&shape, &strides, itemsize).filter(|(below, above)| below + above <= MOST) else { return Ok(()) };
    let nbytes = chunk_shape.iter().product::<usize>() * layout.itemsize();
    if nbytes > MOST {
        return Ok(());
    }
    let seed = u.bytes(u.len())?;
    let data: Vec<u8> = (0..below + above).map(|i| seed.get(i % seed.len().max(1)).copied().unwrap_or(7)).collect();
    let block = View::new(&data, below, &shape, &strides, itemsize).unwrap();
    let mut workspace = Workspace::default();
    let stored = codecs::written(&encode_block(&block, &chunk_shape, &layout, &codec, &mut workspace).unwrap());
    assert_eq!(codecs::filled(|workspace| encode_block(&block, &chunk_shape, &layout, &codec, workspace)), stored);
    if nbytes > 0 {
        assert_eq!(codecs::decoded(filters, &stored, nbytes), naive(&data, below, &block, &chunk_shape, &layout));
    }
    Ok(())
}

/// The chunk by index arithmetic.
fn naive(data: &[u8], origin: usize, block: &View, chunk_shape: &[usize], layout: &Layout) -> Vec<u8> {
    let runs = match layout {
        Layout::Whole(n) => vec![Run { offset: 0, nbytes: *n, swap: 1 }],
        Layout::Swapped { itemsize, unit } => vec![Run { offset: 0, nbytes: *itemsize, swap: *unit }],
        Layout::Packed { runs, .. } => runs.clone(),
    };
    let mut out = Vec::new();
    for flat in 0..chunk_shape.iter().product() {
        let place = place(flat, chunk_shape);
        let is_inside = place.iter().zip(block.shape()).all(|(i, n)| i < n);
        let offset: isize = place.iter().zip(block.strides()).map(|(i, stride)| i.cast_signed() * stride).sum();
        for run in &runs {
            for k in 0..run.nbytes {
                let byte = run.offset + k / run.swap * run.swap + (run.swap - 1 - k % run.swap);
                out.push(if is_inside { data[origin.wrapping_add_signed(offset) + byte] } else { 0 });
            }
        }
    }
    out
}

/// The place of an element by its number in C order.
pub fn place(mut flat: usize, shape: &[usize]) -> Vec<usize> {
    let mut place: Vec<usize> = shape.iter().rev().map(|n| (flat % n, flat /= n).0).collect();
    place.reverse();
    place
}
