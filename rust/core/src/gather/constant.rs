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
    let pattern = Pattern::new(item);
    let fills = |start: usize| pattern.fills(&block.data()[start..][..row_nbytes]);
    every(outer, lowest, &fills).then_some(item)
}

/// Whether `holds` is true of every place of `axes`, counted from `start`.
fn every(axes: &[Axis], start: usize, holds: &impl Fn(usize) -> bool) -> bool {
    match axes.split_first() {
        None => holds(start),
        Some((axis, inner)) => (0..axis.len).all(|i| every(inner, start + i * axis.pitch, holds)),
    }
}

/// An item, written down as often as it fits into what is compared at once.
struct Pattern<'a> {
    item: &'a [u8],
    lanes: Option<[u8; LANES]>,
}

impl<'a> Pattern<'a> {
    fn new(item: &'a [u8]) -> Self {
        let lanes = LANES.is_multiple_of(item.len()).then(|| std::array::from_fn(|i| item[i % item.len()]));
        Self { item, lanes }
    }

    /// Whether `row`, a whole number of items, is nothing but the item.
    fn fills(&self, row: &[u8]) -> bool {
        let n = self.item.len();
        match &self.lanes {
            None => row.starts_with(self.item) && row[n..] == row[..row.len() - n],
            Some(pattern) => row.chunks(STEP).all(|step| {
                let (lanes, rest) = step.as_chunks::<LANES>();
                let mut difference = [0; LANES];
                for lane in lanes {
                    for i in 0..LANES {
                        difference[i] |= lane[i] ^ pattern[i];
                    }
                }
                difference == [0; LANES] && rest == &pattern[..rest.len()]
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sees_every_difference(itemsize in prop::sample::select(vec![1_usize, 2, 3, 4, 8, 12, 16, 80]), count in 1_usize..300, change in prop::option::of((any::<prop::sample::Index>(), 1_u8..))) {
            let item: Vec<u8> = (1..).take(itemsize).collect();
            let mut data = item.repeat(count);
            if let Some((place, change)) = change {
                let place = place.index(data.len());
                data[place] ^= change;
            }
            let stride = itemsize.cast_signed();
            let is_constant = data.chunks(itemsize).all(|other| *other == data[..itemsize]);
            for (origin, stride) in [(0, stride), (data.len() - itemsize, -stride)] {
                let (shape, strides) = ([count], [stride]);
                let found = constant(&View::new(&data, origin, &shape, &strides, itemsize).unwrap());
                prop_assert_eq!(found, is_constant.then_some(&data[..itemsize]));
            }
        }
    }

    #[test]
    fn looks_at_items_alone() {
        let data = [1, 9, 1, 9, 9, 9, 1, 9, 1];
        let see = |shape: &[usize], strides: &[isize]| constant(&View::new(&data, 0, shape, strides, 1).unwrap()).is_some();
        assert!(see(&[2, 2], &[6, 2]));
        assert!(!see(&[2, 2], &[6, 1]));
        assert!(see(&[1000, 1000], &[0, 0]));
        assert!(see(&[], &[]));
        assert!(!see(&[0], &[1]));
    }
}
