//! Bit shuffle as c-blosc 1 does it: all lowest bits of the items' first bytes, then all second bits, and so on.
//!
//! A block whose number of items is no multiple of 8 stays as it is, and so do bytes beyond the last item.

use super::shuffle::shuffle;

/// Items whose bits of one place fill a byte.
const GROUP: usize = 8;

/// Write the bit-shuffled items of `source` to `target`; `planes` is dirty memory, all three equally long.
pub fn bitshuffle(typesize: usize, source: &[u8], target: &mut [u8], planes: &mut [u8]) {
    let n = source.len() / typesize;
    let whole = n * typesize;
    if !n.is_multiple_of(GROUP) || n == 0 {
        target.copy_from_slice(source);
        return;
    }
    shuffle(typesize, &source[..whole], &mut planes[..whole]);
    for (plane, bits) in planes[..whole].chunks_exact(n).zip(target[..whole].chunks_exact_mut(n)) {
        bit_planes(plane, bits);
    }
    target[whole..].copy_from_slice(&source[whole..]);
}

/// The eight bit planes of `bytes`, lowest first.
fn bit_planes(bytes: &[u8], target: &mut [u8]) {
    let pitch = bytes.len() / GROUP;
    for (i, group) in bytes.as_chunks::<GROUP>().0.iter().enumerate() {
        for (bit, byte) in transpose(u64::from_le_bytes(*group)).to_le_bytes().into_iter().enumerate() {
            target[bit * pitch + i] = byte;
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
            let (mut shuffled, mut planes) = (vec![0xAA; bytes.len()], vec![0xAA; bytes.len()]);
            bitshuffle(typesize, &bytes, &mut shuffled, &mut planes);
            prop_assert_eq!(shuffled, naive(typesize, &bytes));
        }
    }

    #[test]
    fn a_broken_group_stays_as_it_is() {
        let (mut shuffled, mut planes) = ([0; 18], [0; 18]);
        let bytes: [u8; 18] = std::array::from_fn(|i| u8::try_from(i).unwrap());
        bitshuffle(2, &bytes, &mut shuffled, &mut planes);
        assert_eq!(shuffled, bytes);
    }
}
