//! What an encoder has made.

use std::mem::MaybeUninit;

use crate::encode::Workspace;
use crate::error::Result;
use crate::memcpy::{copy, copy_to_new};
use crate::scratch::Scratch;

/// An encoded chunk in the pieces in which it lies in memory: what the codec wrote, the data where they are stored as they are,
/// and the checksum.
#[derive(Debug, Clone, Copy)]
pub struct Encoded<'a> {
    head: &'a [u8],
    stored: &'a [u8],
    checksum: Option<[u8; 4]>,
}

impl<'a> Encoded<'a> {
    pub(crate) fn new(head: &'a [u8], stored: &'a [u8], crc32c: bool) -> Self {
        let checksum = crc32c.then(|| crc32c::crc32c_append(crc32c::crc32c(head), stored).to_le_bytes());
        Self { head, stored, checksum }
    }

    pub(crate) fn pieces(&self) -> [&[u8]; 3] {
        [self.head, self.stored, self.checksum.as_ref().map_or(&[], |checksum| checksum)]
    }

    /// How many bytes there are.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no one asks")]
    pub fn len(&self) -> usize {
        self.pieces().iter().map(|piece| piece.len()).sum()
    }

    /// Write all bytes to `out`, which has room for exactly them and need not hold anything yet.
    pub fn write_to(&self, out: &mut [MaybeUninit<u8>]) {
        assert_eq!(out.len(), self.len(), "the encoded chunk's size");
        let mut rest = out;
        for piece in self.pieces() {
            let (to, after) = rest.split_at_mut(piece.len());
            copy_to_new(piece, to);
            rest = after;
        }
    }
}

/// Memory in which a chunk is encoded and then given away, to be used again when it comes back.
#[derive(Debug, Default)]
pub struct Body {
    memory: Scratch,
    len: usize,
}

impl Body {
    /// Encode a chunk into this memory, or where it lies in several pieces, copy it there.
    pub fn fill(&mut self, workspace: &mut Workspace, encode: impl FnOnce(&mut Workspace) -> Result<Encoded<'_>>) -> Result<()> {
        workspace.swap(&mut self.memory);
        let encoded = encode(workspace)?;
        self.len = encoded.len();
        let [_, others @ ..] = encoded.pieces();
        if others.iter().all(|piece| piece.is_empty()) {
            workspace.swap(&mut self.memory);
            return Ok(());
        }
        let mut rest = self.memory.take(self.len)?;
        for piece in encoded.pieces() {
            let (to, after) = rest.split_at_mut(piece.len());
            copy(piece, to);
            rest = after;
        }
        Ok(())
    }

    /// The chunk.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.memory.taken(self.len)
    }

    /// Give back what an unusually large chunk has left behind.
    pub fn trim(&mut self) {
        self.len = 0;
        self.memory.trim(Workspace::KEEP);
    }
}
