//! Bytes compared many at a time.

/// Bytes of two places that are compared at once: a bit of a word for each.
pub const SPAN: usize = u64::BITS as usize;
/// Bytes that are compared with an item at once: a whole number of items of 1 to 128 bytes whose
/// size is a power of two, and four vectors of AVX2.
pub const LANES: usize = 128;

/// Work that compares spans of bytes, compiled once for each kind of processor.
///
/// A function that is called for every 64 bytes has to be compiled into the loop around it, so the
/// loop is handed to the kernel and not the other way round. `run` is `#[inline(always)]` where it
/// is implemented: only then is the loop compiled with the kernel's instructions.
pub trait Compare {
    /// What comes of the work.
    type Made;

    /// Do the work. Bit `i` of what `equal` returns says whether byte `i` is the same in both
    /// spans.
    fn run(self, equal: impl Fn(&[u8; SPAN], &[u8; SPAN]) -> u64) -> Self::Made;
}

/// Which bytes of two spans are equal, found with words of eight bytes.
pub fn equal(a: &[u8; SPAN], b: &[u8; SPAN]) -> u64 {
    const LOW: u64 = 0x7F7F_7F7F_7F7F_7F7F;
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let words = a.as_chunks().0.iter().zip(b.as_chunks().0);
    words.enumerate().fold(0, |bits, (i, (a, b))| {
        let differs = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        let zeros = !(((differs & LOW) + LOW) | differs | LOW) >> 7;
        bits | zeros.wrapping_mul(GATHER) >> 56 << (8 * i)
    })
}
