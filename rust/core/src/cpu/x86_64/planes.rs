//! The byte shuffle by AVX2.

use std::arch::x86_64::{__m256i, _mm256_set_m128i};

use super::vectors::{GROUP, halves, load, part, parted};

/// Byte-shuffle whole groups of items of `N` bytes, a power of two. Returns how many items that
/// are.
#[target_feature(enable = "avx2")]
pub fn planes<const N: usize>(source: &[u8], target: &mut [u8]) -> usize {
    let n = source.len() / N;
    let groups = source.chunks_exact(GROUP * N);
    let done = groups.len() * GROUP;
    for (i, group) in groups.enumerate() {
        let [lower, upper] = halves::<N>(group);
        for (j, vector) in parted!(N, lower, upper).into_iter().enumerate() {
            let bytes: [u8; GROUP] = bytemuck::cast(vector);
            target[j * n + i * GROUP..][..GROUP].copy_from_slice(&bytes);
        }
    }
    done
}
