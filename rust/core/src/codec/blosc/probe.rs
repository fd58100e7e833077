//! What suits the bytes at hand, judged by two small pieces of them.

use super::super::tools::Engines;
use super::noise::{MIN_NBYTES, PIECE, costs, pieces};
use super::parameters::{Blosc, Matches, Shuffle};
use crate::error::Result;
use crate::source::Source;

/// Bytes of all planes, at most.
const MAX_PIECE: usize = 16 * PIECE;
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

#[cfg(test)]
mod tests {
    use super::super::noise::tests::camera;
    use super::super::parameters::Cname;
    use super::*;
    use crate::gather::Layout;
    use crate::source::Gathered;
    use crate::view::View;

    fn choice(typesize: usize, source: &dyn Source) -> (Shuffle, Matches) {
        let blosc = Blosc::new(Cname::Lz4, 5, Shuffle::Byte, typesize).unwrap();
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
}
