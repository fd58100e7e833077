//! The bit shuffle by AVX2.

use std::arch::x86_64::{__m256i, _mm256_add_epi8, _mm256_movemask_epi8, _mm256_set_m128i};

use super::vectors::{GROUP as ITEMS, halves, load, part, parted};

/// Items whose bits at one position fill a byte.
const GROUP: usize = 8;
/// Bytes of a plane that one pair of vectors fills.
const WORD: usize = 2 * ITEMS / GROUP;

/// Bit-shuffle groups of 64 items of `N` bytes, a power of two. Returns how many items that are.
///
/// `movemask` collects the highest bit of 32 bytes; adding a vector to itself moves the next bit
/// up.
#[target_feature(enable = "avx2")]
pub fn bits<const N: usize>(source: &[u8], pitch: usize, target: &mut [u8]) -> usize {
    let pairs = source.chunks_exact(2 * ITEMS * N);
    let done = pairs.len() * 2 * ITEMS;
    for (i, pair) in pairs.enumerate() {
        let (first, second) = pair.split_at(ITEMS * N);
        let ([a, b], [c, d]) = (halves::<N>(first), halves::<N>(second));
        for (j, (mut a, mut b)) in parted!(N, a, b).into_iter().zip(parted!(N, c, d)).enumerate() {
            for bit in (0..GROUP).rev() {
                let place = (j * GROUP + bit) * pitch + i * WORD;
                let [a_bits, b_bits] = [a, b].map(|bytes| u64::from(_mm256_movemask_epi8(bytes).cast_unsigned()));
                target[place..][..WORD].copy_from_slice(&(b_bits << 32 | a_bits).to_le_bytes());
                (a, b) = (_mm256_add_epi8(a, a), _mm256_add_epi8(b, b));
            }
        }
    }
    done
}
