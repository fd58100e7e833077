//! Spans compared by AVX2.

use std::arch::x86_64::{__m256i, _mm256_cmpeq_epi8, _mm256_movemask_epi8};

use super::super::compare::SPAN;

/// Which bytes of two spans are equal.
#[inline]
#[target_feature(enable = "avx2")]
pub fn equal(a: &[u8; SPAN], b: &[u8; SPAN]) -> u64 {
    let ([a, c], [b, d]): ([__m256i; 2], [__m256i; 2]) = (bytemuck::cast(*a), bytemuck::cast(*b));
    let [low, high] = [(a, b), (c, d)].map(|(a, b)| u64::from(_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, b)).cast_unsigned()));
    high << 32 | low
}
