//! Blocks whose items are all equal.

use super::axis::Axis;
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
    let rows = Rows { data: block.data(), axes: outer, nbytes: row_nbytes };
    rows.repeat(lowest, item).then_some(item)
}

/// Where rows of `nbytes` bytes lie.
#[derive(Clone, Copy)]
struct Rows<'a> {
    data: &'a [u8],
    axes: &'a [Axis],
    nbytes: usize,
}

impl Rows<'_> {
    /// Whether all of them are nothing but the item, the first of them at `start`.
    fn repeat(self, start: usize, item: &[u8]) -> bool {
        if !LANES.is_multiple_of(item.len()) {
            return self.every(start, &|row: &[u8]| row.starts_with(item) && row[item.len()..] == row[..row.len() - item.len()]);
        }
        let lanes: [u8; LANES] = std::array::from_fn(|i| item[i % item.len()]);
        self.every(start, &|row: &[u8]| are_lanes(row, &lanes))
    }

    /// Whether `holds` is true of every row.
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
fn are_lanes(row: &[u8], lanes: &[u8; LANES]) -> bool {
    row.chunks(STEP).all(|step| {
        let (pieces, rest) = step.as_chunks();
        are_all(pieces, lanes) && (rest.is_empty() || *rest == lanes[..rest.len()])
    })
}

/// Whether all pieces are the lanes.
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "calling a function made for a processor feature, once the feature was seen")]
fn are_all(pieces: &[[u8; LANES]], lanes: &[u8; LANES]) -> bool {
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the only thing asked is that the processor has AVX2, which was just detected.
        return unsafe { avx2::are_all(pieces, lanes) };
    }
    are_equal(pieces, lanes)
}

/// The compiler's own vector instructions have to do.
#[cfg(not(target_arch = "x86_64"))]
fn are_all(pieces: &[[u8; LANES]], lanes: &[u8; LANES]) -> bool {
    are_equal(pieces, lanes)
}

/// The same one after the other.
fn are_equal(pieces: &[[u8; LANES]], lanes: &[u8; LANES]) -> bool {
    pieces.iter().all(|piece| piece == lanes)
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{__m256i, _mm256_or_si256, _mm256_setzero_si256, _mm256_testz_si256, _mm256_xor_si256};

    use super::LANES;

    /// Whether all pieces are the lanes; all are looked at, four vectors at a time, which do not wait for each other.
    #[target_feature(enable = "avx2")]
    pub fn are_all(pieces: &[[u8; LANES]], lanes: &[u8; LANES]) -> bool {
        let lanes: [__m256i; 4] = bytemuck::cast(*lanes);
        let [mut a, mut b, mut c, mut d] = [_mm256_setzero_si256(); 4];
        for piece in pieces {
            let piece: [__m256i; 4] = bytemuck::cast(*piece);
            a = _mm256_or_si256(a, _mm256_xor_si256(piece[0], lanes[0]));
            b = _mm256_or_si256(b, _mm256_xor_si256(piece[1], lanes[1]));
            c = _mm256_or_si256(c, _mm256_xor_si256(piece[2], lanes[2]));
            d = _mm256_or_si256(d, _mm256_xor_si256(piece[3], lanes[3]));
        }
        let any = _mm256_or_si256(_mm256_or_si256(a, b), _mm256_or_si256(c, d));
        _mm256_testz_si256(any, any) == 1
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
        for place in 0..3 * LANES {
            let mut pieces = [lanes; 3];
            assert!(are_all(&pieces, &lanes) && are_equal(&pieces, &lanes));
            pieces[place / LANES][place % LANES] ^= 4;
            assert!(!are_all(&pieces, &lanes) && !are_equal(&pieces, &lanes));
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
