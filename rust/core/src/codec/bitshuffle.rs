//! Bit shuffle as c-blosc 1 does it: all lowest bits of the items' first bytes, then all second bits, and so on.
//!
//! A block whose number of items is no multiple of 8 stays as it is, and so do bytes beyond the last item.

use crate::rows::Rows;

/// Items whose bits of one place fill a byte.
const GROUP: usize = 8;
/// Rows of so many items, or a multiple of them, take no longer than the same items in one piece.
pub const ROW: usize = 256;

/// Write the bit-shuffled items of `source` to `target`, which is as long.
pub fn bitshuffle(typesize: usize, source: &[u8], target: &mut [u8]) {
    let n = source.len() / typesize;
    let whole = n * typesize;
    if !n.is_multiple_of(GROUP) || n == 0 {
        target.copy_from_slice(source);
        return;
    }
    target[whole..].copy_from_slice(&source[whole..]);
    part(typesize, &source[..whole], n / GROUP, &mut target[..whole]);
}

/// Write the bit-shuffled items of rows, each a multiple of 8 items, to `target`, which is as long as all of them.
pub fn bitshuffle_rows(typesize: usize, rows: Rows, target: &mut [u8]) {
    let pitch = target.len() / typesize / GROUP;
    let mut at = 0;
    for row in rows.iter() {
        part(typesize, row, pitch, &mut target[at..]);
        at += row.len() / typesize / GROUP;
    }
}

/// Shuffle whole items by the eight to the start of each plane of `pitch` bytes, the first of which starts where `target` does.
fn part(typesize: usize, source: &[u8], pitch: usize, target: &mut [u8]) {
    let done = vector(typesize, source, pitch, target);
    portable(typesize, source, pitch, target, done);
}

/// Shuffle as many items as vector instructions can, from the first on, and say how many.
#[cfg(target_arch = "x86_64")]
fn vector(typesize: usize, source: &[u8], pitch: usize, target: &mut [u8]) -> usize {
    match with_gfni(typesize, source, pitch, target) {
        0 => with_avx2(typesize, source, pitch, target),
        done => done,
    }
}

/// The functions of a module, which are made for one size of the items each.
#[cfg(target_arch = "x86_64")]
macro_rules! bits {
    ($module:ident, $typesize:ident, $source:ident, $pitch:ident, $target:ident) => {
        match $typesize {
            1 => $module::bits::<1>($source, $pitch, $target),
            2 => $module::bits::<2>($source, $pitch, $target),
            4 => $module::bits::<4>($source, $pitch, $target),
            8 => $module::bits::<8>($source, $pitch, $target),
            16 => $module::bits::<16>($source, $pitch, $target),
            _ => 0,
        }
    };
}

/// The same where the processor multiplies matrices of bits.
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "calling a function made for processor features, once they were seen")]
fn with_gfni(typesize: usize, source: &[u8], pitch: usize, target: &mut [u8]) -> usize {
    if !is_x86_feature_detected!("gfni") || !is_x86_feature_detected!("avx2") {
        return 0;
    }
    // SAFETY: the only thing asked is that the processor has GFNI and AVX2, which were just detected.
    unsafe { bits!(gfni, typesize, source, pitch, target) }
}

/// The same where it has AVX2.
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "calling a function made for a processor feature, once the feature was seen")]
fn with_avx2(typesize: usize, source: &[u8], pitch: usize, target: &mut [u8]) -> usize {
    if !is_x86_feature_detected!("avx2") {
        return 0;
    }
    // SAFETY: the only thing asked is that the processor has AVX2, which was just detected.
    unsafe { bits!(avx2, typesize, source, pitch, target) }
}

/// There are no vector instructions for this processor: words have to do.
#[cfg(not(target_arch = "x86_64"))]
fn vector(_typesize: usize, _source: &[u8], _pitch: usize, _target: &mut [u8]) -> usize {
    0
}

/// Shuffle the items from the `from`th on, a multiple of 8: eight bytes of one place at a time.
fn portable(typesize: usize, source: &[u8], pitch: usize, target: &mut [u8], from: usize) {
    for (i, items) in source.chunks_exact(GROUP * typesize).enumerate().skip(from / GROUP) {
        for j in 0..typesize {
            let bytes = std::array::from_fn(|k| items[k * typesize + j]);
            for (bit, byte) in transpose(u64::from_le_bytes(bytes)).to_le_bytes().into_iter().enumerate() {
                target[(j * GROUP + bit) * pitch + i] = byte;
            }
        }
    }
}

/// Transpose a matrix of 8 by 8 bits (Hacker's Delight, section 7-3).
pub(crate) fn transpose(matrix: u64) -> u64 {
    let swap = |x: u64, shift: u32, mask: u64| {
        let t = (x ^ (x >> shift)) & mask;
        x ^ t ^ (t << shift)
    };
    let x = swap(matrix, 7, 0x00AA_00AA_00AA_00AA);
    let x = swap(x, 14, 0x0000_CCCC_0000_CCCC);
    swap(x, 28, 0x0000_0000_F0F0_F0F0)
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{__m256i, _mm256_add_epi8, _mm256_movemask_epi8, _mm256_set_m128i};

    use super::super::shuffle::avx2::{GROUP as ITEMS, halves, load, part, parted};
    use super::GROUP;

    /// Bytes that one bit of each item of a pair fills.
    const WORD: usize = 2 * ITEMS / GROUP;

    /// Shuffle whole pairs of vectors of items of `N` bytes, a power of two, and say how many items that are.
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
}

