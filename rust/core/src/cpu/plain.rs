//! A processor for which there are no kernels: all work is left to the caller's plain code.

use super::compare::{Compare, LANES, equal};

/// Shuffles no item.
pub fn shuffle(_typesize: usize, _source: &[u8], _target: &mut [u8]) -> usize {
    0
}

/// Unshuffles no item.
pub fn unshuffle(_typesize: usize, _source: &[u8], _target: &mut [u8]) -> usize {
    0
}

/// Bit-shuffles no item.
pub fn bitshuffle(_typesize: usize, _source: &[u8], _pitch: usize, _target: &mut [u8]) -> usize {
    0
}

/// Compares no row.
pub fn repeats<'a>(_rows: impl Iterator<Item = &'a [u8]>, _lanes: &[u8; LANES]) -> Option<bool> {
    None
}

/// Does the work with words of eight bytes.
pub fn by_compare<W: Compare>(work: W) -> W::Made {
    work.run(equal)
}

/// Does nothing: stable Rust has no such instruction for this processor.
pub fn prefetch(_bytes: &[u8]) {}

/// Does the work as it is.
pub fn vectorised<T>(work: impl FnOnce() -> T) -> T {
    work()
}
