//! A region of a chunked array, copied from the chunks that it overlaps.

use super::pipeline::Pipeline;
use super::size::check_size;
use super::workspace::Workspace;
use crate::error::{Error, Result};
use crate::gather::{Axis, copy_items, merge};
use crate::shape::nbytes;
use crate::view::View;

/// How the chunks of a dataset are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoder {
    pipeline: Pipeline,
    chunk_shape: Vec<usize>,
    itemsize: usize,
    nbytes: usize,
}

/// A chunk as it lies in the file.
#[derive(Debug, Clone)]
pub struct Stored<'a> {
    /// Its place in the chunk grid.
    pub index: Vec<usize>,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// A bit for every filter that was skipped.
    pub mask: u32,
}

/// The overlap of a region and a chunk.
struct Part {
    /// The overlap's axes, from the chunk to the region.
    axes: Vec<Axis>,
    /// Bytes from the start of the chunk to the overlap's first item.
    source: usize,
    /// Bytes from the start of the region to that item.
    target: usize,
}

impl Decoder {
    /// Chunks of `chunk_shape` elements, items of `itemsize` bytes.
    pub fn new(pipeline: Pipeline, chunk_shape: Vec<usize>, itemsize: usize) -> Result<Self> {
        let nbytes = nbytes(&chunk_shape, itemsize)?;
        if nbytes == 0 {
            return Err(Error::invalid(format!("chunks of shape {chunk_shape:?} with items of {itemsize} bytes hold nothing")));
        }
        Ok(Self { pipeline, chunk_shape, itemsize, nbytes })
    }

    /// Bytes of an item.
    #[must_use]
    pub fn itemsize(&self) -> usize {
        self.itemsize
    }

    /// Copy the overlaps of the region of `shape` at `start` (elements) with these chunks to `out`,
    /// which is the region in C order.
    ///
    /// The rest of `out` is unchanged. After an error `out` may be half written.
    pub fn read(&self, start: &[usize], shape: &[usize], chunks: &[Stored], out: &mut [u8], workspace: &mut Workspace) -> Result<()> {
        let size = nbytes(shape, self.itemsize)?;
        if start.len() != self.chunk_shape.len() || shape.len() != start.len() || out.len() != size {
            return Err(Error::invalid(format!(
                "a region at {start:?} of shape {shape:?} in {} bytes, chunks of shape {:?} with items of {} bytes",
                out.len(),
                self.chunk_shape,
                self.itemsize
            )));
        }
        for chunk in chunks {
            let part = self.part(&chunk.index, start, shape)?;
            self.place(chunk, &part, out, workspace).map_err(|error| at(&chunk.index, error))?;
        }
        Ok(())
    }

    /// Decode a chunk and copy its overlap to `out`.
    fn place(&self, chunk: &Stored, part: &Part, out: &mut [u8], workspace: &mut Workspace) -> Result<()> {
        let Workspace { chunk: scratch, tools } = workspace;
        let out = &mut out[part.target..];
        if self.is_one_run(part) {
            return self.pipeline.decode(chunk.bytes, chunk.mask, &mut out[..self.nbytes], tools);
        }
        let decoded = if self.pipeline.is_idle(chunk.mask) {
            check_size("stored bytes", chunk.bytes.len() as u64, self.nbytes)?;
            chunk.bytes
        } else {
            let decoded = scratch.take(self.nbytes)?;
            self.pipeline.decode(chunk.bytes, chunk.mask, decoded, tools)?;
            decoded
        };
        let (shape, strides): (Vec<usize>, Vec<isize>) = part.axes.iter().map(|axis| (axis.len, axis.stride)).unzip();
        let view = View::new(decoded, part.source, &shape, &strides, self.itemsize)?;
        copy_items(&view, &part.axes, self.itemsize, out);
        Ok(())
    }

    /// Whether the overlap is the whole chunk, and contiguous in the region: then it is decoded in
    /// place.
    fn is_one_run(&self, part: &Part) -> bool {
        match part.axes[..] {
            [] => self.nbytes == self.itemsize,
            [axis] => axis.pitch == self.itemsize && axis.len * self.itemsize == self.nbytes,
            _ => false,
        }
    }

    /// The overlap of the region and the chunk at `index`. Refused if there is none.
    fn part(&self, index: &[usize], start: &[usize], shape: &[usize]) -> Result<Part> {
        let apart = || Error::invalid(format!("chunk {index:?} lies outside of the region at {start:?} of shape {shape:?}"));
        if index.len() != shape.len() {
            return Err(apart());
        }
        let mut part = Part { axes: Vec::with_capacity(shape.len()), source: 0, target: 0 };
        let (mut stride, mut pitch) = (self.itemsize, self.itemsize);
        for (((&i, &chunk), &start), &len) in index.iter().zip(&self.chunk_shape).zip(start).zip(shape).rev() {
            let begin = i.checked_mul(chunk).ok_or_else(apart)?;
            let (first, end) = (begin.max(start), begin.saturating_add(chunk).min(start.saturating_add(len)));
            let overlap = end.checked_sub(first).filter(|&overlap| overlap > 0).ok_or_else(apart)?;
            part.axes.push(Axis { len: overlap, full: overlap, stride: stride.cast_signed(), pitch });
            part.source += (first - begin) * stride;
            part.target += (first - start) * pitch;
            (stride, pitch) = (stride * chunk, pitch * len);
        }
        part.axes.reverse();
        part.axes = merge(&part.axes);
        Ok(part)
    }
}

/// The error with the index of its chunk.
fn at(index: &[usize], error: Error) -> Error {
    match error {
        Error::Invalid(text) => Error::Invalid(format!("chunk {index:?}: {text}")),
        other => other,
    }
}
