//! Memory that encoded chunks lie in until they are picked up.

use crate::encoded::Encoded;
use crate::error::Result;
use crate::memcpy::copy;
use crate::scratch::Scratch;
use crate::workspace::Workspace;

/// Memory that one encoded chunk is written to; the owner reuses it for the next chunk.
#[derive(Debug, Default)]
pub struct Body {
    memory: Scratch,
    len: usize,
}

impl Body {
    /// Encode a chunk into this memory; if the encoder leaves it in several pieces, copy them here.
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

    /// Release the memory if it is larger than a workspace keeps.
    pub fn trim(&mut self) {
        self.len = 0;
        self.memory.trim(Workspace::KEEP);
    }
}
