//! Blosc 1 chunks, <https://github.com/Blosc/c-blosc/blob/main/README_CHUNK_FORMAT.rst>: what the Zarr codec `blosc` means.
//!
//! Written here and not by c-blosc: a chunk is a header, offsets and one stream a block, and so the scratch memory, the
//! contexts and the choice per chunk are ours; c-blosc 2 writes chunks that browsers decode to wrong bytes.

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

/// Inputs below this are stored, as c-blosc does: the overhead eats the gain.
const MIN_NBYTES: usize = 128;
/// Bytes of a block: larger ones compress better, and this one and its shuffled twin still fit into the second-level cache.
const BLOCKSIZE: usize = 256 << 10;
/// Bytes of a plane of a block of Zstandard, which looks at so many at once: each piece holds bytes of one kind.
const ZSTD_PLANE: usize = 128 << 10;
/// Bytes of a block of Zstandard, at most.
const ZSTD_BLOCKSIZE: usize = 2 << 20;
/// Bytes of a block of equal items that has to be compressed, to be repeated.
const REPEATED_BLOCKSIZE: usize = 16 << 10;

/// Most bytes that a chunk of `nbytes` takes.
#[must_use]
pub fn bound(nbytes: usize) -> usize {
    writer::HEADER + nbytes
}

impl Blosc {
    /// Write one chunk to the start of `out`, which has `bound(data.len())` bytes or more, and say how much was written.
    ///
    /// Bytes that are no whole number of items are not shuffled: decoders disagree about the last, broken item.
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

    /// The same for `nbytes` that repeat the bytes `item`; `None` where the chunk would be no shorter than they are.
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

    /// Write blocks that are known in closed form: `stream` writes one of so many bytes.
    fn repeat(self, item: &[u8], nbytes: usize, out: &mut [u8], stream: impl Fn(usize, &mut [u8]) -> Option<usize>) -> Option<usize> {
        let blocksize = blocksize(BLOCKSIZE, item.len(), nbytes);
        let mut writer = Writer::new(self.header(), nbytes, blocksize, out);
        let (whole, rest) = (nbytes / blocksize, nbytes % blocksize);
        let fits = writer.push_stream(blocksize, |out| stream(blocksize, out))
            && (1..whole).all(|_| writer.repeat())
            && (rest == 0 || writer.push_stream(rest, |out| stream(rest, out)));
        if fits { writer.finish() } else { None }
    }

    /// The same where there is no closed form.
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

    /// Write what precedes `nbytes` that are stored, and say how long it is.
    pub(crate) fn store(self, nbytes: usize, out: &mut [u8]) -> usize {
        writer::store(self.header(), nbytes, out)
    }

    /// Whether there is anything to gain.
    pub(crate) fn compresses(self, nbytes: usize) -> bool {
        nbytes >= MIN_NBYTES && self.level > 0
    }

    /// Whether a chunk may be read block by block: rows are whole items by the eight, and not so long that a block of one is too large.
    pub(crate) fn takes_blocks(self, source: &dyn Source) -> bool {
        let group = 8 * usize::from(self.typesize);
        self.compresses(source.nbytes()) && source.granule().is_multiple_of(group) && source.granule() <= BLOCKSIZE
    }

    /// Write a chunk of compressed blocks; `None` where it would be no shorter than the data.
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

    /// The same with the filter and the search that suit the data: a chunk says itself how its bytes were shuffled.
    fn fitted(self, source: &dyn Source, engines: &mut Engines) -> Result<Self> {
        match (self.cname, self.shuffle) {
            (Cname::Lz4, Shuffle::Byte) => probe::fitted(self, source, engines),
            _ => Ok(self),
        }
    }

    /// Bytes of a block: whole groups of 8 items, so that only the last block can escape the bit shuffle, and whole granules.
    ///
    /// A plane of a block is an odd number of pages' eighths where that can be had, so that neither planes of bytes nor those of bits
    /// compete for the same lines of the cache while they are written side by side.
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

/// Bytes of a block of about `target` that holds whole groups of so many bytes, and no more than the data.
fn blocksize(target: usize, group: usize, nbytes: usize) -> usize {
    (target / group).max(1).saturating_mul(group).min(nbytes)
}
