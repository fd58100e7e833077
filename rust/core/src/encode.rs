//! From a source to an encoded chunk in one call.

use crate::codec::{Codec, Tools};
use crate::coo::Coo;
use crate::error::Result;
use crate::gather::{Layout, gather};
use crate::scratch::Scratch;
use crate::shape::nbytes;
use crate::view::View;

/// What a thread keeps from chunk to chunk: scratch memory and compression contexts.
#[derive(Default)]
pub struct Workspace {
    chunk: Scratch,
    tools: Tools,
}

impl Workspace {
    /// Most bytes of one piece of memory that are kept; a larger one is given back.
    const KEEP: usize = 4 << 20;

    /// Give back what an unusually large chunk has left behind.
    pub fn trim(&mut self) {
        self.chunk.trim(Self::KEEP);
        self.tools.trim(Self::KEEP);
    }
}

/// Gather a block into a chunk, padded with zero bytes, and compress it.
pub fn encode_block<'a>(
    block: &View,
    chunk_shape: &[usize],
    layout: &Layout,
    codec: &Codec,
    workspace: &'a mut Workspace,
) -> Result<&'a [u8]> {
    let Workspace { chunk, tools } = workspace;
    let chunk = chunk.take(nbytes(chunk_shape, layout.itemsize())?)?;
    gather(block, chunk_shape, layout, chunk)?;
    codec.encode(chunk, tools)
}

/// Densify the box of `chunk_shape` at `start` and compress it.
pub fn encode_box<'a>(coo: &Coo, start: &[usize], chunk_shape: &[usize], codec: &Codec, workspace: &'a mut Workspace) -> Result<&'a [u8]> {
    let Workspace { chunk, tools } = workspace;
    let chunk = chunk.take(nbytes(chunk_shape, coo.itemsize())?)?;
    coo.densify(start, chunk_shape, chunk)?;
    codec.encode(chunk, tools)
}

/// Compress bytes as they are.
pub fn encode_bytes<'a>(data: &[u8], codec: &Codec, workspace: &'a mut Workspace) -> Result<&'a [u8]> {
    nbytes(&[data.len()], 1)?;
    codec.encode(data, &mut workspace.tools)
}
