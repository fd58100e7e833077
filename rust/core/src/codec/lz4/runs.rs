//! LZ4 blocks whose matches are runs of one byte, found without any memory of what came before.
//!
//! The planes of bits of noisy numbers are random or hold long runs, and next to nothing in them repeats but these. All runs are found,
//! 64 bytes at a time, where a search for matches of any kind has to leave places out to be as quick.
#![expect(clippy::inline_always, reason = "the loop is made once for each kind of processor")]

use super::agreement::agreement;
use super::block::{Block, LAST_LITERALS, Made, TAIL};
use crate::cpu::{self, Compare, SPAN};

/// The shortest match: one of four bytes saves a byte, and costs as much time as a long one.
const MATCH: usize = 7;

/// Write one block to the start of `out`; `None` where it does not fit.
pub fn encode(data: &[u8], out: &mut [u8]) -> Option<Made> {
    cpu::by_compare(Search { data, out })
}

/// Runs looked for in `data`, the block written to `out`.
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

/// The same, where `equal` has a bit for each place at which two bytes are equal.
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

/// The places where as many bits as a match has bytes begin that are all set.
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
