//! LZ4 blocks whose matches are runs of one byte, found 64 bytes at a time without a table.
//!
//! The bit planes of noisy numbers are random or hold long runs of 0x00 and 0xFF, and hardly
//! anything else in them repeats. A search for matches of any kind hashes and looks up every place;
//! to be fast it has to skip places, and then misses the starts of runs.
//!
//! A run is where a byte equals the one before it. So the search compares 64 bytes at `at` with the
//! 64 bytes at `at - 1`, and collects the results as bits of a word (AVX2: two comparisons and two
//! movemasks; else words of eight bytes). Bit `i` says that byte `at + i` continues a run.
//!
//! * A run that saves anything has 7 such bits in a row. `bits & bits >> 1` marks places where 2
//!   bits begin, the same with a shift by 2 marks 4, and by 3 marks 7: three steps for all 64
//!   places.
//! * No mark: the next 58 places hold no start of a run, and the search moves on by as many.
//! * A mark: its place is the end of the literals; the run ends at the next clear bit. If there is
//!   none, the run goes on behind the span, and `agreement` finds its end 32 bytes at a time.
//!
//! A match at distance 1 repeats the last byte, which is how LZ4 writes a run. Invariant: every run
//! of more than 7 bytes that does not reach the last 80 bytes becomes a match (tested).
#![expect(clippy::inline_always, reason = "the loop is made once for each kind of processor")]

use super::agreement::agreement;
use super::block::{Block, LAST_LITERALS, Made, TAIL};
use crate::cpu::{self, Compare, SPAN};

/// Bytes of the shortest match: one of 4 saves a byte, and costs as much time as a long one.
const MATCH: usize = 7;

/// Write one block to the start of `out`. None if it does not fit.
pub fn encode(data: &[u8], out: &mut [u8]) -> Option<Made> {
    cpu::by_compare(Search { data, out })
}

/// A search for the runs of `data`, which writes its block to `out`.
struct Search<'a> {
    data: &'a [u8],
    out: &'a mut [u8],
}

impl Compare for Search<'_> {
    type Made = Option<Made>;

    #[inline(always)]
    fn run(self, equal: impl Fn(&[u8; SPAN], &[u8; SPAN]) -> u64) -> Option<Made> {
        encode_by(equal, self.data, self.out)
    }
}

/// The search; bit `i` of what `equal` returns says whether byte `i` is the same in both spans.
#[inline(always)]
fn encode_by(equal: impl Fn(&[u8; SPAN], &[u8; SPAN]) -> u64, data: &[u8], out: &mut [u8]) -> Option<Made> {
    let matchable = &data[..data.len().saturating_sub(LAST_LITERALS)];
    let mut block = Block::new(out);
    let (mut at, mut literals) = (1, 0);
    while at + SPAN + TAIL <= data.len() {
        let (Some(before), Some(here)) = (data[at - 1..].first_chunk(), data[at..].first_chunk()) else { break };
        let same = equal(before, here);
        let starts = starts(same);
        if starts == 0 {
            at += SPAN - MATCH + 1;
            continue;
        }
        let skipped = starts.trailing_zeros();
        let start = at + skipped as usize;
        let mut end = start + (!(same >> skipped)).trailing_zeros() as usize;
        if end == at + SPAN {
            end += agreement(&data[end - 1..], &matchable[end..]);
        }
        block.sequence(data, literals..start, 1, end - start)?;
        literals = end;
        at = end + 1;
    }
    block.finish(data, literals)
}

/// The places at which as many set bits begin as a match has bytes.
#[inline(always)]
fn starts(bits: u64) -> u64 {
    const _: () = assert!(MATCH == 7, "three steps: of 2, 4, and 7 bits");
    let two = bits & bits >> 1;
    let four = two & two >> 2;
    four & four >> 3
}

#[cfg(test)]
mod tests {
    use super::super::{bound, tests};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_decoded_by_the_c_library(data in tests::data()) {
            let mut out = vec![0xAA; bound(data.len())];
            let made = encode(&data, &mut out).unwrap();
            prop_assert_eq!(tests::decoded(&out[..made.nbytes], data.len()), &data[..]);
            let mut exact = vec![0; made.nbytes];
            prop_assert_eq!(encode(&data, &mut exact), Some(made));
            prop_assert_eq!(&exact, &out[..made.nbytes]);
            prop_assert_eq!(encode(&data, &mut exact[..made.nbytes - 1]), None);
            prop_assert_eq!(encode_by(cpu::tests::equal, &data, &mut exact), Some(made));
            prop_assert_eq!(&exact, &out[..made.nbytes]);
        }

        #[test]
        fn finds_every_run(runs in prop::collection::vec((any::<u8>(), 1_usize..12), 0..200)) {
            let data: Vec<u8> = runs.iter().flat_map(|&(byte, n)| vec![byte; n]).collect();
            let len = data.len().saturating_sub(SPAN + TAIL);
            let found = data[..len].chunk_by(|a, b| a == b).filter(|run| run.len() > MATCH).count();
            let made = encode(&data, &mut vec![0; bound(data.len())]).unwrap();
            prop_assert!(made.sequences >= found);
        }
    }
}
