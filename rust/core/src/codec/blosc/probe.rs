//! What suits the bytes at hand, judged by two small pieces of them.

use super::super::Engines;
use super::super::lz4::{Made, fast};
use super::{Blosc, Matches, Shuffle};
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

/// The best of what may be done to the bytes, and looked for in them.
///
/// Noise leaves whole planes of bits empty, or random, which take no time at all, where a plane of bytes would be torn
/// into short matches; numbers that repeat do so in planes of bytes.
pub fn fitted(blosc: Blosc, source: &dyn Source, engines: &mut Engines) -> Result<Blosc> {
    let typesize = usize::from(blosc.typesize);
    if typesize < 2 || source.nbytes() < MIN_NBYTES {
        return Ok(blosc);
    }
    let few = (PIECE * typesize).min(MAX_PIECE);
    let (group, n, shows_rows) = match source.granule() {
        row if row > 1 && row <= few && 2 * row <= MAX_PIECE.min(source.nbytes() / 3) => (row, few.max(2 * row), true),
        1 => (8 * typesize, few, false),
        row => (row, few, false),
    };
    let bits = Blosc { shuffle: Shuffle::Bit, ..blosc };
    let runs = Blosc { matches: Matches::Runs, ..bits };
    let mut choices = [blosc, bits, runs].map(|blosc| Choice { blosc, costs: 0 });
    // Runs are no good where rows repeat each other, which takes two of them to see.
    let choices = &mut choices[..if shows_rows { 3 } else { 2 }];
    let mut total = 0;
    let Engines { block, filtered, sample: out, streams } = engines;
    for (start, n) in pieces(group, n, source.nbytes()) {
        let piece = source.read(start, n, block)?;
        let piece = &piece[..n.min(MAX_PIECE / (8 * typesize) * (8 * typesize))];
        total += piece.len();
        for choices in choices.chunk_by_mut(|a, b| a.blosc.shuffle == b.blosc.shuffle) {
            let filtered = choices[0].blosc.filter(piece, filtered)?;
            for choice in choices {
                let made = choice.blosc.made(filtered, out.take(filtered.len())?, &mut streams.lz4);
                choice.costs += costs(filtered.len(), made);
            }
        }
    }
    let taxed = |choice: &&Choice| choice.costs + if choice.blosc.shuffle == Shuffle::Bit { total / BITS } else { 0 };
    Ok(choices.iter().min_by_key(taxed).map_or(blosc, |choice| choice.blosc))
}

/// A way to compress, and what it costs.
struct Choice {
    blosc: Blosc,
    costs: usize,
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

/// Start and length of two pieces of whole groups of so many bytes, of about `n` bytes each, a third from either end.
fn pieces(group: usize, n: usize, nbytes: usize) -> [(usize, usize); 2] {
    let n = (n.min(nbytes / 3) / group).max(1) * group;
    [1, 2].map(|third| (nbytes * third / 3 / group * group, n))
}

/// The length of the stream that was made of `nbytes`, and the time that it takes.
fn costs(nbytes: usize, made: Option<Made>) -> usize {
    made.map_or(nbytes, |made| made.nbytes + SEQUENCE * made.sequences)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gather::Layout;
    use crate::source::Gathered;
    use crate::view::View;
    use proptest::prelude::*;

    /// Numbers that rise slowly, with noise.
    fn camera(noise: u16) -> Vec<u8> {
        let shaken = |x: u32, bits: u32, factor: u32| (x ^ x >> bits).wrapping_mul(factor);
        let random = |i: u16| shaken(shaken(i.into(), 16, 0x7FEB_352D), 15, 0x846C_A68B).to_le_bytes();
        let noisy = |i: u16| 1000 + i / 64 % 200 + u16::from_le_bytes(*random(i).last_chunk().unwrap()) % noise;
        (0..60_000).flat_map(|i| noisy(i).to_le_bytes()).collect()
    }

    fn choice(typesize: usize, source: &dyn Source) -> (Shuffle, Matches) {
        let blosc = Blosc::new(super::super::Cname::Lz4, 5, Shuffle::Byte, typesize).unwrap();
        let fitted = fitted(blosc, source, &mut Engines::default()).unwrap();
        (fitted.shuffle, fitted.matches)
    }

    /// The choice for rows of 500 numbers of two bytes.
    fn choice_of_rows(data: &[u8]) -> (Shuffle, Matches) {
        let (shape, layout) = ([data.len() / 1000, 500], Layout::Whole(2));
        let view = View::new(data, 0, &shape, &[1000, 2], 2).unwrap();
        choice(2, &Gathered::new(&view, &shape, &layout).unwrap())
    }

    #[test]
    fn bits_suit_noise_and_bytes_what_repeats() {
        assert_eq!(choice(2, &&camera(700)[..]), (Shuffle::Bit, Matches::Any));
        assert_eq!(choice(2, &&camera(700)[..1000]), (Shuffle::Byte, Matches::Any));
        let periodic: Vec<u8> = (0..60_000_u32).flat_map(|i| (i % 101).wrapping_mul(0x9E37_79B1).to_le_bytes()).collect();
        assert_eq!(choice(4, &&periodic[..]), (Shuffle::Byte, Matches::Any));
    }

    #[test]
    fn runs_suit_rows_of_noise_that_do_not_repeat() {
        let rows = camera(700);
        assert_eq!(choice_of_rows(&rows), (Shuffle::Bit, Matches::Runs));
        assert_eq!(choice_of_rows(&rows[..1000].repeat(120)).1, Matches::Any);
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
