//! The codec probe: which filter and search suit a chunk, judged by two samples of it.
//!
//! A Blosc chunk names its filter in its header, so each chunk may have its own, whatever the
//! array's metadata say. Three ways are compared for LZ4 with byte shuffle:
//!
//! 1. byte planes, and any matches: numbers that repeat each other do so in planes of bytes;
//! 2. bit planes, and any matches: noise fills the lower planes with random bits, which are given
//!    up on quickly, and leaves the upper planes constant, where byte planes would be torn into
//!    short matches;
//! 3. bit planes, and runs of one byte alone (lz4/runs.rs): faster than a search for any match, but
//!    blind to rows that repeat each other.
//!
//! Compressing the whole chunk in each way would take three times as long as the best one. So two
//! samples are compressed, at 1/3 and 2/3 of the chunk: about 2 KiB per byte of an item, at most 32
//! KiB, in whole groups of 8 items. If a row fits, a sample has two rows, since repeated rows show
//! only in two; if it does not, runs are not tried.
//!
//! The cost of a way is the length of its streams plus `SEQUENCE` bytes for each sequence: a match
//! costs a mispredicted branch in the encoder and in the decoder, whatever it saves. Bit planes pay
//! a tax of 1/48 of the data, since shuffling bits takes longer than shuffling bytes. The cheapest
//! way wins, the first one among equals.
//!
//! Invariants: the choice depends on the data alone, so equal chunks have equal bodies; a chunk
//! below 64 KiB is not sampled; any choice decodes to the same values.

use super::super::tools::Engines;
use super::noise::{MIN_NBYTES, PIECE, costs, pieces};
use super::parameters::{Blosc, Matches, Shuffle};
use crate::error::Result;
use crate::source::Source;

/// Bytes of a sample, at most.
const MAX_PIECE: usize = 16 * PIECE;
/// The part of the data that bit planes have to save over byte planes, for the time of the shuffle:
/// 1/48.
const BITS: usize = 48;

/// The parameters with the filter and search that are cheapest for samples of `source`.
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
    // Runs are blind to rows that repeat each other, which shows only in samples of two rows.
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

/// A way to compress, and its cost in bytes.
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
