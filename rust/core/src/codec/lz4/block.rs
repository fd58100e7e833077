//! The layout of an LZ4 block: sequences of literals and a match,
//! <https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md>.
#![expect(clippy::inline_always, reason = "without it the compiler calls the steps of the loop, which doubles its time")]

use std::ops::Range;

use crate::memcpy::copy;

/// The shortest match that the format can hold.
const MIN_MATCH: usize = 4;
/// Bytes at the end that are literals.
pub const LAST_LITERALS: usize = 5;
/// No match begins in the last 16 bytes: the format forbids the last 12, and our searches read a
/// word at each place.
pub const TAIL: usize = 16;
/// How far back a match may lie.
pub const MAX_DISTANCE: usize = 0xFFFF;
/// The token holds lengths below this; longer ones go on in further bytes.
const TOKEN: usize = 15;
/// Literals that are copied in one move.
const FEW: usize = 32;

/// The size of a written block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// Bytes.
    pub nbytes: usize,
    /// Sequences: each costs a mispredicted branch here and in the decoder.
    pub sequences: usize,
}

/// A block under construction.
pub struct Block<'a> {
    out: &'a mut [u8],
    end: usize,
    sequences: usize,
}

impl<'a> Block<'a> {
    /// An empty block at the start of `out`.
    pub fn new(out: &'a mut [u8]) -> Self {
        Self { out, end: 0, sequences: 0 }
    }

    /// Add literals and a match of `len` bytes, `distance` bytes back. None if they do not fit.
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

    /// Add the last literals, from `from` on. None if they do not fit.
    pub fn finish(mut self, data: &[u8], from: usize) -> Option<Made> {
        self.literals(data, from..data.len(), 0)?;
        Some(Made { nbytes: self.end, sequences: self.sequences })
    }

    /// Write the token for the literals and a match, then the literals.
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
            // One move of 32 bytes, whatever the length: the next sequence overwrites what is too
            // much.
            (Some(from), Some(to)) if n <= FEW => *to = *from,
            _ => copy(&data[literals], out.get_mut(..n)?),
        }
        self.end += n;
        Some(())
    }

    /// Write the part of a length that does not fit into the token.
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
