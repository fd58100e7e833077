//! Memory that encoding uses again and again.

use crate::codec::Tools;
use crate::scratch::Scratch;

/// What a thread keeps from chunk to chunk: scratch memory and compression contexts.
#[derive(Default)]
pub struct Workspace {
    /// A chunk before it is compressed.
    pub(crate) chunk: Scratch,
    pub(crate) tools: Tools,
}

impl Workspace {
    /// Most bytes of one piece of memory that are kept, enough for a chunk of 8 MiB; a larger one is given back.
    pub(crate) const KEEP: usize = 9 << 20;

    /// Exchange the memory that chunks are encoded into.
    pub(crate) fn swap(&mut self, body: &mut Scratch) {
        std::mem::swap(self.tools.body(), body);
    }

    /// Give back what an unusually large chunk has left behind.
    pub fn trim(&mut self) {
        self.chunk.trim(Self::KEEP);
        self.tools.trim(Self::KEEP);
    }
}
