//! Blosc 1 chunks, <https://github.com/Blosc/c-blosc/blob/main/README_CHUNK_FORMAT.rst>: what the
//! Zarr codec `blosc` means.
//!
//! c-blosc could write them, but a chunk is only a header, offsets and one stream per block.
//! Written here, its scratch memory and contexts are reused, and filter and search are chosen per
//! chunk (blosc/probe.rs). c-blosc 2 writes chunks that decoders in browsers read as wrong values.

mod block;
mod noise;
mod parameters;
mod probe;
mod writer;

pub use parameters::{Blosc, Cname, LEVELS, Shuffle};

use super::tools::Engines;
use super::written::Written;
use super::{lz4, zstd};
use crate::error::Result;
use crate::memcpy::repeat;
use crate::source::Source;
use writer::Writer;

/// Bytes below which a chunk is stored, as in c-blosc: the header would outweigh the gain.
const MIN_NBYTES: usize = 128;
/// Bytes of a block. Larger ones compress better; a block of this size and its shuffled copy still
/// fit into a second-level cache of 512 KiB.
const BLOCKSIZE: usize = 256 << 10;
/// Bytes of a plane in a block for Zstandard: its own block size, so that each of its blocks holds
/// bytes of one plane.
const ZSTD_PLANE: usize = 128 << 10;
/// Bytes of a block for Zstandard, at most.
const ZSTD_BLOCKSIZE: usize = 2 << 20;
/// Bytes of a block of equal items that is compressed once and then repeated.
const REPEATED_BLOCKSIZE: usize = 16 << 10;

/// Bytes that a chunk of `nbytes` takes, at most.
#[must_use]
pub fn bound(nbytes: usize) -> usize {
    writer::HEADER + nbytes
}

impl Blosc {
    /// Write one chunk to the start of `out`, which has at least `bound(data.len())` bytes.
    ///
    /// Data that are no whole number of items are not shuffled: decoders disagree about the
    /// incomplete last item.
    pub(crate) fn encode(self, data: &[u8], out: &mut [u8], engines: &mut Engines) -> Result<Written> {
        if !data.len().is_multiple_of(usize::from(self.typesize)) {
            return Self { typesize: 1, ..self.without_shuffle() }.encode(data, out, engines);
        }
        let compressed = if self.compresses(data.len()) { self.compress(&data, out, engines)? } else { None };
        Ok(match compressed {
            Some(n) => Written::all(n),
            None => Written { head: self.store(data.len(), out), is_stored: true },
        })
    }

    /// Write a chunk of `nbytes` bytes that repeat `item`. None if it would not be shorter than
    /// they are.
    pub(crate) fn encode_repeated(self, item: &[u8], nbytes: usize, out: &mut [u8], engines: &mut Engines) -> Result<Option<usize>> {
        if !self.compresses(nbytes) {
            return Ok(None);
        }
        let written = match self.cname {
            Cname::Lz4 | Cname::Lz4hc => self.without_shuffle().repeat(item, nbytes, out, |n, out| lz4::repeated::repeated(item, n, out)),
            Cname::Zstd if item.len() == usize::from(self.typesize) => {
                let shuffled = Self { shuffle: Shuffle::Byte, ..self };
                shuffled.repeat(item, nbytes, out, |n, out| zstd::planes(item, n / item.len(), out))
            }
            Cname::Zlib | Cname::Zstd => None,
        };
        if written.is_some() { Ok(written) } else { self.without_shuffle().compress_repeated(item, nbytes, out, engines) }
    }

    /// Write blocks that are known in closed form; `stream` writes one block of a given size.
    fn repeat(self, item: &[u8], nbytes: usize, out: &mut [u8], stream: impl Fn(usize, &mut [u8]) -> Option<usize>) -> Option<usize> {
        let blocksize = blocksize(BLOCKSIZE, item.len(), nbytes);
        let mut writer = Writer::new(self.header(), nbytes, blocksize, out);
        let (whole, rest) = (nbytes / blocksize, nbytes % blocksize);
        let fits = writer.push_stream(blocksize, |out| stream(blocksize, out))
            && (1..whole).all(|_| writer.repeat())
            && (rest == 0 || writer.push_stream(rest, |out| stream(rest, out)));
        if fits { writer.finish() } else { None }
    }

