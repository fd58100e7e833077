//! Ascending numbers, in 4 bytes each if they fit.

use std::ops::Range;

use crate::error::Result;
use crate::scratch::reserve;

/// Numbers of 4 bytes each if all fit, else of 8.
#[derive(Debug)]
pub enum Numbers {
    /// Below 2^32.
    Narrow(Vec<u32>),
    /// Any.
    Wide(Vec<u64>),
}

impl Numbers {
    /// No numbers, with room for `len` that are at most `max`.
    pub fn new(len: usize, max: usize) -> Result<Self> {
        Ok(if u32::try_from(max).is_ok() { Self::Narrow(reserve(len)?) } else { Self::Wide(reserve(len)?) })
    }

    /// Add a number, at most the `max` of [`Self::new`].
    #[inline]
    pub fn push(&mut self, number: usize) {
        match self {
            Self::Narrow(numbers) => numbers.push(u32::try_from(number).expect("at most the largest")),
            Self::Wide(numbers) => numbers.push(number as u64),
        }
    }

    /// Number `i`.
    #[inline]
    pub fn get(&self, i: usize) -> usize {
        match self {
            Self::Narrow(numbers) => numbers[i].at(),
            Self::Wide(numbers) => numbers[i].at(),
        }
    }

    /// How many numbers there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Narrow(numbers) => numbers.len(),
            Self::Wide(numbers) => numbers.len(),
        }
    }

    /// Bytes of memory.
    pub fn nbytes(&self) -> usize {
        match self {
            Self::Narrow(numbers) => size_of_val(&numbers[..]),
            Self::Wide(numbers) => size_of_val(&numbers[..]),
        }
    }

    /// The indices in `range` whose numbers lie in `bounds`.
    pub fn within(&self, range: Range<usize>, bounds: &Range<usize>) -> Range<usize> {
        match self {
            Self::Narrow(numbers) => within(&numbers[range.clone()], range.start, bounds),
            Self::Wide(numbers) => within(&numbers[range.clone()], range.start, bounds),
        }
    }
}

/// A number of either width.
pub trait Number: Copy {
    /// The number as an index.
    fn at(self) -> usize;
}

impl Number for u32 {
    #[inline]
    fn at(self) -> usize {
        self as usize
    }
}

impl Number for u64 {
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "it was a usize")]
    fn at(self) -> usize {
        self as usize
    }
}

fn within<N: Number>(numbers: &[N], start: usize, bounds: &Range<usize>) -> Range<usize> {
    let first = find(numbers, guess(numbers, bounds.start), bounds.start);
    let n = find(&numbers[first..], 0, bounds.end);
    start + first..start + first + n
}

/// The index of a number if the numbers were evenly spread.
fn guess<N: Number>(numbers: &[N], number: usize) -> usize {
    let (Some(low), Some(high)) = (numbers.first(), numbers.last()) else { return 0 };
    let (low, high) = (low.at() as u128, high.at() as u128 + 1);
    let share = (number as u128).clamp(low, high) - low;
    usize::try_from(share * numbers.len() as u128 / (high - low)).expect("a share of them")
}

/// How many numbers lie below `number`, by steps of growing length from a guess. A bisection of the
/// whole row would touch memory far apart, and each such read misses the cache.
fn find<N: Number>(numbers: &[N], guess: usize, number: usize) -> usize {
    let is_below = |i: usize| numbers[i].at() < number;
    let (mut low, mut high) = (guess, guess);
    let mut step = 8;
    while low > 0 && !is_below(low - 1) {
        high = low - 1;
        low = low.saturating_sub(step);
        step *= 2;
    }
    let mut step = 8;
    while high < numbers.len() && is_below(high) {
        low = high + 1;
        high = numbers.len().min(high + step);
        step *= 2;
    }
    low + numbers[low..high].partition_point(|other| other.at() < number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_lies_within(
            numbers in prop::collection::btree_set(prop_oneof![0_usize..300, 0_usize..100_000], 0..300),
            from in any::<prop::sample::Index>(),
            bounds in (0_usize..100_100, 0_usize..5000),
            max in prop::sample::select(vec![100_000, usize::MAX]),
        ) {
            let mut packed = Numbers::new(numbers.len(), max).unwrap();
            for &number in &numbers {
                packed.push(number);
            }
            let numbers: Vec<usize> = numbers.into_iter().collect();
            let range = from.index(numbers.len() + 1)..numbers.len();
            let bounds = bounds.0..bounds.0 + bounds.1;
            let found = packed.within(range.clone(), &bounds);
            let expected: Vec<usize> = range.filter(|&i| bounds.contains(&numbers[i])).collect();
            prop_assert!((0..packed.len()).all(|i| packed.get(i) == numbers[i]));
            prop_assert_eq!(found.collect::<Vec<_>>(), expected);
        }
    }
}
