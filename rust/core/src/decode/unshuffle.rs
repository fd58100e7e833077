//! The byte shuffle undone: all first bytes of the items, then all second bytes, and so on, become items again.

/// Write the items whose shuffled bytes are `source` to `target`, which is as long; bytes beyond the last item stay as they are.
pub fn unshuffle(typesize: usize, source: &[u8], target: &mut [u8]) {
    assert_eq!(source.len(), target.len(), "a shuffle changes no length");
    let whole = source.len() / typesize * typesize;
    target[whole..].copy_from_slice(&source[whole..]);
    let (source, target) = (&source[..whole], &mut target[..whole]);
    let done = vector(typesize, source, target);
    naive(typesize, source, target, done);
}

/// Put together as many items as vector instructions can, from the first on, and say how many.
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "calling a function made for a processor feature, once the feature was seen")]
fn vector(typesize: usize, source: &[u8], target: &mut [u8]) -> usize {
    if !is_x86_feature_detected!("avx2") {
        return 0;
    }
    // SAFETY: the only thing asked is that the processor has AVX2, which was just detected.
    unsafe {
        match typesize {
            2 => avx2::items::<2>(source, target),
            4 => avx2::items::<4>(source, target),
            8 => avx2::items::<8>(source, target),
            16 => avx2::items::<16>(source, target),
            _ => 0,
        }
    }
}

/// There are no vector instructions for this processor: the compiler's own have to do.
#[cfg(not(target_arch = "x86_64"))]
fn vector(_typesize: usize, _source: &[u8], _target: &mut [u8]) -> usize {
    0
}

/// Put the items together from the `from`th on, one plane after the other.
fn naive(typesize: usize, source: &[u8], target: &mut [u8], from: usize) {
    let n = source.len() / typesize;
    if from < n {
        for (j, plane) in source.chunks_exact(n).enumerate() {
            for (byte, item) in plane[from..].iter().zip(target[from * typesize..].chunks_exact_mut(typesize)) {
                item[j] = *byte;
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{__m256i, _mm256_unpackhi_epi8, _mm256_unpacklo_epi8};

    /// Bytes of half a vector.
    const HALF: usize = 16;
    /// Items that are put together at once: a vector of each plane.
    const GROUP: usize = 2 * HALF;

    /// Put whole groups of items of `N` bytes, a power of two, together and say how many items that are.
    ///
    /// Each round lays the bytes of a vector between those of another one, within each half; after log2(N) rounds the lower halves of
    /// the vectors hold 16 items, the upper halves the next 16.
    #[target_feature(enable = "avx2")]
    pub fn items<const N: usize>(source: &[u8], target: &mut [u8]) -> usize {
        let n = source.len() / N;
        let mut done = 0;
        for group in target.chunks_exact_mut(GROUP * N) {
            let mut vectors: [__m256i; N] = std::array::from_fn(|j| {
                bytemuck::cast(*source[j * n + done..].first_chunk::<GROUP>().expect("a group is left of each plane"))
            });
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

    /// Lay the bytes of each vector of the second half of them between those of its twin in the first half.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn join<const N: usize>(vectors: [__m256i; N]) -> [__m256i; N] {
        std::array::from_fn(|k| {
            let (a, b) = (vectors[k / 2], vectors[k / 2 + N / 2]);
            if k % 2 == 0 { _mm256_unpacklo_epi8(a, b) } else { _mm256_unpackhi_epi8(a, b) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::shuffle::shuffle;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn undoes_the_shuffle(typesize in prop::sample::select(vec![1_usize, 2, 3, 4, 6, 8, 12, 16, 32]), bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
            let mut shuffled = vec![0xAA; bytes.len()];
            shuffle(typesize, &bytes, &mut shuffled);
            let mut items = vec![0xAA; bytes.len()];
            unshuffle(typesize, &shuffled, &mut items);
            prop_assert_eq!(&items, &bytes);
            let whole = bytes.len() / typesize * typesize;
            naive(typesize, &shuffled[..whole], &mut items[..whole], 0);
            prop_assert_eq!(items, bytes);
        }
    }
}
