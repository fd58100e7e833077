//! From a source to an encoded chunk in one call.

use crate::codec::{Codec, Tools};
use crate::coo::Coo;
use crate::encoded::Encoded;
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
    /// Most bytes of one piece of memory that are kept, enough for a chunk of 8 MiB; a larger one is given back.
    const KEEP: usize = 9 << 20;

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
) -> Result<Encoded<'a>> {
    check_fit(block, chunk_shape)?;
    let nbytes = nbytes(chunk_shape, layout.itemsize())?;
    let item = if codec.knows_repeats(nbytes) { constant_chunk(block, chunk_shape, layout)? } else { None };
    encode_chunk(nbytes, item, |chunk| gather(block, chunk_shape, layout, chunk), codec, workspace)
}

/// Densify the box of `chunk_shape` at `start` and compress it.
pub fn encode_box<'a>(
    coo: &Coo,
    start: &[usize],
    chunk_shape: &[usize],
    codec: &Codec,
    workspace: &'a mut Workspace,
) -> Result<Encoded<'a>> {
    let nbytes = nbytes(chunk_shape, coo.itemsize())?;
    let cut = coo.cut(start, chunk_shape)?;
    let item = if codec.knows_repeats(nbytes) { cut.constant() } else { None };
    encode_chunk(nbytes, item, |chunk| cut.densify(chunk), codec, workspace)
}

/// Compress bytes as they are.
pub fn encode_bytes<'a>(data: &'a [u8], codec: &Codec, workspace: &'a mut Workspace) -> Result<Encoded<'a>> {
    nbytes(&[data.len()], 1)?;
    codec.encode(data, &mut workspace.tools)
}

/// The item that the whole chunk consists of, if there is one.
fn constant_chunk(block: &View, chunk_shape: &[usize], layout: &Layout) -> Result<Option<Vec<u8>>> {
    let Some(source) = constant(block) else { return Ok(None) };
    let mut item = vec![0; layout.itemsize()];
    gather(&View::new(source, 0, &[], &[], source.len())?, &[], layout, &mut item)?;
    let is_zero = item.iter().all(|&byte| byte == 0);
    Ok((is_zero || block.shape() == chunk_shape).then_some(item))
}

/// Compress a chunk of `nbytes`: of equal items if there is an `item`, or else what `fill` writes, which overwrites all of it.
fn encode_chunk<'a>(
    nbytes: usize,
    item: Option<Vec<u8>>,
    fill: impl FnOnce(&mut [u8]) -> Result<()>,
    codec: &Codec,
    workspace: &'a mut Workspace,
) -> Result<Encoded<'a>> {
    let Workspace { chunk, tools } = workspace;
    let repeated = item.map(|item| codec.write_repeated(&item, nbytes, tools)).transpose()?.flatten();
    if let Some(n) = repeated {
        return Ok(codec.encoded(tools, n));
    }
    let chunk = chunk.take(nbytes)?;
    fill(chunk)?;
    codec.encode(chunk, tools)
}
