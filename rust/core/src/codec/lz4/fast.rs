//! LZ4 blocks of numbers, faster than by the C library.
//!
//! A sequence costs a mispredicted branch whatever it saves, and numbers with noise are full of matches of four bytes that save next
//! to nothing. So a match has six bytes; the pace grows quickly where none are found, and short ones among many misses do not
//! slow it down again. What is long, like a plane of zeros, is compared 32 bytes at a time.
#![expect(clippy::inline_always, reason = "the compiler keeps the steps of the loop apart, which doubles its time")]

use super::agreement::{WORD, agreement};
use super::block::{Block, LAST_LITERALS, MAX_DISTANCE, Made, TAIL};

/// Places that are remembered, by the hash of the bytes there: they fit into the first-level cache.
const SLOTS: usize = 1 << SLOTS_LOG;
const SLOTS_LOG: u32 = 12;
/// The shortest match that is looked for.
const MATCH: usize = 6;
/// Bits of a word beyond it.
const UNUSED: usize = 8 * (WORD - MATCH);
/// Parts of a byte in which the pace is counted; it grows by one part at each place without a match.
pub const PARTS: usize = 16;
/// Parts by which each byte of a match slows it down.
const BRAKE: usize = 2;

/// A compressor with its memory.
pub struct Encoder(Box<[u32; SLOTS]>);

impl Default for Encoder {
    fn default() -> Self {
        Self(Box::new([0; SLOTS]))
    }
}

impl Encoder {
    /// Write one block to the start of `out`; `None` where it does not fit.
    ///
    /// The search begins, and where much is found goes on, at `pace` parts of a byte from place to place.
    pub fn encode(&mut self, pace: usize, data: &[u8], out: &mut [u8]) -> Option<Made> {
        let places = &mut *self.0;
        places.fill(0);
        let mut block = Block::new(out);
        let pace = pace.max(PARTS);
        let (mut at, mut literals, mut steps) = (1, 0, pace);
        let last = data.len().saturating_sub(TAIL);
        let matchable = &data[..data.len().saturating_sub(LAST_LITERALS)];
        while at < last {
            let found = loop {
                let here = word(data, at);
                let slot = &mut places[slot(here)];
                let from = *slot as usize;
                *slot = place(at);
                if (word(data, from) ^ here) << UNUSED == 0 && at - from <= MAX_DISTANCE {
                    break Some(from);
                }
                at += steps / PARTS;
                steps += 1;
                if at >= last {
                    break None;
                }
            };
            let Some(mut from) = found else { break };
            let mut len = MATCH + agreement(&data[from + MATCH..], &matchable[at + MATCH..]);
            while at > literals && from > 0 && data[at - 1] == data[from - 1] {
                (at, from, len) = (at - 1, from - 1, len + 1);
            }
            block.sequence(data, literals..at, at - from, len)?;
            at += len;
            literals = at;
            steps = pace.max(steps.saturating_sub(BRAKE * len));
            if at < last {
                places[slot(word(data, at - 2))] = place(at - 2);
            }
        }
        block.finish(data, literals)
    }
}

/// Where a place is remembered, by the bytes of a match there.
#[inline(always)]
fn slot(word: u64) -> usize {
    const PRIME: u64 = 0x9E37_79B1_85EB_CA87;
    ((word << UNUSED).wrapping_mul(PRIME) >> (u64::BITS - SLOTS_LOG)) as usize % SLOTS
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "blocks are bounded by MAX_NBYTES")]
fn place(at: usize) -> u32 {
    at as u32
}

#[inline(always)]
fn word(data: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*data[at..].first_chunk().expect("a word before the end"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{data, decoded};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_decoded_by_the_c_library(data in data(), pace in 1_usize..60) {
            let mut encoder = Encoder::default();
            let mut out = vec![0xAA; super::super::bound(data.len())];
            let made = encoder.encode(pace, &data, &mut out).unwrap();
            prop_assert_eq!(decoded(&out[..made.nbytes], data.len()), &data[..]);
            prop_assert_eq!(encoder.encode(pace, &data, &mut vec![0; made.nbytes]), Some(made));
            prop_assert_eq!(encoder.encode(pace, &data, &mut vec![0; made.nbytes - 1]), None);
        }
    }
}
