//! The smallest and the largest number of each bin of a line.
//!
//! A bin is `factor` consecutive numbers; the last one may be shorter. NaN and the mark ("no value
//! here") are skipped. A bin of nothing else has no number: it becomes NaN, or the mark if the
//! numbers are integers.
//!
//! Several lanes find extremes side by side, so that the compiler can keep them in vector
//! registers: it may not reorder comparisons of floats itself. The lanes begin with the largest
//! number as `low` and the smallest as `high`. So `low > high` in the end if all were skipped.
#![expect(clippy::inline_always, reason = "what is not inlined is not compiled for the processor's vectors")]

use std::ops::Range;

use half::f16;

use super::pixel::Pixel;
use crate::cpu;
use crate::gather::swap_units;
use crate::view::View;

/// Bytes of the numbers that all lanes take in one step: four vectors of 16 bytes.
pub const STEP: usize = 64;
/// Writes the extremes of each bin of a line.
pub type Bins = fn(line: &Line, factor: usize, mark: Option<&[u8]>, out: &mut [u8]);

/// A view with one axis, and the width in bytes of the units whose bytes are reversed (1: none).
pub struct Line<'a> {
    pub view: &'a View<'a>,
    pub swap: usize,
}

impl Line<'_> {
    /// Some items, little endian and contiguous: in the line's memory if they are, else in `copy`.
    fn items<'b>(&'b self, places: Range<usize>, copy: &'b mut Vec<u8>) -> &'b [u8] {
        let (view, stride) = (self.view, self.view.strides()[0]);
        if stride.cast_unsigned() == view.itemsize() && self.swap == 1 {
            return &view.data()[view.origin() + places.start * view.itemsize()..][..places.len() * view.itemsize()];
        }
        copy.clear();
        for place in places {
            let offset = isize::try_from(place).expect("an index is below isize::MAX") * stride;
            let at = view.origin().checked_add_signed(offset).expect("a view lies inside its memory");
            copy.extend_from_slice(&view.data()[at..][..view.itemsize()]);
        }
        if self.swap > 1 {
            swap_units(copy, self.swap);
        }
        copy
    }
}

/// A number whose order is that of its keys.
pub trait Ordered: Pixel {
    /// What is compared in place of the number.
    type Key: Copy + PartialOrd;
    /// The smallest key.
    const LEAST: Self::Key;
    /// The largest key.
    const MOST: Self::Key;
    /// The key of a number; a NaN gets any that is `skipped`, or one that compares as NaN does.
    fn key(self) -> Self::Key;
    /// The number of a key.
    fn of(key: Self::Key) -> Self;
    /// Whether a key is that of a NaN that compares like a number.
    fn is_skipped(_: Self::Key) -> bool {
        false
    }
    /// The keys in place of one that is skipped, as a candidate for the smallest and the largest.
    const SKIPPED: (Self::Key, Self::Key) = (Self::MOST, Self::LEAST);
    /// The number for a bin without any.
    fn none(mark: Option<Self>) -> Self;
}

macro_rules! integers {
    ($($type:ty),*) => {
        $(impl Ordered for $type {
            type Key = Self;
            const LEAST: Self = Self::MIN;
            const MOST: Self = Self::MAX;
            fn key(self) -> Self {
                self
            }
            fn of(key: Self) -> Self {
                key
            }
            fn none(mark: Option<Self>) -> Self {
                mark.expect("only marks are skipped")
            }
        })*
    };
}

macro_rules! floats {
    ($($type:ty),*) => {
        $(impl Ordered for $type {
            type Key = Self;
            const LEAST: Self = Self::NEG_INFINITY;
            const MOST: Self = Self::INFINITY;
            const SKIPPED: (Self, Self) = (Self::NAN, Self::NAN);
            fn key(self) -> Self {
                self
            }
            fn of(key: Self) -> Self {
                key
            }
            fn none(_: Option<Self>) -> Self {
                Self::NAN
            }
        })*
    };
}

integers!(u8, u16, u64, i8, i16, i32, i64);
floats!(f32, f64);

/// SSE2 compares integers of 32 bits only if they are signed.
impl Ordered for u32 {
    type Key = i32;
    const LEAST: i32 = i32::MIN;
    const MOST: i32 = i32::MAX;
    fn key(self) -> i32 {
        self.cast_signed() ^ i32::MIN
    }
    fn of(key: i32) -> Self {
        (key ^ i32::MIN).cast_unsigned()
    }
    fn none(mark: Option<Self>) -> Self {
        mark.expect("only marks are skipped")
    }
}

