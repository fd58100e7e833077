//! From a source to an encoded chunk in one call.

use crate::codec::{Codec, Tools};
use crate::coo::Coo;
use crate::error::Result;
use crate::gather::{Layout, check_fit, constant, gather};
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
    let nbytes = nbytes(chunk_shape, layout.itemsize())?;
    if let Some(item) = constant_chunk(block, chunk_shape, layout)?
        && let Some(n) = codec.encode_repeated(&item, nbytes, tools)?
    {
        return Ok(tools.body(n));
    }
    let chunk = chunk.take(nbytes)?;
    gather(block, chunk_shape, layout, chunk)?;
    let n = codec.encode(chunk, tools)?;
    Ok(tools.body(n))
}

/// The item that the whole chunk consists of, if there is one.
fn constant_chunk(block: &View, chunk_shape: &[usize], layout: &Layout) -> Result<Option<Vec<u8>>> {
    check_fit(block, chunk_shape)?;
    let Some(source) = constant(block) else { return Ok(None) };
    let mut item = vec![0; layout.itemsize()];
    gather(&View::new(source, 0, &[], &[], source.len())?, &[], layout, &mut item)?;
    let is_zero = item.iter().all(|&byte| byte == 0);
    Ok((!item.is_empty() && (is_zero || block.shape() == chunk_shape)).then_some(item))
}

/// Densify the box of `chunk_shape` at `start` and compress it.
pub fn encode_box<'a>(coo: &Coo, start: &[usize], chunk_shape: &[usize], codec: &Codec, workspace: &'a mut Workspace) -> Result<&'a [u8]> {
    let Workspace { chunk, tools } = workspace;
    let nbytes = nbytes(chunk_shape, coo.itemsize())?;
    let cut = coo.cut(start, chunk_shape)?;
    if let Some(item) = cut.constant()
        && let Some(n) = codec.encode_repeated(&item, nbytes, tools)?
    {
        return Ok(tools.body(n));
    }
    let chunk = chunk.take(nbytes)?;
    cut.densify(chunk)?;
    let n = codec.encode(chunk, tools)?;
    Ok(tools.body(n))
}

/// Compress bytes as they are.
pub fn encode_bytes<'a>(data: &[u8], codec: &Codec, workspace: &'a mut Workspace) -> Result<&'a [u8]> {
    nbytes(&[data.len()], 1)?;
    let n = codec.encode(data, &mut workspace.tools)?;
    Ok(workspace.tools.body(n))
}
