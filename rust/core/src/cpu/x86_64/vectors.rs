//! Items sorted into vectors by byte position, for both shuffles.

use std::arch::x86_64::{__m128i, __m256i, _mm256_and_si256, _mm256_packus_epi16, _mm256_set1_epi16, _mm256_srli_epi16};

/// Bytes of half a vector.
pub const HALF: usize = 16;
/// Items of a group: one vector per plane.
pub const GROUP: usize = 2 * HALF;

/// The pieces of the planes of twice 16 items, in order. A macro, because a function would return
/// them through memory.
///
/// The lower halves of `N` vectors hold 16 items, the upper halves the other 16. Each round
/// separates bytes at even positions from those at odd ones, within each half. After log2(N) rounds
/// every vector is a piece of one plane.
macro_rules! parted {
    ($n:ident, $lower:expr, $upper:expr) => {{
        let mut vectors: [__m256i; $n] = std::array::from_fn(|k| _mm256_set_m128i(load($upper, k), load($lower, k)));
        for _ in 0..$n.ilog2() {
            vectors = part(vectors);
        }
        vectors
    }};
}
pub(super) use parted;

/// The first and the last 16 items of a group.
#[inline]
pub fn halves<const N: usize>(group: &[u8]) -> [&[u8]; 2] {
    let (lower, upper) = group.split_at(HALF * N);
    [lower, upper]
}

/// Half vector `k` of `bytes`.
#[inline]
pub fn load(bytes: &[u8], k: usize) -> __m128i {
    bytemuck::cast(bytes.as_chunks::<HALF>().0[k])
}

/// The bytes at even positions of each pair of adjacent vectors, then those at odd positions.
#[inline]
#[target_feature(enable = "avx2")]
pub fn part<const N: usize>(vectors: [__m256i; N]) -> [__m256i; N] {
    let low_bytes = _mm256_set1_epi16(0x00FF);
    std::array::from_fn(|k| {
        let pair = 2 * (k % (N / 2));
        let (a, b) = (vectors[pair], vectors[pair + 1]);
        if k < N / 2 {
            _mm256_packus_epi16(_mm256_and_si256(a, low_bytes), _mm256_and_si256(b, low_bytes))
        } else {
            _mm256_packus_epi16(_mm256_srli_epi16::<8>(a), _mm256_srli_epi16::<8>(b))
        }
    })
}