/// Half floats are compared as integers, since the processor does not compare them itself.
impl Ordered for f16 {
    type Key = i16;
    const LEAST: i16 = i16::MIN;
    const MOST: i16 = i16::MAX;
    fn key(self) -> i16 {
        let bits = self.to_bits().cast_signed();
        if bits == i16::MIN { 0 } else { bits ^ (bits >> 15 & i16::MAX) }
    }
    fn of(key: i16) -> Self {
        Self::from_bits((key ^ (key >> 15 & i16::MAX)).cast_unsigned())
    }
    fn is_skipped(key: i16) -> bool {
        const INFINITY: i16 = 0x7c00;
        !(!INFINITY..=INFINITY).contains(&key)
    }
    fn none(_: Option<Self>) -> Self {
        Self::NAN
    }
}

/// Write the extremes of each bin of a line of numbers, with `LANES` lanes.
pub fn each<N: Ordered, const LANES: usize>(line: &Line, factor: usize, mark: Option<&[u8]>, out: &mut [u8]) {
    let (n, mark) = (line.view.shape()[0], mark.map(N::get));
    cpu::vectorised(
        #[inline(always)]
        || {
            let mut copy = Vec::new();
            for (i, out) in out.chunks_exact_mut(2 * size_of::<N>()).enumerate() {
                let items = line.items(i * factor..n.min(factor.saturating_mul(i + 1)), &mut copy);
                bin::<N, LANES>(items, mark, out);
            }
        },
    );
}

/// Write the extremes of one bin, given as bytes, little endian, and not empty.
#[inline(always)]
fn bin<N: Ordered, const LANES: usize>(items: &[u8], mark: Option<N>, out: &mut [u8]) {
    let (low, high) = match mark.map(N::key) {
        None => extremes::<N, LANES>(items, N::is_skipped),
        Some(mark) => extremes::<N, LANES>(items, |key| key == mark || N::is_skipped(key)),
    };
    let (first, second) = out.split_at_mut(size_of::<N>());
    let is_empty = low > high;
    (if is_empty { N::none(mark) } else { N::of(low) }).put(first);
    (if is_empty { N::none(mark) } else { N::of(high) }).put(second);
}

#[inline(always)]
fn extremes<N: Ordered, const LANES: usize>(items: &[u8], is_skipped: impl Fn(N::Key) -> bool + Copy) -> (N::Key, N::Key) {
    let take = |low: &mut N::Key, high: &mut N::Key, item: &[u8]| {
        let key = N::get(item).key();
        let (down, up) = if is_skipped(key) { N::SKIPPED } else { (key, key) };
        *low = smaller(down, *low);
        *high = larger(up, *high);
    };
    let (mut lows, mut highs) = ([N::MOST; LANES], [N::LEAST; LANES]);
    let steps = items.chunks_exact(LANES * size_of::<N>());
    let rest = steps.remainder();
    for step in steps {
        for ((low, high), item) in lows.iter_mut().zip(&mut highs).zip(step.chunks_exact(size_of::<N>())) {
            take(low, high, item);
        }
    }
    // Apart from the lanes, which stay in registers only if no index of them is a variable.
    let (mut low, mut high) = (N::MOST, N::LEAST);
    for item in rest.chunks_exact(size_of::<N>()) {
        take(&mut low, &mut high, item);
    }
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for i in 0..width {
            lows[i] = smaller(lows[i], lows[i + width]);
            highs[i] = larger(highs[i], highs[i + width]);
        }
    }
    (smaller(lows[0], low), larger(highs[0], high))
}

/// The smaller key; the second if the first is NaN.
#[inline(always)]
fn smaller<K: PartialOrd>(a: K, b: K) -> K {
    if a < b { a } else { b }
}

/// The larger key; the second if the first is NaN.
#[inline(always)]
fn larger<K: PartialOrd>(a: K, b: K) -> K {
    if a > b { a } else { b }
}

/// Bins of a line of `n` items.
///
/// ```
/// # use tiled_zarr_core::pyramid::bins;
/// assert_eq!((bins(0, 64), bins(64, 64), bins(65, 64)), (0, 1, 2));
/// ```
#[must_use]
pub fn bins(n: usize, factor: usize) -> usize {
    n.div_ceil(factor)
}

#[cfg(test)]
mod tests;
