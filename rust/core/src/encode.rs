//! A source encoded as a chunk in one call.

use crate::codec::{Codec, Tools};
use crate::coo::Cut;
use crate::encoded::Encoded;
use crate::error::Result;
use crate::gather::{Layout, check_fit, constant, gather};
use crate::shape::nbytes;
use crate::source::{Gathered, Source};
use crate::view::View;
use crate::workspace::Workspace;

/// Gather a block into a chunk, padded with zero bytes, and compress it.
pub fn encode_block<'a>(
    block: &View,
    chunk_shape: &[usize],
    layout: &Layout,
    codec: &Codec,
    workspace: &'a mut Workspace,
) -> Result<Encoded<'a>> {
    check_fit(block, chunk_shape)?;
    let source = Gathered::new(block, chunk_shape, layout)?;
    let item = if codec.knows_repeats(source.nbytes()) { constant_chunk(block, chunk_shape, layout)? } else { None };
    let Workspace { chunk, tools } = workspace;
    let written = match write_repeated(item, source.nbytes(), codec, tools)? {
        None if codec.takes_blocks(&source) => codec.write_blocks(&source, tools)?,
        written => written,
    };
    if let Some(n) = written {
        return Ok(codec.encoded(tools, n));
    }
    let is_hopeless = codec.takes_blocks(&source);
    let chunk = chunk.take(source.nbytes())?;
    gather(block, chunk_shape, layout, chunk)?;
    if is_hopeless { codec.store(chunk, tools) } else { codec.encode(chunk, tools) }
}

/// Densify a box and compress it.
pub fn encode_cut<'a>(cut: &Cut, codec: &Codec, workspace: &'a mut Workspace) -> Result<Encoded<'a>> {
    let nbytes = cut.nbytes();
    let item = if codec.knows_repeats(nbytes) { cut.constant() } else { None };
    let Workspace { chunk, tools } = workspace;
    if let Some(n) = write_repeated(item, nbytes, codec, tools)? {
        return Ok(codec.encoded(tools, n));
    }
    let chunk = chunk.take(nbytes)?;
    cut.densify(chunk)?;
    codec.encode(chunk, tools)
}

/// Compress contiguous bytes.
pub fn encode_bytes<'a>(data: &'a [u8], codec: &Codec, workspace: &'a mut Workspace) -> Result<Encoded<'a>> {
    nbytes(&[data.len()], 1)?;
    codec.encode(data, &mut workspace.tools)
}

/// The item that the whole chunk repeats, padding included. None if items differ.
fn constant_chunk(block: &View, chunk_shape: &[usize], layout: &Layout) -> Result<Option<Vec<u8>>> {
    let Some(source) = constant(block) else { return Ok(None) };
    let mut item = vec![0; layout.itemsize()];
    gather(&View::new(source, 0, &[], &[], source.len())?, &[], layout, &mut item)?;
    let is_zero = item.iter().all(|&byte| byte == 0);
    Ok((is_zero || block.shape() == chunk_shape).then_some(item))
}

/// Write a chunk of `nbytes` that repeats `item`. Returns its length; None without an item, or if
/// the codec has no short way.
fn write_repeated(item: Option<Vec<u8>>, nbytes: usize, codec: &Codec, tools: &mut Tools) -> Result<Option<usize>> {
    item.map_or(Ok(None), |item| codec.write_repeated(&item, nbytes, tools))
}
