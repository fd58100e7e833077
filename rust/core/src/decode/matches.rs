//! The output of Lempel-Ziv decoders: literal bytes, and repetitions of earlier output.

use super::reader::Reader;
use super::size::wrong_size;
use crate::error::{Error, Result};

/// Bytes copied in one move, if there is room, even for shorter literals: later output overwrites
/// the rest.
const LITERAL: usize = 32;
/// The same for repetitions of at least this distance.
const MATCH: usize = 16;

/// Memory that is filled from its front; `what` names the format in errors.
pub struct Output<'a> {
    what: &'static str,
    out: &'a mut [u8],
    done: usize,
}

impl<'a> Output<'a> {
    /// No output.
    pub fn new(what: &'static str, out: &'a mut [u8]) -> Self {
        Self { what, out, done: 0 }
    }

    /// Whether the memory is full.
    pub fn is_full(&self) -> bool {
        self.done == self.out.len()
    }

    /// Write the next `n` bytes of the reader as they are.
    pub fn literal(&mut self, reader: &mut Reader, n: usize) -> Result<()> {
        let room = self.out[self.done..].first_chunk_mut::<LITERAL>();
        if let (Some(from), Some(to), true) = (reader.peek::<LITERAL>(), room, n <= LITERAL) {
            *to = *from;
            reader.take(n)?;
        } else {
            self.room(n)?.copy_from_slice(reader.take(n)?);
        }
        self.done += n;
        Ok(())
    }

    /// Repeat `length` bytes from `distance` bytes back, one after the other: they may repeat
    /// themselves.
    pub fn repeat(&mut self, distance: usize, length: usize) -> Result<()> {
        self.room(length)?;
        let Some(start) = self.done.checked_sub(distance) else {
            return Err(Error::invalid(format!("{}: a match {distance} bytes back, {} are written", self.what, self.done)));
        };
        let end = self.done + length;
        if distance >= MATCH && end + MATCH <= self.out.len() {
            for k in (0..length).step_by(MATCH) {
                let piece: [u8; MATCH] = *self.out[start + k..].first_chunk().expect("it lies before what is written next");
                *self.out[self.done + k..].first_chunk_mut().expect("there is room behind the match") = piece;
            }
            self.done = end;
        } else if distance == 1 {
            let byte = self.out[start];
            self.out[self.done..end].fill(byte);
            self.done = end;
        }
        while self.done < end {
            let n = (end - self.done).min(self.done - start);
            self.out.copy_within(start..start + n, self.done);
            self.done += n;
        }
        Ok(())
    }

    /// Refuse output that does not fill the memory.
    pub fn end(&self) -> Result<()> {
        if self.is_full() { Ok(()) } else { Err(wrong_size(self.what, self.done, self.out.len())) }
    }

    fn room(&mut self, n: usize) -> Result<&mut [u8]> {
        let (what, len, end) = (self.what, self.out.len(), self.done + n);
        self.out.get_mut(self.done..end).ok_or_else(|| Error::invalid(format!("{what}: decodes to {end} bytes, {len} are expected")))
    }
}
