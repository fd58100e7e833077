//! Sparse arrays, cut and densified.

use arbitrary::Unstructured;
use tiled_zarr_core::{Codec, Coo, Dtype, Workspace, encode_cut};

use crate::codecs;
use crate::gathering::place;
use crate::memory::fenced;

pub fn coo(input: &[u8]) {
    let _ = check(&mut Unstructured::new(input));
}

fn check(u: &mut Unstructured) -> arbitrary::Result<()> {
    let ndim = u.int_in_range(0..=3)?;
    let shape = (0..ndim).map(|_| u.int_in_range(0..=9)).collect::<Result<Vec<usize>, _>>()?;
    let start = (0..ndim).map(|_| u.int_in_range(0..=10)).collect::<Result<Vec<usize>, _>>()?;
    let chunk_shape = (0..ndim).map(|_| u.int_in_range(0..=9)).collect::<Result<Vec<usize>, _>>()?;
    let fill: Option<[u8; 2]> = u.arbitrary()?;
    let nnz = u.int_in_range(0..=20)?;
    let coords = (0..ndim * nnz).map(|_| u.int_in_range(-1..=9)).collect::<Result<Vec<i64>, _>>()?;
    let items = (0..nnz).map(|_| u.arbitrary()).collect::<Result<Vec<u16>, _>>()?;
    let data: Vec<u8> = items.iter().flat_map(|item| item.to_le_bytes()).collect();
    let Ok(index) = Coo::new(&coords, &data, &shape, &Dtype::parse("<u2").unwrap(), fill.as_ref().map(|fill| &fill[..])) else {
        return Ok(());
    };
    let cut = index.cut(&start, &chunk_shape).unwrap();
    let mut expected = Vec::new();
    for flat in 0..chunk_shape.iter().product() {
        let place: Vec<usize> = place(flat, &chunk_shape).iter().zip(&start).map(|(i, start)| i + start).collect();
        let is_inside = place.iter().zip(&shape).all(|(i, n)| i < n);
        let here = (0..nnz).filter(|&k| (0..ndim).all(|axis| usize::try_from(coords[axis * nnz + k]) == Ok(place[axis])));
        let sum = here.map(|k| items[k]).reduce(u16::wrapping_add);
        let empty = if is_inside { fill.map_or(0, u16::from_le_bytes) } else { 0 };
        expected.extend(sum.unwrap_or(empty).to_le_bytes());
    }
    let (bytes, result) = fenced(cut.nbytes(), |out| cut.densify(out));
    result.unwrap();
    assert_eq!(bytes, expected);
    assert!(cut.constant().is_none_or(|item| bytes.chunks(2).all(|other| other == item)));
    assert_eq!(codecs::written(&encode_cut(&cut, &Codec::none(), &mut Workspace::default()).unwrap()), expected);
    assert_eq!(codecs::filled(|workspace| encode_cut(&cut, &Codec::none(), workspace)), expected);
    Ok(())
}