#[cfg(target_arch = "x86_64")]
mod gfni {
    use std::arch::x86_64::{
        __m256i, _mm256_gf2p8affine_epi64_epi8, _mm256_set_m128i, _mm256_set1_epi64x, _mm256_setr_epi8, _mm256_shuffle_epi8,
    };

    use super::super::shuffle::avx2::{GROUP as BYTES, HALF, load, part, parted};
    use super::GROUP;

    /// Items that are shuffled at once: a vector of each bit of them.
    const ITEMS: usize = GROUP * BYTES;

    /// Shuffle as many items of `N` bytes, a power of two, as there are by the 256, and say how many that are.
    ///
    /// The bytes of one place of 8 items are a matrix of 8 by 8 bits; transposed, it has a byte for each of 8 planes.
    #[target_feature(enable = "avx2,gfni")]
    pub fn bits<const N: usize>(source: &[u8], pitch: usize, target: &mut [u8]) -> usize {
        let pieces = source.chunks_exact(ITEMS * N);
        let done = pieces.len() * ITEMS;
        for (i, piece) in pieces.enumerate() {
            let (lower, upper) = piece.split_at(ITEMS / 2 * N);
            let bytes: [[__m256i; N]; GROUP] = std::array::from_fn(|k| {
                let [lower, upper] = [lower, upper].map(|half| &half[k * HALF * N..][..HALF * N]);
                parted!(N, lower, upper)
            });
            for j in 0..N {
                let mut vectors: [__m256i; GROUP] = std::array::from_fn(|k| transposed(bytes[k][j]));
                for _ in 0..GROUP.ilog2() {
                    vectors = part(vectors);
                }
                for (bit, vector) in vectors.into_iter().enumerate() {
                    let bits: [u8; BYTES] = bytemuck::cast(vector);
                    target[(j * GROUP + bit) * pitch + i * BYTES..][..BYTES].copy_from_slice(&bits);
                }
            }
        }
        done
    }

    /// Each eight bytes as a matrix of 8 by 8 bits, transposed.
    #[inline]
    #[target_feature(enable = "avx2,gfni")]
    fn transposed(matrices: __m256i) -> __m256i {
        const UNIT: i64 = i64::from_le_bytes([1, 2, 4, 8, 16, 32, 64, 128]);
        #[rustfmt::skip]
        let backwards = _mm256_setr_epi8(
            7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8,
        );
        // The instruction multiplies, and counts the rows of what it multiplies by from the last one on.
        _mm256_gf2p8affine_epi64_epi8::<0>(_mm256_set1_epi64x(UNIT), _mm256_shuffle_epi8(matrices, backwards))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Some = fn(usize, &[u8], usize, &mut [u8]) -> usize;

    /// What shuffles some of the items, on this processor and on lesser ones.
    #[cfg(target_arch = "x86_64")]
    const SOME: [Some; 3] = [with_gfni, with_avx2, |_, _, _, _| 0];
    #[cfg(not(target_arch = "x86_64"))]
    const SOME: [Some; 1] = [vector];

    /// Bit by bit: bit `k` of item `i` goes to place `k * n + i`.
    fn naive(typesize: usize, source: &[u8]) -> Vec<u8> {
        let n = source.len() / typesize;
        let mut target = vec![0; source.len()];
        for k in 0..8 * typesize {
            for i in 0..n {
                let bit = source[i * typesize + k / 8] >> (k % 8) & 1;
                target[(k * n + i) / 8] |= bit << (i % 8);
            }
        }
        target
    }

    proptest! {
        #[test]
        fn equals_a_loop_over_bits(typesize in 1_usize..20, groups in 0_usize..80, seed in prop::collection::vec(any::<u8>(), 1..40)) {
            let bytes: Vec<u8> = seed.iter().copied().cycle().take(GROUP * groups * typesize).collect();
            let mut shuffled = vec![0xAA; bytes.len()];
            bitshuffle(typesize, &bytes, &mut shuffled);
            prop_assert_eq!(&shuffled, &naive(typesize, &bytes));
            for some in SOME {
                shuffled.fill(0xAA);
                let done = some(typesize, &bytes, groups, &mut shuffled);
                portable(typesize, &bytes, groups, &mut shuffled, done);
                prop_assert_eq!(&shuffled, &naive(typesize, &bytes));
            }
        }
    }

    #[test]
    fn rows_are_shuffled_like_one_piece() {
        let bytes: Vec<u8> = (0..=250).cycle().take(2 * 2 * 300 * 7).collect();
        let packed: Vec<u8> = bytes.chunks(2 * 2 * 300).flat_map(|row| row[..2 * 264].to_vec()).collect();
        let mut shuffled = vec![0xAA; packed.len()];
        bitshuffle_rows(2, Rows::new(&bytes, 0, 2 * 2 * 300, 2 * 264, 7), &mut shuffled);
        assert_eq!(shuffled, naive(2, &packed));
    }

    #[test]
    fn a_broken_group_stays_as_it_is() {
        let mut shuffled = [0; 18];
        let bytes: [u8; 18] = std::array::from_fn(|i| u8::try_from(i).unwrap());
        bitshuffle(2, &bytes, &mut shuffled);
        assert_eq!(shuffled, bytes);
    }
}
