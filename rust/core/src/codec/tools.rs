//! Memory and contexts of compressors, kept from chunk to chunk.

use super::{deflate, lz4, zstd};
use crate::scratch::Scratch;

/// What compressors keep from call to call.
#[derive(Default)]
pub struct Tools {
    pub(super) body: Scratch,
    pub(super) engines: Engines,
}

/// What compressors work with, besides input and output.
#[derive(Default)]
pub struct Engines {
    /// A block on its way to the filter.
    pub(super) block: Scratch,
    /// And from there to the compressor.
    pub(super) filtered: Scratch,
    /// The stream of a piece that is only looked at.
    pub(super) sample: Scratch,
    pub(super) streams: Streams,
}

/// What makes streams.
#[derive(Default)]
pub struct Streams {
    pub(super) lz4: lz4::fast::Encoder,
    pub(super) zstd: zstd::Encoder,
    pub(super) deflate: deflate::Encoder,
}

impl Tools {
    /// The memory that is written to.
    pub fn body(&mut self) -> &mut Scratch {
        &mut self.body
    }

    /// Give back every piece of memory above `limit` bytes.
    pub fn trim(&mut self, limit: usize) {
        self.body.trim(limit);
        self.engines.block.trim(limit);
        self.engines.filtered.trim(limit);
        self.engines.streams.zstd.trim(limit);
    }
}
