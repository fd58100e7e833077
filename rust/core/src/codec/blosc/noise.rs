//! Whether bytes are noise, judged by two small pieces of them.

use super::super::lz4::{Made, fast};

/// Bytes of a sample, about, per byte of an item.
pub const PIECE: usize = 2048;
/// Bytes below which a chunk is not sampled: the sample would be a large part of it.
pub const MIN_NBYTES: usize = 64 << 10;
/// Bytes that a sequence costs in time, if a byte of output costs 1.
const SEQUENCE: usize = 2;

/// Whether a compressor would save less than an eighth: LZ4 finds nothing in two samples, and byte
/// values are about equally frequent.
///
/// If two random bytes are equal in less than one of 128 cases, a byte has 7 bits of entropy or
/// more.
pub fn is_noise(data: &[u8], encoder: &mut fast::Encoder) -> bool {
    const EVEN: u64 = 128;
    if data.len() < MIN_NBYTES {
        return false;
    }
    let (mut counts, mut total) = ([0_u64; 256], 0);
    for (start, n) in pieces(1, PIECE, data.len()) {
        let piece = &data[start..][..n];
        if costs(n, encoder.encode(fast::PARTS, piece, &mut [0; PIECE][..n])) < n {
            return false;
        }
        for &byte in piece {
            counts[usize::from(byte)] += 1;
        }
        total += n as u64;
    }
    EVEN * counts.iter().map(|count| count * count).sum::<u64>() < total * total
}

/// Start and length of two samples of about `n` bytes, at 1/3 and 2/3 of the data, in whole groups
/// of `group` bytes.
pub fn pieces(group: usize, n: usize, nbytes: usize) -> [(usize, usize); 2] {
    let n = (n.min(nbytes / 3) / group).max(1) * group;
    [1, 2].map(|third| (nbytes * third / 3 / group * group, n))
}

/// The length of a stream, plus the time for its sequences, in bytes; `nbytes` if nothing was
/// saved.
pub fn costs(nbytes: usize, made: Option<Made>) -> usize {
    made.map_or(nbytes, |made| made.nbytes + SEQUENCE * made.sequences)
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Numbers that rise slowly, with noise.
    pub fn camera(noise: u16) -> Vec<u8> {
        let shaken = |x: u32, bits: u32, factor: u32| (x ^ x >> bits).wrapping_mul(factor);
        let random = |i: u16| shaken(shaken(i.into(), 16, 0x7FEB_352D), 15, 0x846C_A68B).to_le_bytes();
        let noisy = |i: u16| 1000 + i / 64 % 200 + u16::from_le_bytes(*random(i).last_chunk().unwrap()) % noise;
        (0..60_000).flat_map(|i| noisy(i).to_le_bytes()).collect()
    }

    #[test]
    fn noise_is_even_and_never_repeats() {
        let mut encoder = fast::Encoder::default();
        let random: Vec<u8> = camera(u16::MAX).into_iter().step_by(2).cycle().take(MIN_NBYTES).collect();
        assert!(is_noise(&random, &mut encoder));
        let few: Vec<u8> = random.iter().map(|byte| byte / 4).collect();
        assert!(!is_noise(&few, &mut encoder));
        let ramp: Vec<u8> = (0..=255).cycle().take(MIN_NBYTES).collect();
        assert!(!is_noise(&ramp, &mut encoder));
        assert!(!is_noise(&random[..1000], &mut encoder));
    }

    proptest! {
        #[test]
        fn pieces_lie_inside(group in 1_usize..5000, n in PIECE..=16 * PIECE, nbytes in MIN_NBYTES..100 * MIN_NBYTES) {
            for (start, n) in pieces(group, n, nbytes) {
                prop_assert!(n > 0 && start.is_multiple_of(group) && n.is_multiple_of(group) && start + n <= nbytes);
            }
        }

        #[test]
        fn pieces_of_long_rows_lie_inside(row in 1_usize..1_000_000, rows in 1_usize..5) {
            for (start, n) in pieces(row, 16 * PIECE, row * rows) {
                prop_assert!(start + n <= row * rows);
            }
        }
    }
}
