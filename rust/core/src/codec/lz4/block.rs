//! What an LZ4 block is written of: literals, and matches behind them.
#![expect(clippy::inline_always, reason = "the compiler keeps the steps of the loop apart, which doubles its time")]

use std::ops::Range;

use crate::memcpy::copy;

/// The shortest match that the format can tell.
const MIN_MATCH: usize = 4;
/// Bytes at the end that are literals.
pub const LAST_LITERALS: usize = 5;
/// No match begins in this many bytes at the end: twelve by the format, and a word is read at every place.
pub const TAIL: usize = 16;
/// How far back a match may lie.
pub const MAX_DISTANCE: usize = 0xFFFF;
/// Lengths up to this one less are told by the token.
const TOKEN: usize = 15;
/// So many literals are moved at once.
const FEW: usize = 32;

/// A written block: how long it is, and of how many sequences it consists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// Bytes.
    pub nbytes: usize,
    /// Literals with a match behind them: what takes time, here and in the decoder.
    pub sequences: usize,
}

/// A block that is being written.
pub struct Block<'a> {
    out: &'a mut [u8],
    end: usize,
    sequences: usize,
}

impl<'a> Block<'a> {
    /// An empty one, to be written to the start of `out`.
    pub fn new(out: &'a mut [u8]) -> Self {
        Self { out, end: 0, sequences: 0 }
    }

    /// Literals and a match of `len` bytes that lies `distance` back.
    #[inline(always)]
    pub fn sequence(&mut self, data: &[u8], literals: Range<usize>, distance: usize, len: usize) -> Option<()> {
        let rest = len - MIN_MATCH;
        self.literals(data, literals, rest)?;
        let distance = u16::try_from(distance).expect("at most MAX_DISTANCE");
        *self.out.get_mut(self.end..)?.first_chunk_mut()? = distance.to_le_bytes();
        self.end += 2;
        self.sequences += 1;
        if rest < TOKEN { Some(()) } else { self.length(rest - TOKEN) }
    }

    /// The literals from `from` on, which nothing follows.
    pub fn finish(mut self, data: &[u8], from: usize) -> Option<Made> {
        self.literals(data, from..data.len(), 0)?;
        Some(Made { nbytes: self.end, sequences: self.sequences })
    }

    /// A token that tells literals and the length of a match, and the literals.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "four bits each")]
    fn literals(&mut self, data: &[u8], literals: Range<usize>, rest: usize) -> Option<()> {
        let n = literals.len();
        self.byte((n.min(TOKEN) << 4 | rest.min(TOKEN)) as u8)?;
        if n >= TOKEN {
            self.length(n - TOKEN)?;
        }
        let out = self.out.get_mut(self.end..)?;
        match (data[literals.start..].first_chunk::<FEW>(), out.first_chunk_mut()) {
            // One move, whatever the length: the next sequence overwrites what is too much.
            (Some(from), Some(to)) if n <= FEW => *to = *from,
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
        if full > 0 {
            self.out.get_mut(self.end..self.end + full)?.fill(255);
            self.end += full;
        }
        self.byte((rest % 255) as u8)
    }

    #[inline(always)]
    fn byte(&mut self, byte: u8) -> Option<()> {
        *self.out.get_mut(self.end)? = byte;
        self.end += 1;
        Some(())
    }
}
