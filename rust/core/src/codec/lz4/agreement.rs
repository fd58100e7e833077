//! How many bytes two places have in common.
#![expect(clippy::inline_always, reason = "without it the compiler calls the steps of the loop, which doubles its time")]

/// Bytes of a word.
pub const WORD: usize = 8;

/// The length of the common start of `a` and `b`; `a` is not shorter than `b`.
#[inline(always)]
pub fn agreement(a: &[u8], b: &[u8]) -> usize {
    const WIDE: usize = 4 * WORD;
    let a = &a[..b.len()];
    let mut n = 0;
    if let Some(found) = difference(a, b) {
        return found;
    }
    for (a, b) in a.as_chunks::<WIDE>().0.iter().zip(b.as_chunks::<WIDE>().0) {
        if a != b {
            break;
        }
        n += WIDE;
    }
    while n + WORD <= b.len() {
        if let Some(found) = difference(&a[n..], &b[n..]) {
            return n + found;
        }
        n += WORD;
    }
    n + a[n..].iter().zip(&b[n..]).take_while(|(a, b)| a == b).count()
}

/// The first byte that differs in the first words. None if they are equal, or too short.
#[inline(always)]
fn difference(a: &[u8], b: &[u8]) -> Option<usize> {
    let (a, b) = (u64::from_le_bytes(*a.first_chunk()?), u64::from_le_bytes(*b.first_chunk()?));
    (a != b).then(|| (a ^ b).trailing_zeros() as usize / 8)
}
