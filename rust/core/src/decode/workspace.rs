//! Memory and contexts of decompressors, kept from chunk to chunk.

use super::{deflate, zstd};
use crate::scratch::Scratch;

/// What a thread reuses from chunk to chunk.
#[derive(Default)]
pub struct Workspace {
    pub(super) chunk: Scratch,
    pub(super) tools: Tools,
}

/// Memory between filters, and the state of decompressors.
#[derive(Default)]
pub struct Tools {
    pub(super) steps: [Scratch; 2],
    pub(super) engines: Engines,
}

/// Scratch memory and contexts of the decompressors.
#[derive(Default)]
pub struct Engines {
    pub(super) blocks: [Scratch; 2],
    pub(super) zstd: zstd::Decoder,
    pub(super) deflate: deflate::Decoder,
}

impl Workspace {
    /// Bytes of one buffer that a thread keeps, at most.
    const KEEP: usize = 9 << 20;

    /// Release every buffer of more than `KEEP` bytes.
    pub fn trim(&mut self) {
        let Self { chunk, tools: Tools { steps, engines } } = self;
        for scratch in steps.iter_mut().chain(&mut engines.blocks).chain([chunk]) {
            scratch.trim(Self::KEEP);
        }
    }
}
