//! Memory that encoding uses again and again.

use crate::codec::Tools;
use crate::scratch::Scratch;

/// What a thread reuses from chunk to chunk: scratch memory and compression contexts.
#[derive(Default)]
pub struct Workspace {
    /// A chunk before it is compressed.
    pub(crate) chunk: Scratch,
    pub(crate) tools: Tools,
}

impl Workspace {
    /// Bytes of one buffer that a thread keeps, at most: enough for a chunk of 8 MiB.
    /// [`Self::trim`] releases larger ones.
    pub(crate) const KEEP: usize = 9 << 20;

    /// Swap the memory that chunks are encoded into with `body`.
    pub(crate) fn swap(&mut self, body: &mut Scratch) {
        std::mem::swap(self.tools.body(), body);
    }

    /// Release every buffer of more than `KEEP` bytes.
    pub fn trim(&mut self) {
        self.chunk.trim(Self::KEEP);
        self.tools.trim(Self::KEEP);
    }
}
