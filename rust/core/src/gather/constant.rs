//! Blocks whose items are all equal.

use super::axis::Axis;
use crate::rows::Rows;
use crate::view::View;

/// Bytes compared between two looks at the result.
const STEP: usize = 4096;
/// Bytes compared at once: a whole number of items of every common size.
const LANES: usize = 128;

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
    let grid = Grid { data: block.data(), axes: outer, nbytes: row_nbytes };
    grid.repeats(lowest, item).then_some(item)
}

/// Where rows of `nbytes` bytes lie.
#[derive(Clone, Copy)]
struct Grid<'a> {
    data: &'a [u8],
    axes: &'a [Axis],
    nbytes: usize,
}

impl<'a> Grid<'a> {
    /// Whether all rows are nothing but the item, the first of them at `start`.
    fn repeats(self, start: usize, item: &[u8]) -> bool {
        if !LANES.is_multiple_of(item.len()) {
            let repeats = |row: &[u8]| row.starts_with(item) && row[item.len()..] == row[..row.len() - item.len()];
            return self.every(start, &|rows: Rows| rows.iter().all(repeats));
        }
        let lanes: [u8; LANES] = std::array::from_fn(|i| item[i % item.len()]);
        self.every(start, &|rows: Rows| are_lanes(rows, &lanes))
    }

    /// Whether `hold` is true of all rows, told of those along the last axis at once.
    fn every(self, start: usize, hold: &impl Fn(Rows<'a>) -> bool) -> bool {
        let rows = |stride: isize, count| hold(Rows::new(self.data, start, stride, self.nbytes, count));
        match self.axes {
            [] => rows(0, 1),
            [axis] => rows(axis.stride, axis.len),
            [axis, inner @ ..] => (0..axis.len).all(|i| Grid { axes: inner, ..self }.every(start + i * axis.pitch, hold)),
        }
    }
}

/// Whether rows, whole numbers of items, are nothing but the item that fills the lanes.
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "calling a function made for a processor feature, once the feature was seen")]
fn are_lanes(rows: Rows, lanes: &[u8; LANES]) -> bool {
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the only thing asked is that the processor has AVX2, which was just detected.
        return unsafe { avx2::are_lanes(rows, lanes) };
    }
    are_equal(rows, lanes)
}

/// The compiler's own vector instructions have to do.
#[cfg(not(target_arch = "x86_64"))]
fn are_lanes(rows: Rows, lanes: &[u8; LANES]) -> bool {
    are_equal(rows, lanes)
}

/// The same, one piece after the other.
fn are_equal(rows: Rows, lanes: &[u8; LANES]) -> bool {
    rows.iter().flat_map(|row| row.chunks(LANES)).all(|piece| *piece == lanes[..piece.len()])
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{__m256i, _mm256_or_si256, _mm256_setzero_si256, _mm256_testz_si256, _mm256_xor_si256};

    use super::{LANES, STEP};
    use crate::rows::Rows;

    /// Bits in which four vectors have differed from what they should be; they do not wait for each other.
    struct Difference([__m256i; 4]);

    impl Difference {
        #[inline]
        #[target_feature(enable = "avx2")]
        fn none() -> Self {
            Self([_mm256_setzero_si256(); 4])
        }

        #[inline]
        #[target_feature(enable = "avx2")]
        fn add(&mut self, piece: &[u8; LANES], lanes: &[__m256i; 4]) {
            let piece: [__m256i; 4] = bytemuck::cast(*piece);
            for i in 0..4 {
                self.0[i] = _mm256_or_si256(self.0[i], _mm256_xor_si256(piece[i], lanes[i]));
            }
        }

        #[inline]
        #[target_feature(enable = "avx2")]
        fn is_none(&self) -> bool {
            let [a, b, c, d] = self.0;
            let any = _mm256_or_si256(_mm256_or_si256(a, b), _mm256_or_si256(c, d));
            _mm256_testz_si256(any, any) == 1
        }
    }

    /// Whether rows are nothing but the lanes.
    #[target_feature(enable = "avx2")]
    pub fn are_lanes(rows: Rows, lanes: &[u8; LANES]) -> bool {
        let vectors: [__m256i; 4] = bytemuck::cast(*lanes);
        let mut difference = Difference::none();
        let mut unseen = 0;
        for row in rows.iter() {
            for step in row.chunks(STEP) {
                let (pieces, rest) = step.as_chunks();
                for piece in pieces {
                    difference.add(piece, &vectors);
                }
                unseen += step.len();
                if unseen >= STEP {
                    if !difference.is_none() {
                        return false;
                    }
                    unseen = 0;
                }
                if !rest.is_empty() && *rest != lanes[..rest.len()] {
                    return false;
                }
            }
        }
        difference.is_none()
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
    fn every_processor_sees_the_same() {
        let lanes: [u8; LANES] = std::array::from_fn(|i| u8::try_from(i).unwrap());
        let mut data = [lanes, lanes, lanes].concat();
        for place in 0..data.len() {
            for row in [LANES, 3 * LANES / 2] {
                let see = |data: &[u8]| [are_lanes, are_equal].map(|are| are(Rows::new(data, 0, LANES.cast_signed(), row, 2), &lanes));
                assert_eq!(see(&data), [true; 2]);
                data[place] ^= 4;
                assert_eq!(see(&data), [place >= LANES + row; 2]);
                data[place] ^= 4;
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
