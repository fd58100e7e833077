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
    let rows = Rows { data: block.data(), axes: outer, nbytes: row_nbytes };
    repeats(rows, lowest, item).then_some(item)
}

/// Where rows of `nbytes` bytes lie.
#[derive(Clone, Copy)]
struct Rows<'a> {
    data: &'a [u8],
    axes: &'a [Axis],
    nbytes: usize,
}

/// Whether all rows are nothing but the item, the first of them at `start`.
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "calling a function made for a processor feature, once the feature was seen")]
fn repeats(rows: Rows, start: usize, item: &[u8]) -> bool {
    #[target_feature(enable = "avx2")]
    fn with_avx2(rows: Rows, start: usize, item: &[u8]) -> bool {
        rows.repeat(start, item)
    }
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the only thing asked is that the processor has AVX2, which was just detected.
        return unsafe { with_avx2(rows, start, item) };
    }
    rows.repeat(start, item)
}

/// The compiler's own vector instructions have to do.
#[cfg(not(target_arch = "x86_64"))]
fn repeats(rows: Rows, start: usize, item: &[u8]) -> bool {
    rows.repeat(start, item)
}

impl Rows<'_> {
    #[inline]
    fn repeat(self, start: usize, item: &[u8]) -> bool {
        if !LANES.is_multiple_of(item.len()) {
            return self.every(start, &|row: &[u8]| row.starts_with(item) && row[item.len()..] == row[..row.len() - item.len()]);
        }
        let lanes: [u8; LANES] = std::array::from_fn(|i| item[i % item.len()]);
        self.every(start, &|row: &[u8]| are_lanes(row, &lanes))
    }

    /// Whether `holds` is true of every row.
    #[inline]
    fn every(self, start: usize, holds: &impl Fn(&[u8]) -> bool) -> bool {
        let row = |at: usize| holds(&self.data[at..][..self.nbytes]);
        match self.axes {
            [] => row(start),
            [axis] => (0..axis.len).all(|i| row(start + i * axis.pitch)),
            [axis, inner @ ..] => (0..axis.len).all(|i| Rows { axes: inner, ..self }.every(start + i * axis.pitch, holds)),
        }
    }
}

/// Whether a row, a whole number of items, is nothing but the item that fills the lanes.
#[inline]
fn are_lanes(row: &[u8], lanes: &[u8; LANES]) -> bool {
    row.chunks(STEP).all(|step| {
        let (pieces, rest) = step.as_chunks::<LANES>();
        let mut difference = [0; LANES];
        for piece in pieces {
            for i in 0..LANES {
                difference[i] |= piece[i] ^ lanes[i];
            }
        }
        difference == [0; LANES] && rest == &lanes[..rest.len()]
    })
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
