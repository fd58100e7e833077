//! Bit shuffle as c-blosc 1 does it: all lowest bits of the items' first bytes, then all second bits, and so on.
//!
//! A block whose number of items is no multiple of 8 stays as it is, and so do bytes beyond the last item.

/// Items whose bits of one place fill a byte.
const GROUP: usize = 8;

/// Write the bit-shuffled items of `source` to `target`, which is as long.
pub fn bitshuffle(typesize: usize, source: &[u8], target: &mut [u8]) {
    let n = source.len() / typesize;
    let whole = n * typesize;
    if !n.is_multiple_of(GROUP) || n == 0 {
        target.copy_from_slice(source);
        return;
    }
    target[whole..].copy_from_slice(&source[whole..]);
    let (source, target) = (&source[..whole], &mut target[..whole]);
    let done = vector(typesize, source, target);
    portable(typesize, source, target, done);
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
            1 => avx2::bits::<1>(source, target),
            2 => avx2::bits::<2>(source, target),
            4 => avx2::bits::<4>(source, target),
            8 => avx2::bits::<8>(source, target),
            16 => avx2::bits::<16>(source, target),
            _ => 0,
        }
    }
}

/// There are no vector instructions for this processor: words have to do.
#[cfg(not(target_arch = "x86_64"))]
fn vector(_typesize: usize, _source: &[u8], _target: &mut [u8]) -> usize {
    0
}

/// Shuffle the items from the `from`th on, a multiple of 8: eight bytes of one place at a time.
fn portable(typesize: usize, source: &[u8], target: &mut [u8], from: usize) {
    let pitch = source.len() / typesize / GROUP;
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

    use super::super::shuffle::avx2::{GROUP as ITEMS, HALF, load, part, parted};
    use super::GROUP;

    /// Bytes that one bit of each item of a pair fills.
    const WORD: usize = 2 * ITEMS / GROUP;

    /// Shuffle whole pairs of vectors of items of `N` bytes, a power of two, and say how many items that are.
    #[target_feature(enable = "avx2")]
    pub fn bits<const N: usize>(source: &[u8], target: &mut [u8]) -> usize {
        let pitch = source.len() / N / GROUP;
        let pairs = source.chunks_exact(2 * ITEMS * N);
        let done = pairs.len() * 2 * ITEMS;
        for (i, pair) in pairs.enumerate() {
            let (first, second) = pair.split_at(ITEMS * N);
            for (j, (mut a, mut b)) in parted!(N, first).into_iter().zip(parted!(N, second)).enumerate() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
        fn equals_a_loop_over_bits(typesize in 1_usize..20, groups in 0_usize..20, seed in prop::collection::vec(any::<u8>(), 1..40)) {
            let bytes: Vec<u8> = seed.iter().copied().cycle().take(GROUP * groups * typesize).collect();
            let mut shuffled = vec![0xAA; bytes.len()];
            bitshuffle(typesize, &bytes, &mut shuffled);
            prop_assert_eq!(&shuffled, &naive(typesize, &bytes));
            portable(typesize, &bytes, &mut shuffled, 0);
            prop_assert_eq!(shuffled, naive(typesize, &bytes));
        }
    }

    #[test]
    fn a_broken_group_stays_as_it_is() {
        let mut shuffled = [0; 18];
        let bytes: [u8; 18] = std::array::from_fn(|i| u8::try_from(i).unwrap());
        bitshuffle(2, &bytes, &mut shuffled);
        assert_eq!(shuffled, bytes);
    }
}
