//! LZ4 blocks of numbers, faster than by the C library.
//!
//! A sequence costs a mispredicted branch whatever it saves, and numbers with noise are full of matches of four bytes that save next
//! to nothing. So a match has six bytes; the pace grows quickly where none are found, and short ones among many misses do not
//! slow it down again. What is long, like a plane of zeros, is compared 32 bytes at a time.
#![expect(clippy::inline_always, reason = "the compiler keeps the steps of the loop apart, which doubles its time")]

use crate::memcpy::copy;

/// Places that are remembered, by the hash of the bytes there: they fit into the first-level cache.
const SLOTS: usize = 1 << SLOTS_LOG;
const SLOTS_LOG: u32 = 12;
/// Bytes of a word.
const WORD: usize = 8;
/// The shortest match that is looked for.
const MATCH: usize = 6;
/// Bits of a word beyond it.
const UNUSED: usize = 8 * (WORD - MATCH);
/// The shortest match that the format can tell.
const MIN_MATCH: usize = 4;
/// Bytes at the end that are literals.
const LAST_LITERALS: usize = 5;
/// No match begins in this many bytes at the end: twelve by the format, and a word is read at every place.
const TAIL: usize = 16;
/// How far back a match may lie.
const MAX_DISTANCE: usize = 0xFFFF;
/// Lengths up to this one less are told by the token.
const TOKEN: usize = 15;
/// Parts of a byte in which the pace is counted; it grows by one part at each place without a match.
pub const PARTS: usize = 16;
/// Parts by which each byte of a match slows it down.
const BRAKE: usize = 2;

/// A written block: how long it is, and of how many sequences it consists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// Bytes.
    pub nbytes: usize,
    /// Literals with a match behind them: what takes time, here and in the decoder.
    pub sequences: usize,
}

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
        let mut block = Block { out, end: 0, sequences: 0 };
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
        block.literals(data, literals..data.len(), 0)?;
        Some(Made { nbytes: block.end, sequences: block.sequences })
    }
}

/// A block that is being written.
struct Block<'a> {
    out: &'a mut [u8],
    end: usize,
    sequences: usize,
}

impl Block<'_> {
    /// Literals and a match of `len` bytes that lies `distance` back.
    #[inline(always)]
    fn sequence(&mut self, data: &[u8], literals: std::ops::Range<usize>, distance: usize, len: usize) -> Option<()> {
        let rest = len - MIN_MATCH;
        self.literals(data, literals, rest)?;
        let distance = u16::try_from(distance).expect("at most MAX_DISTANCE");
        *self.out.get_mut(self.end..)?.first_chunk_mut()? = distance.to_le_bytes();
        self.end += 2;
        self.sequences += 1;
        if rest < TOKEN { Some(()) } else { self.length(rest - TOKEN) }
    }

    /// A token that tells literals and the length of a match, and the literals.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "four bits each")]
    fn literals(&mut self, data: &[u8], literals: std::ops::Range<usize>, rest: usize) -> Option<()> {
        let n = literals.len();
        self.byte((n.min(TOKEN) << 4 | rest.min(TOKEN)) as u8)?;
        if n >= TOKEN {
            self.length(n - TOKEN)?;
        }
        let out = self.out.get_mut(self.end..)?;
        match (data[literals.start..].first_chunk::<TAIL>(), out.first_chunk_mut()) {
            // One move, whatever the length: the next sequence overwrites what is too much.
            (Some(from), Some(to)) if n <= TAIL => *to = *from,
            _ => copy(&data[literals], out.get_mut(..n)?),
        }
        self.end += n;
        Some(())
    }

    /// What a token could not tell of a length.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "a remainder")]
    fn length(&mut self, rest: usize) -> Option<()> {
        let full = rest / 255;
        self.out.get_mut(self.end..self.end + full)?.fill(255);
        self.end += full;
        self.byte((rest % 255) as u8)
    }

    #[inline(always)]
    fn byte(&mut self, byte: u8) -> Option<()> {
        *self.out.get_mut(self.end)? = byte;
        self.end += 1;
        Some(())
    }
}

/// Write the block of `nbytes` that repeat the bytes `item`, in closed form; `None` where it does not fit or has no such form.
pub fn repeated(item: &[u8], nbytes: usize, out: &mut [u8]) -> Option<usize> {
    let len = nbytes.checked_sub(item.len() + LAST_LITERALS).filter(|&len| len + LAST_LITERALS >= TAIL)?;
    if item.is_empty() || item.len() > MAX_DISTANCE {
        return None;
    }
    let mut block = Block { out, end: 0, sequences: 0 };
    block.sequence(item, 0..item.len(), item.len(), len)?;
    let last: [u8; LAST_LITERALS] = std::array::from_fn(|i| item[(nbytes - LAST_LITERALS + i) % item.len()]);
    block.literals(&last, 0..LAST_LITERALS, 0)?;
    Some(block.end)
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

/// How many bytes at the start of `b` are those of `a`, which is no shorter.
#[inline(always)]
fn agreement(a: &[u8], b: &[u8]) -> usize {
    const WIDE: usize = 4 * WORD;
    let a = &a[..b.len()];
    let mut n = 0;
    if let Some(found) = difference(a, b) {
        return found;
    }
    for (a, b) in a.as_chunks::<WIDE>().0.iter().zip(b.as_chunks::<WIDE>().0) {
        if a != b {
            break;
        }
        n += WIDE;
    }
    while n + WORD <= b.len() {
        if let Some(found) = difference(&a[n..], &b[n..]) {
            return n + found;
        }
        n += WORD;
    }
    n + a[n..].iter().zip(&b[n..]).take_while(|(a, b)| a == b).count()
}

/// The first byte of the first words that differs, if there are words and they do.
#[inline(always)]
fn difference(a: &[u8], b: &[u8]) -> Option<usize> {
    let (a, b) = (u64::from_le_bytes(*a.first_chunk()?), u64::from_le_bytes(*b.first_chunk()?));
    (a != b).then(|| (a ^ b).trailing_zeros() as usize / 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::lz4::block::decompress;
    use proptest::prelude::*;

    fn decoded(block: &[u8], nbytes: usize) -> Vec<u8> {
        decompress(block, Some(i32::try_from(nbytes).unwrap())).unwrap()
    }

    /// Bytes with repetitions near and far, and noise between them.
    fn data() -> impl Strategy<Value = Vec<u8>> {
        let run = prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40),
            (any::<u8>(), 0_usize..400).prop_map(|(byte, n)| vec![byte; n]),
            (0_u8..3, 0_usize..70_000).prop_map(|(seed, n)| (0..=250_u8).cycle().map(|byte| byte.wrapping_mul(seed)).take(n).collect()),
        ];
        prop::collection::vec(run, 0..20).prop_map(|runs| runs.concat())
    }

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

        #[test]
        fn repetitions_have_a_closed_form(item in prop::collection::vec(any::<u8>(), 1..40), count in 1_usize..3000) {
            let data = item.repeat(count);
            let mut out = vec![0xAA; super::super::bound(data.len())];
            match repeated(&item, data.len(), &mut out) {
                None => prop_assert!(data.len() < item.len() + TAIL),
                Some(n) => {
                    prop_assert_eq!(decoded(&out[..n], data.len()), data);
                    prop_assert!(n <= 24 + item.len() + count * item.len() / 255);
                }
            }
        }
    }
}
