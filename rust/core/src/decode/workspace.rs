//! Memory and contexts of decompressors, kept from chunk to chunk.

use super::{deflate, zstd};
use crate::scratch::Scratch;

/// What a thread keeps from chunk to chunk.
#[derive(Default)]
pub struct Workspace {
    pub(super) chunk: Scratch,
    pub(super) tools: Tools,
}

/// Memory between filters, and what they work with.
#[derive(Default)]
pub struct Tools {
    pub(super) steps: [Scratch; 2],
    pub(super) engines: Engines,
}

/// What decompressors work with, besides input and output.
#[derive(Default)]
pub struct Engines {
    pub(super) blocks: [Scratch; 2],
    pub(super) zstd: zstd::Decoder,
    pub(super) deflate: deflate::Decoder,
}

impl Workspace {
    /// Most bytes of one piece of memory that are kept; a larger one is given back.
    const KEEP: usize = 9 << 20;

    /// Give back what an unusually large chunk has left behind.
    pub fn trim(&mut self) {
        let Self { chunk, tools: Tools { steps, engines } } = self;
        for scratch in steps.iter_mut().chain(&mut engines.blocks).chain([chunk]) {
            scratch.trim(Self::KEEP);
        }
    }
}
