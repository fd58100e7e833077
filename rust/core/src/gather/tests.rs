//! The fast copy against six obvious lines, over every edge.

use proptest::prelude::*;

use super::*;
use crate::shape::nbytes;
use crate::view::extent;

/// One byte at a time, by index arithmetic alone.
fn naive(block: &View, chunk_shape: &[usize], runs: &[Run]) -> Vec<u8> {
    let mut out = Vec::new();
    let count: usize = chunk_shape.iter().product();
    for flat in 0..count {
        let (mut rest, mut source, mut is_inside) = (flat, block.origin().cast_signed(), true);
        for axis in (0..chunk_shape.len()).rev() {
            let i = rest % chunk_shape[axis];
            rest /= chunk_shape[axis];
            is_inside &= i < block.shape()[axis];
            source = source.wrapping_add(block.strides()[axis].wrapping_mul(i.cast_signed()));
        }
        for run in runs {
            for k in 0..run.nbytes {
                let byte = k / run.swap * run.swap + (run.swap - 1 - k % run.swap);
                out.push(if is_inside { block.data()[source.cast_unsigned() + run.offset + byte] } else { 0 });
            }
        }
    }
    out
}

/// Strides of an array of these axes in the given memory order, some reversed, stepped or repeated.
fn strides(shape: &[usize], order: &[usize], itemsize: usize, twists: &[u8]) -> Vec<isize> {
    let mut strides = vec![0; shape.len()];
    let mut next = itemsize.cast_signed();
    for &axis in order {
        let (step, sign) = match twists[axis] {
            0 => (2, 1),
            1 => (1, -1),
            2 => (1, 0),
            _ => (1, 1),
        };
        strides[axis] = next * step * sign;
        next *= step * shape[axis].max(1).cast_signed();
    }
    strides
}

prop_compose! {
    fn case()(ndim in 0_usize..5)(
        axes in prop::collection::vec((0_usize..6, 0_usize..4, 0_u8..8), ndim),
        order in Just((0..ndim).collect::<Vec<_>>()).prop_shuffle(),
        large in prop::option::of((0..ndim.max(1), 30_usize..50)),
        itemsize in prop::sample::select(vec![1_usize, 2, 3, 4, 6, 8, 12, 16, 24]),
        runs in prop::collection::vec((0_usize..24, 0_usize..4, prop::sample::select(vec![1_usize, 2, 3, 4, 8])), 0..4),
        whole in prop::option::of(prop::sample::select(vec![1_usize, 2, 4, 8])),
        seed in any::<u8>(),
    ) -> (Vec<usize>, Vec<usize>, Vec<isize>, usize, Vec<Run>, u8) {
        let mut shape: Vec<usize> = axes.iter().map(|a| a.0).collect();
        if let Some((axis, len)) = large && axis < shape.len() { shape[axis] = len }
        let chunk: Vec<usize> = shape.iter().zip(&axes).map(|(n, a)| n + a.1).collect();
        let twists: Vec<u8> = axes.iter().map(|a| a.2).collect();
        let strides = strides(&shape, &order, itemsize, &twists);
        let runs = match whole {
            Some(unit) => vec![Run { offset: 0, nbytes: itemsize, swap: if itemsize % unit == 0 { unit } else { 1 } }],
            None => runs.into_iter().map(|(offset, units, swap)| Run { offset, nbytes: units * swap, swap })
                .filter(|run| run.offset + run.nbytes <= itemsize).collect(),
        };
        (shape, chunk, strides, itemsize, runs, seed)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn gathers_like_index_arithmetic((shape, chunk, strides, itemsize, runs, seed) in case()) {
        let (below, above) = extent(&shape, &strides, itemsize).unwrap();
        let data: Vec<u8> = (0..=250_u8).cycle().map(|byte| byte.wrapping_mul(31).wrapping_add(seed)).take(below + above).collect();
        let view = View::new(&data, below, &shape, &strides, itemsize).unwrap();
        let layout = Layout::new(itemsize, &runs).unwrap();
        let mut out = vec![0xAA; nbytes(&chunk, layout.itemsize()).unwrap()];
        gather(&view, &chunk, &layout, &mut out).unwrap();
        prop_assert_eq!(out, naive(&view, &chunk, &runs));
    }
}

#[test]
fn layouts_are_simplified() {
    let run = |offset, nbytes, swap| Run { offset, nbytes, swap };
    assert_eq!(Layout::new(8, &[run(0, 8, 1)]), Ok(Layout::Whole(8)));
    assert_eq!(Layout::new(8, &[run(0, 4, 1), run(4, 4, 1)]), Ok(Layout::Whole(8)));
    assert_eq!(Layout::new(16, &[run(0, 8, 8), run(8, 8, 8)]), Ok(Layout::Swapped { itemsize: 16, unit: 8 }));
    assert_eq!(Layout::new(8, &[run(4, 2, 2)]), Ok(Layout::Packed { itemsize: 2, runs: vec![run(4, 2, 2)] }));
    assert_eq!(Layout::new(8, &[]), Ok(Layout::Packed { itemsize: 0, runs: vec![] }));
}

#[test]
fn refusals_name_the_numbers() {
    let message = |result: Result<Layout>| result.unwrap_err().to_string();
    assert_eq!(message(Layout::new(4, &[Run { offset: 2, nbytes: 4, swap: 1 }])), "layout takes 4 bytes from byte 2 of an item of 4 bytes");
    assert_eq!(message(Layout::new(4, &[Run { offset: 0, nbytes: 4, swap: 3 }])), "layout swaps units of 3 bytes in a run of 4");
    let view = View::new(&[0; 4], 0, &[4], &[1], 1).unwrap();
    let message = |chunk: &[usize]| gather(&view, chunk, &Layout::Whole(1), &mut []).unwrap_err().to_string();
    assert_eq!(message(&[2, 2]), "block has 1 axes, chunk has 2");
    assert_eq!(message(&[3]), "block has 4 elements along axis 0, chunk has 3: a block is at most as large as its chunk");
}
