//! Bit shuffle as c-blosc 1 does it, <https://github.com/kiyo-masui/bitshuffle>.
//!
//! A block of `n` items of `t` bytes becomes `8 * t` planes of `n` bits: plane `8 * j + b` holds
//! bit `b` of byte `j` of every item. The upper bits of noisy numbers are nearly constant, so their
//! planes are runs of zeros or ones, while the lower planes are random and are stored as they are.
//! In byte planes (shuffle.rs) constant and random bits share bytes, and a compressor finds many
//! short matches that cost more time than they save.
//!
//! Bit by bit, this takes `8 * t * n` steps of several instructions. So eight items are transposed
//! at once: byte `j` of eight items is a matrix of 8 by 8 bits, and its transpose has one byte for
//! each of eight planes. Three ways to transpose, each checked against the loop over bits:
//!
//! * by GFNI (`cpu/x86_64/matrices.rs`), which multiplies four such matrices at once;
//! * by AVX2 (`cpu/x86_64/bits.rs`), which collects the highest bit of 32 bytes at once;
//! * in a 64-bit word (`transpose`, Hacker's Delight, section 7-3): three rounds swap blocks of
//!   1, 2 and 4 bits on either side of the diagonal.
//!
//! The vector code takes whole groups of 32 to 256 items; `portable` does the rest. The planes
//! are `pitch` bytes apart, so that rows of a picture are shuffled into the same planes one after
//! the other, without being gathered first.
//!
//! Invariant: a block whose number of items is no multiple of 8 is copied unchanged, and so are
//! bytes behind the last whole item. Decoders of c-blosc expect that.

use crate::cpu;
use crate::rows::Rows;

/// Items whose bits at one position fill a byte.
const GROUP: usize = 8;
/// Rows of a multiple of this many items cost no more than one contiguous piece: what GFNI takes at
/// once.
pub const ROW: usize = 256;

/// Bit-shuffle the items of `source` into `target`, which has the same length.
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

/// Bit-shuffle rows, each a multiple of 8 items, into `target`, which has their total length.
pub fn bitshuffle_rows(typesize: usize, rows: Rows, target: &mut [u8]) {
    let pitch = target.len() / typesize / GROUP;
    let mut at = 0;
    for row in rows.iter() {
        part(typesize, row, pitch, &mut target[at..]);
        at += row.len() / typesize / GROUP;
    }
}

/// Shuffle whole groups of 8 items to the start of each plane; planes are `pitch` bytes apart from
/// the start of `target`.
fn part(typesize: usize, source: &[u8], pitch: usize, target: &mut [u8]) {
    let done = cpu::bitshuffle(typesize, source, pitch, target);
    portable(typesize, source, pitch, target, done);
}

/// Shuffle the items from number `from` on, a multiple of 8, with words of 64 bits.
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Some = fn(usize, &[u8], usize, &mut [u8]) -> usize;

    /// The kernels of this processor, and none.
    #[cfg(target_arch = "x86_64")]
    const SOME: [Some; 3] = [cpu::tests::bitshuffle_by_gfni, cpu::tests::bitshuffle_by_avx2, |_, _, _, _| 0];
    #[cfg(not(target_arch = "x86_64"))]
    const SOME: [Some; 1] = [cpu::bitshuffle];

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
