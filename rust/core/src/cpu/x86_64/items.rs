//! The byte shuffle undone by AVX2.

use std::arch::x86_64::{__m256i, _mm256_unpackhi_epi8, _mm256_unpacklo_epi8};

/// Bytes of half a vector.
const HALF: usize = 16;
/// Items of a group: one vector per plane.
const GROUP: usize = 2 * HALF;

/// Unshuffle whole groups of items of `N` bytes, a power of two. Returns how many items that are.
///
/// Each round interleaves the bytes of two vectors, within each half. After log2(N) rounds the
/// lower halves of the vectors hold 16 items, the upper halves the next 16.
#[target_feature(enable = "avx2")]
pub fn items<const N: usize>(source: &[u8], target: &mut [u8]) -> usize {
    let n = source.len() / N;
    let mut done = 0;
    for group in target.chunks_exact_mut(GROUP * N) {
        let mut vectors: [__m256i; N] =
            std::array::from_fn(|j| bytemuck::cast(*source[j * n + done..].first_chunk::<GROUP>().expect("a group is left of each plane")));
        for _ in 0..N.ilog2() {
            vectors = join(vectors);
        }
        let (lower, upper) = group.split_at_mut(HALF * N);
        for (k, vector) in vectors.into_iter().enumerate() {
            let [low, high]: [[u8; HALF]; 2] = bytemuck::cast(vector);
            lower[k * HALF..][..HALF].copy_from_slice(&low);
            upper[k * HALF..][..HALF].copy_from_slice(&high);
        }
        done += GROUP;
    }
    done
}

/// Interleave each vector of the first half of them with its counterpart in the second half.
#[inline]
#[target_feature(enable = "avx2")]
fn join<const N: usize>(vectors: [__m256i; N]) -> [__m256i; N] {
    std::array::from_fn(|k| {
        let (a, b) = (vectors[k / 2], vectors[k / 2 + N / 2]);
        if k % 2 == 0 { _mm256_unpacklo_epi8(a, b) } else { _mm256_unpackhi_epi8(a, b) }
    })
}
