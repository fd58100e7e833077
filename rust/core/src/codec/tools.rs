//! Memory and contexts of compressors, kept from chunk to chunk.

use super::{deflate, lz4, zstd};
use crate::scratch::Scratch;

/// The output buffer and the compressors' state.
#[derive(Default)]
pub struct Tools {
    pub(super) body: Scratch,
    pub(super) engines: Engines,
}

/// Scratch memory and state of the compressors.
#[derive(Default)]
pub struct Engines {
    /// A block before the filter.
    pub(super) block: Scratch,
    /// The same block behind the filter.
    pub(super) filtered: Scratch,
    /// Streams of samples, which the probe throws away.
    pub(super) sample: Scratch,
    pub(super) streams: Streams,
}

/// The compressors with their contexts.
#[derive(Default)]
pub struct Streams {
    pub(super) lz4: lz4::fast::Encoder,
    pub(super) zstd: zstd::Encoder,
    pub(super) deflate: deflate::Encoder,
}

impl Tools {
    /// The output buffer.
    pub fn body(&mut self) -> &mut Scratch {
        &mut self.body
    }

    /// Release every buffer of more than `limit` bytes.
    pub fn trim(&mut self, limit: usize) {
        self.body.trim(limit);
        self.engines.block.trim(limit);
        self.engines.filtered.trim(limit);
        self.engines.streams.zstd.trim(limit);
    }
}
