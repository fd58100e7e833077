//! Byte shuffle: all first bytes of the items, then all second bytes, and so on; bytes beyond the last item stay as they are.

/// Write the shuffled items of `source` to `target`, which is as long.
pub fn shuffle(typesize: usize, source: &[u8], target: &mut [u8]) {
    assert_eq!(source.len(), target.len(), "a shuffle changes no length");
    let whole = source.len() / typesize * typesize;
    target[whole..].copy_from_slice(&source[whole..]);
    let (source, target) = (&source[..whole], &mut target[..whole]);
    let done = vector(typesize, source, target);
    naive(typesize, source, target, done);
}

/// Shuffle as many items as vector instructions can, from the first on, and say how many.
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "calling a function made for a processor feature, once the feature was seen")]
fn vector(typesize: usize, source: &[u8], target: &mut [u8]) -> usize {
    if !is_x86_feature_detected!("avx2") {
        return 0;
    }
    // SAFETY: the only thing asked is that the processor has AVX2, which was just detected.
    unsafe {
        match typesize {
            2 => avx2::planes::<2>(source, target),
            4 => avx2::planes::<4>(source, target),
            8 => avx2::planes::<8>(source, target),
            16 => avx2::planes::<16>(source, target),
            _ => 0,
        }
    }
}

/// There are no vector instructions for this processor: the compiler's own have to do.
#[cfg(not(target_arch = "x86_64"))]
fn vector(_typesize: usize, _source: &[u8], _target: &mut [u8]) -> usize {
    0
}

/// Shuffle the items from the `from`th on, one plane after the other.
fn naive(typesize: usize, source: &[u8], target: &mut [u8], from: usize) {
    let n = source.len() / typesize;
    if from < n {
        for (j, plane) in target.chunks_exact_mut(n).enumerate() {
            for (to, item) in plane[from..].iter_mut().zip(source[from * typesize..].chunks_exact(typesize)) {
                *to = item[j];
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2 {
    use std::arch::x86_64::{
        __m128i, __m256i, _mm256_and_si256, _mm256_packus_epi16, _mm256_set_m128i, _mm256_set1_epi16, _mm256_srli_epi16,
    };

    /// Bytes of half a vector.
    pub const HALF: usize = 16;
    /// Items that are shuffled at once: a vector of each plane.
    pub const GROUP: usize = 2 * HALF;

    /// Pieces of the planes of twice 16 items, in their order; a macro, because as a function it would hand them over through memory.
    ///
    /// The lower halves of `N` vectors hold 16 items, the upper halves the other 16. Each round parts bytes at even places from
    /// those at odd places, within each half; after log2(N) rounds every vector is a piece of one plane.
    macro_rules! parted {
        ($n:ident, $lower:expr, $upper:expr) => {{
            let mut vectors: [__m256i; $n] = std::array::from_fn(|k| _mm256_set_m128i(load($upper, k), load($lower, k)));
            for _ in 0..$n.ilog2() {
                vectors = part(vectors);
            }
            vectors
        }};
    }
    pub(in super::super) use parted;

    /// Shuffle whole groups of items of `N` bytes, a power of two, and say how many items that are.
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

    /// The first and the last 16 items of a group.
    #[inline]
    pub fn halves<const N: usize>(group: &[u8]) -> [&[u8]; 2] {
        let (lower, upper) = group.split_at(HALF * N);
        [lower, upper]
    }

    /// The `k`th half vector of `bytes`.
    #[inline]
    pub fn load(bytes: &[u8], k: usize) -> __m128i {
        bytemuck::cast(bytes.as_chunks::<HALF>().0[k])
    }

    /// The bytes at even places of each pair of neighbours, then those at odd places.
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_index_arithmetic(typesize in prop::sample::select(vec![1_usize, 2, 3, 4, 6, 8, 12, 16, 32]), bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
            let n = bytes.len() / typesize;
            let place = |i: usize| if i < n * typesize { i % n * typesize + i / n } else { i };
            let expected: Vec<u8> = (0..bytes.len()).map(|i| bytes[place(i)]).collect();
            let mut shuffled = vec![0xAA; bytes.len()];
            shuffle(typesize, &bytes, &mut shuffled);
            prop_assert_eq!(&shuffled, &expected);
            let whole = n * typesize;
            naive(typesize, &bytes[..whole], &mut shuffled[..whole], 0);
            prop_assert_eq!(shuffled, expected);
        }
    }
}
