//! Regions put together from stored chunks.

use arbitrary::Unstructured;
use tiled_zarr_core::decode::{Decoder, Filter, Pipeline, Stored, Workspace};

use crate::gathering::place;
use crate::memory::fenced;

pub fn region(input: &[u8]) {
    let _ = check(&mut Unstructured::new(input));
}

fn numbers(u: &mut Unstructured, count: usize, most: usize) -> arbitrary::Result<Vec<usize>> {
    (0..count).map(|_| u.int_in_range(0..=most)).collect()
}

fn check(u: &mut Unstructured) -> arbitrary::Result<()> {
    let ndim = u.int_in_range(0..=3)?;
    let itemsize = *u.choose(&[1, 2, 3, 4, 8, 16])?;
    let (chunk_shape, start, shape) = (numbers(u, ndim, 9)?, numbers(u, ndim, 20)?, numbers(u, ndim, 20)?);
    let is_plain: bool = u.arbitrary()?;
    let filters = if is_plain { vec![] } else { vec![Filter::parse(2, &[itemsize]).unwrap(), Filter::Deflate] };
    let itemsize = usize::try_from(itemsize).unwrap();
    let Ok(decoder) = Decoder::new(Pipeline::new(filters).unwrap(), chunk_shape.clone(), itemsize) else { return Ok(()) };
    let ndim = if u.ratio(1, 20)? { ndim + 1 } else { ndim };
    let index = if u.ratio(1, 20)? { vec![usize::MAX; ndim] } else { numbers(u, ndim, 9)? };
    let nbytes = chunk_shape.iter().product::<usize>() * itemsize;
    let stored: Vec<u8> =
        if is_plain { u.bytes(u.len())?.iter().copied().cycle().take(nbytes).collect() } else { u.bytes(u.len())?.to_vec() };
    let size = shape.iter().product::<usize>() * itemsize;
    let chunk = Stored { index: index.clone(), bytes: &stored, mask: 0 };
    let (bytes, result) = fenced(size, |out| decoder.read(&start, &shape, &[chunk], out, &mut Workspace::default()));
    if result.is_ok() && is_plain {
        for flat in 0..shape.iter().product() {
            let inside: Option<Vec<usize>> = place(flat, &shape)
                .iter()
                .enumerate()
                .map(|(axis, i)| (start[axis] + i).checked_sub(index[axis] * chunk_shape[axis]).filter(|&i| i < chunk_shape[axis]))
                .collect();
            let expected = inside.map(|inside| inside.iter().zip(&chunk_shape).fold(0, |at, (i, n)| at * n + i) * itemsize);
            let got = &bytes[flat * itemsize..][..itemsize];
            assert_eq!(got, expected.map_or(&[0xAA; 16][..itemsize], |at| &stored[at..][..itemsize]));
        }
    }
    Ok(())
}
