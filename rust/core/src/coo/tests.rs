//! Densified boxes against a dense array that is cut.

use proptest::prelude::*;

use super::*;
use crate::shape::nbytes;

/// The whole array, one item a place, made by adding one entry after the other.
fn dense(coords: &[i64], data: &[u16], shape: &[usize], fill: u16) -> Vec<u16> {
    let count = shape.iter().product();
    let nnz = data.len();
    let (mut sums, mut hits) = (vec![0_u16; count], vec![false; count]);
    for (i, item) in data.iter().enumerate() {
        let place = (0..shape.len()).fold(0, |place, axis| place * shape[axis] + usize::try_from(coords[axis * nnz + i]).unwrap());
        sums[place] = sums[place].wrapping_add(*item);
        hits[place] = true;
    }
    sums.iter().zip(hits).map(|(&sum, hit)| if hit { sum } else { fill }).collect()
}

/// The box of the dense array, item by item; 0 beyond its edge.
fn cut(dense: &[u16], shape: &[usize], start: &[usize], chunk: &[usize]) -> Vec<u16> {
    let count: usize = chunk.iter().product();
    (0..count)
        .map(|flat| {
            let (mut rest, mut place, mut pitch, mut is_inside) = (flat, 0, 1, true);
            for axis in (0..shape.len()).rev() {
                let i = start[axis] + rest % chunk[axis];
                rest /= chunk[axis];
                is_inside &= i < shape[axis];
                place += i * pitch;
                pitch *= shape[axis];
            }
            if is_inside { dense[place] } else { 0 }
        })
        .collect()
}

prop_compose! {
    fn case()(shape in prop::collection::vec(1_usize..7, 0..5))(
        entries in prop::collection::vec((shape.iter().map(|&n| 0..n).collect::<Vec<_>>(), any::<u16>()), 0..40),
        start in shape.iter().map(|&n| 0..n + 2).collect::<Vec<_>>(),
        chunk in prop::collection::vec(0_usize..9, shape.len()),
        fill in prop::option::of(any::<u16>()),
        is_sorted in any::<bool>(),
        shape in Just(shape),
    ) -> (Vec<usize>, Vec<(Vec<usize>, u16)>, Vec<usize>, Vec<usize>, Option<u16>) {
        let mut entries = entries;
        if is_sorted {
            entries.sort();
            entries.dedup_by(|a, b| a.0 == b.0);
        }
        (shape, entries, start, chunk, fill)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn densifies_like_a_dense_array((shape, entries, start, chunk, fill) in case()) {
        let coords: Vec<i64> = (0..shape.len()).flat_map(|axis| entries.iter().map(move |(place, _)| i64::try_from(place[axis]).unwrap())).collect();
        let items: Vec<u16> = entries.iter().map(|(_, item)| *item).collect();
        for (dtype, bytes) in [("<u2", u16::to_le_bytes as fn(u16) -> [u8; 2]), (">u2", u16::to_be_bytes)] {
            let data: Vec<u8> = items.iter().copied().flat_map(bytes).collect();
            let coo = Coo::new(&coords, &data, &shape, &Dtype::parse(dtype).unwrap(), fill.map(bytes).as_ref().map(|fill| &fill[..])).unwrap();
            let mut out = vec![0xAA; nbytes(&chunk, 2).unwrap()];
            coo.cut(&start, &chunk).unwrap().densify(&mut out).unwrap();
            let out: Vec<u16> = out.as_chunks().0.iter().map(|&item| u16::from_le_bytes(item)).collect();
            prop_assert_eq!(out, cut(&dense(&coords, &items, &shape, fill.unwrap_or(0)), &shape, &start, &chunk));
        }
    }
}

#[test]
fn items_of_every_size() {
    for itemsize in 1..=20 {
        let data: Vec<u8> = (0..).take(2 * itemsize).collect();
        let coo = Coo::new(&[3, 1], &data, &[4], &Dtype::parse(&format!("|S{itemsize}")).unwrap(), None).unwrap();
        let mut out = vec![0xAA; 4 * itemsize];
        coo.cut(&[0], &[4]).unwrap().densify(&mut out).unwrap();
        let (first, second) = data.split_at(itemsize);
        let zero = vec![0; itemsize];
        assert_eq!(out, [&zero, second, &zero, first].concat());
    }
}

#[test]
fn refusals_name_the_numbers() {
    let refusal = |coords: &[i64], data: &[u8], shape: &[usize], dtype: &str, fill: Option<&[u8]>| {
        Coo::new(coords, data, shape, &Dtype::parse(dtype).unwrap(), fill).unwrap_err().to_string()
    };
    assert_eq!(refusal(&[0, 5], &[1, 2], &[4], "|u1", None), "entry 1 has coordinate 5 along axis 0, which has 4 elements");
    assert_eq!(refusal(&[-1], &[1], &[4], "|u1", None), "entry 0 has coordinate -1 along axis 0, which has 4 elements");
    assert_eq!(refusal(&[0], &[1], &[4, 4], "|u1", None), "1 coordinates: expected 2 axes times 1 items");
    assert_eq!(refusal(&[0], &[1], &[4], "<u2", None), "data of 1 bytes: expected items of 2 bytes");
    assert_eq!(refusal(&[0], &[1], &[4], "|u1", Some(&[1, 2])), "fill has 2 bytes, an item has 1");
    assert_eq!(
        refusal(&[0, 0], &[0], &[usize::MAX, 2], "|u1", None),
        format!("shape [{}, 2]: its elements are too many to count", usize::MAX)
    );
    assert_eq!(
        refusal(&[1, 1, 2, 2], &[0; 16], &[3, 4], "<M8[s]", None),
        "two entries at [1, 2]: items that are no numbers cannot be added, keep one of them"
    );
    let coo = Coo::new(&[], &[], &[4], &Dtype::parse("|u1").unwrap(), None).unwrap();
    assert_eq!(coo.cut(&[0, 0], &[1]).err().unwrap().to_string(), "array has 1 axes, start has 2, chunk has 1");
}
