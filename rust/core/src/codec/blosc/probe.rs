//! What suits the bytes at hand, judged by two small pieces of them.

use super::super::Engines;
use super::super::lz4::fast;
use super::{Blosc, Shuffle};
use crate::error::Result;
use crate::source::Source;

/// Bytes of a plane that are looked at, about.
const PIECE: usize = 2048;
/// Bytes of all planes, at most.
const MAX_PIECE: usize = 16 * PIECE;
/// Less than this is not worth a look.
const MIN_NBYTES: usize = 64 << 10;
/// How many bytes shorter a stream must be to make up for a sequence more.
const SEQUENCE: usize = 2;
/// Which part of the data the stream must be shorter to make up for taking them apart into bits.
const BITS: usize = 48;

/// The better filter of bytes or bits.
///
/// Noise leaves whole planes of bits empty, or random, which take no time at all, where a plane of bytes would be torn
/// into short matches; numbers that repeat do so in planes of bytes.
pub fn filter(blosc: Blosc, source: &dyn Source, engines: &mut Engines) -> Result<Shuffle> {
    let typesize = usize::from(blosc.typesize);
    if typesize < 2 || source.nbytes() < MIN_NBYTES {
        return Ok(Shuffle::Byte);
    }
    let group = if source.granule() > 1 { source.granule() } else { 8 * typesize };
    let (mut bytes, mut bits, mut total) = (0, 0, 0);
    let Engines { block, filtered, sample: out, streams } = engines;
    for (start, n) in pieces(group, (PIECE * typesize).min(MAX_PIECE), source.nbytes()) {
        let piece = source.read(start, n, block)?;
        let piece = &piece[..n.min(MAX_PIECE / (8 * typesize) * (8 * typesize))];
        total += piece.len();
        for (shuffle, sum) in [(Shuffle::Byte, &mut bytes), (Shuffle::Bit, &mut bits)] {
            let filtered = Blosc { shuffle, ..blosc }.filter(piece, filtered)?;
            *sum += costs(filtered, blosc.pace(), &mut streams.lz4, out.take(filtered.len())?);
        }
    }
    Ok(if bits + total / BITS < bytes { Shuffle::Bit } else { Shuffle::Byte })
}

/// Whether a compressor would save less than an eighth: the bytes do not repeat each other, and most values are about equally common.
///
/// A hit of two random bytes on one value in less than one of 128 cases means seven bits of entropy or more.
pub fn is_noise(data: &[u8], encoder: &mut fast::Encoder) -> bool {
    const EVEN: u64 = 128;
    if data.len() < MIN_NBYTES {
        return false;
    }
    let (mut counts, mut total) = ([0_u64; 256], 0);
    for (start, n) in pieces(1, PIECE, data.len()) {
        let piece = &data[start..][..n];
        if costs(piece, fast::PARTS, encoder, &mut [0; PIECE][..n]) < piece.len() {
            return false;
        }
        for &byte in piece {
            counts[usize::from(byte)] += 1;
        }
        total += n as u64;
    }
    EVEN * counts.iter().map(|count| count * count).sum::<u64>() < total * total
}

/// Start and length of two pieces of whole groups of so many bytes, of about `n` bytes each, a third from either end.
fn pieces(group: usize, n: usize, nbytes: usize) -> [(usize, usize); 2] {
    let n = (n.min(nbytes / 3) / group).max(1) * group;
    [1, 2].map(|third| (nbytes * third / 3 / group * group, n))
}

/// The length of the stream, and the time that it takes; `out` is dirty memory, as long as what is compressed.
fn costs(filtered: &[u8], pace: usize, encoder: &mut fast::Encoder, out: &mut [u8]) -> usize {
    let made = encoder.encode(pace, filtered, out);
    made.map_or(filtered.len(), |made| made.nbytes + SEQUENCE * made.sequences)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Twelve-bit numbers whose lower bits are random.
    fn camera(noise: u16) -> Vec<u8> {
        let random = |i: u16| i.wrapping_mul(40_503).rotate_left(7) ^ i.wrapping_mul(i);
        (0..60_000_u16).flat_map(|i| (1000 + i / 64 % 200 + random(i) % noise).to_le_bytes()).collect()
    }

    fn choice(typesize: usize, data: &[u8]) -> Shuffle {
        let blosc = Blosc::new(super::super::Cname::Lz4, 5, Shuffle::Byte, typesize).unwrap();
        filter(blosc, &data, &mut Engines::default()).unwrap()
    }

    #[test]
    fn bits_suit_noise_and_bytes_what_repeats() {
        assert_eq!(choice(2, &camera(700)), Shuffle::Bit);
        assert_eq!(choice(2, &camera(700)[..1000]), Shuffle::Byte);
        let periodic: Vec<u8> = (0..60_000_u32).flat_map(|i| (i % 101).wrapping_mul(0x9E37_79B1).to_le_bytes()).collect();
        assert_eq!(choice(4, &periodic), Shuffle::Byte);
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
        fn pieces_lie_inside(group in 1_usize..5000, n in PIECE..=MAX_PIECE, nbytes in MIN_NBYTES..100 * MIN_NBYTES) {
            for (start, n) in pieces(group, n, nbytes) {
                prop_assert!(n > 0 && start.is_multiple_of(group) && n.is_multiple_of(group) && start + n <= nbytes);
            }
        }

        #[test]
        fn pieces_of_long_rows_lie_inside(row in 1_usize..1_000_000, rows in 1_usize..5) {
            for (start, n) in pieces(row, MAX_PIECE, row * rows) {
                prop_assert!(start + n <= row * rows);
            }
        }
    }
}
