//! Blocks whose items are all equal.

use super::axis::Axis;
use crate::view::View;

/// Bytes compared between two looks at the result.
const STEP: usize = 4096;
/// Bytes compared at once: a whole number of items of every common size.
const LANES: usize = 64;

/// The bytes of the item that `block` repeats; `None` where two items differ or there are none.
///
/// Order does not matter here, so a row is whatever runs through memory without gaps, forwards or backwards.
pub fn constant<'a>(block: &View<'a>) -> Option<&'a [u8]> {
    if block.shape().contains(&0) || block.itemsize() == 0 {
        return None;
    }
    let mut lowest = block.origin();
    let mut axes = Vec::with_capacity(block.shape().len());
    for (&len, &stride) in block.shape().iter().zip(block.strides()).filter(|&(&len, &stride)| len > 1 && stride != 0) {
        let pitch = stride.unsigned_abs();
        if stride < 0 {
            lowest -= (len - 1) * pitch;
        }
        axes.push(Axis { len, full: len, stride: pitch.cast_signed(), pitch });
    }
    axes.sort_by_key(|axis| std::cmp::Reverse(axis.pitch));
    let axes = super::axis::merge(&axes);
    let itemsize = block.itemsize();
    let item = &block.data()[lowest..][..itemsize];
    let (outer, row_nbytes) = match axes.split_last() {
        Some((row, outer)) if row.pitch == itemsize => (outer, row.len * itemsize),
        _ => (&axes[..], itemsize),
    };
    repeats_everywhere(block.data(), lowest, outer, row_nbytes, item).then_some(item)
}

/// Whether every row that starts at a place of `axes`, counted from `start`, repeats `item`.
fn repeats_everywhere(data: &[u8], start: usize, axes: &[Axis], row_nbytes: usize, item: &[u8]) -> bool {
    match axes.split_first() {
        None => repeats(&data[start..][..row_nbytes], item),
        Some((axis, inner)) => (0..axis.len).all(|i| repeats_everywhere(data, start + i * axis.pitch, inner, row_nbytes, item)),
    }
}

/// Whether `row`, a whole number of items, is nothing but `item`.
fn repeats(row: &[u8], item: &[u8]) -> bool {
    if !LANES.is_multiple_of(item.len()) {
        return row.starts_with(item) && row[item.len()..] == row[..row.len() - item.len()];
    }
    let mut pattern = [0; LANES];
    pattern.chunks_exact_mut(item.len()).for_each(|to| to.copy_from_slice(item));
    row.chunks(STEP).all(|step| {
        let (lanes, rest) = step.as_chunks::<LANES>();
        let mut differences = [0; LANES];
        for lane in lanes {
            for ((difference, a), b) in differences.iter_mut().zip(lane).zip(&pattern) {
                *difference |= a ^ b;
            }
        }
        differences == [0; LANES] && rest == &pattern[..rest.len()]
    })
}