    /// Write a chunk that repeats `item` by compressing one block and repeating it.
    fn compress_repeated(self, item: &[u8], nbytes: usize, out: &mut [u8], engines: &mut Engines) -> Result<Option<usize>> {
        let blocksize = blocksize(REPEATED_BLOCKSIZE, item.len(), nbytes);
        let mut writer = Writer::new(self.header(), nbytes, blocksize, out);
        let Engines { block, streams, .. } = engines;
        let block = block.take(blocksize)?;
        repeat(item, block);
        let (whole, rest) = (nbytes / blocksize, nbytes % blocksize);
        let fits = writer.push(block, |out| self.stream(block, out, streams))
            && (1..whole).all(|_| writer.repeat())
            && (rest == 0 || writer.push(&block[..rest], |out| self.stream(&block[..rest], out, streams)));
        Ok(if fits { writer.finish() } else { None })
    }

    /// Write the header of `nbytes` stored bytes. Returns its length.
    pub(crate) fn store(self, nbytes: usize, out: &mut [u8]) -> usize {
        writer::store(self.header(), nbytes, out)
    }

    /// Whether a chunk of `nbytes` is compressed at all.
    pub(crate) fn compresses(self, nbytes: usize) -> bool {
        nbytes >= MIN_NBYTES && self.level > 0
    }

    /// Whether a chunk is read block by block: its granules are whole groups of 8 items, and one
    /// fits into a block.
    pub(crate) fn takes_blocks(self, source: &dyn Source) -> bool {
        let group = 8 * usize::from(self.typesize);
        self.compresses(source.nbytes()) && source.granule().is_multiple_of(group) && source.granule() <= BLOCKSIZE
    }

    /// Write a chunk of compressed blocks. None if it would not be shorter than the data.
    pub(crate) fn compress(self, source: &dyn Source, out: &mut [u8], engines: &mut Engines) -> Result<Option<usize>> {
        let fitted = self.fitted(source, engines)?;
        let (nbytes, blocksize) = (source.nbytes(), fitted.blocksize(source));
        let mut writer = Writer::new(fitted.header(), nbytes, blocksize, out);
        let Engines { block: gathered, filtered, streams, .. } = engines;
        for start in (0..nbytes).step_by(blocksize) {
            let block = fitted.filtered(source, start, blocksize.min(nbytes - start), gathered, filtered)?;
            if !writer.push(block, |out| fitted.stream(block, out, streams)) {
                return Ok(None);
            }
        }
        Ok(writer.finish())
    }

    /// These parameters with the filter and search that suit the data; each chunk's header names
    /// its own filter.
    fn fitted(self, source: &dyn Source, engines: &mut Engines) -> Result<Self> {
        match (self.cname, self.shuffle) {
            (Cname::Lz4, Shuffle::Byte) => probe::fitted(self, source, engines),
            _ => Ok(self),
        }
    }

    /// Bytes of a block: whole granules and whole groups of 8 items, so that only the last block
    /// can escape the bit shuffle.
    ///
    /// If possible, a plane is an odd multiple of 512 bytes. Planes are written side by side, and
    /// at a power of two apart they would compete for the same cache lines.
    fn blocksize(self, source: &dyn Source) -> usize {
        const STEP: usize = 512;
        let (nbytes, typesize) = (source.nbytes(), usize::from(self.typesize));
        let target = match (self.cname, self.shuffle) {
            (Cname::Zstd, Shuffle::Byte) => (ZSTD_PLANE * typesize).min(ZSTD_BLOCKSIZE),
            _ => BLOCKSIZE,
        };
        let step = if source.granule() > 1 { source.granule() } else { STEP * typesize };
        let steps = nbytes.div_ceil(nbytes.div_ceil(target)).div_ceil(step);
        nbytes.min((steps | 1) * step)
    }
}

/// Bytes of a block of about `target` bytes: whole groups of `group` bytes, at most `nbytes`.
fn blocksize(target: usize, group: usize, nbytes: usize) -> usize {
    (target / group).max(1).saturating_mul(group).min(nbytes)
}
