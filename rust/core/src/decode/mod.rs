//! Stored chunks of HDF5 datasets and Zarr arrays, decoded, and what a region wants of them put into its place.
//!
//! Nothing here trusts the bytes: every size is known before they are looked at, and whatever contradicts it is refused.

mod bitshuffle;
mod blosc;
mod blosclz;
mod crc32c;
mod deflate;
mod fletcher;
mod lz4;
mod lzf;
mod matches;
mod pipeline;
mod reader;
mod region;
mod unshuffle;
mod zstd;

pub use pipeline::{Filter, Pipeline};
pub use region::{Decoder, Stored};

use crate::error::{Error, Result};
use crate::scratch::Scratch;

/// What a thread keeps from chunk to chunk.
#[derive(Default)]
pub struct Workspace {
    chunk: Scratch,
    tools: Tools,
}

/// Memory between filters, and what they work with.
#[derive(Default)]
pub struct Tools {
    steps: [Scratch; 2],
    engines: Engines,
}

/// What decompressors work with, besides input and output.
#[derive(Default)]
pub struct Engines {
    blocks: [Scratch; 2],
    zstd: zstd::Decoder,
    deflate: deflate::Decoder,
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

/// Refuse data that say another size than the one expected.
fn check_size(what: &str, got: u64, expected: usize) -> Result<()> {
    if got == expected as u64 { Ok(()) } else { Err(Error::invalid(format!("{what}: {got} bytes, {expected} are expected"))) }
}

/// What a decoder says that has made another size than the one expected.
fn wrong_size(what: &str, got: usize, expected: usize) -> Error {
    Error::invalid(format!("{what}: decodes to {got} bytes, {expected} are expected"))
}

#[cfg(test)]
mod tests;
