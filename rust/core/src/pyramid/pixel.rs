//! Pixels in memory.

use super::mean::Mean;

/// A number that can be read from memory, compared and averaged.
pub trait Pixel: Copy + PartialOrd + Mean {
    /// Read it from its bytes, little endian.
    fn get(bytes: &[u8]) -> Self;
    /// Write its bytes, little endian.
    fn put(self, bytes: &mut [u8]);
}
