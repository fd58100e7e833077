//! Blosc 1 chunks, <https://github.com/Blosc/c-blosc/blob/main/README_CHUNK_FORMAT.rst>: what the Zarr codec `blosc` means.
//!
//! Written here and not by c-blosc: a chunk is a header, offsets and one stream a block, and so the scratch memory, the
//! contexts and the choice per chunk are ours; c-blosc 2 writes chunks that browsers decode to wrong bytes.

mod probe;
mod writer;

use std::ops::RangeInclusive;

use ::lz4::block::CompressionMode;

use self::writer::{Header, Writer, flag};
use super::bitshuffle::{self, bitshuffle, bitshuffle_rows};
use super::shuffle::shuffle;
use super::{Engines, Streams, Written, deflate, lz4, zstd};
use crate::error::{Error, Result};
use crate::memcpy::repeat;
use crate::scratch::Scratch;
use crate::source::Source;

/// The compressor of the blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cname {
    /// Fast.
    Lz4,
    /// LZ4 that searches longer.
    Lz4hc,
    /// Deflate.
    Zlib,
    /// Zstandard.
    Zstd,
}

/// What is done to a block before it is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shuffle {
    /// Nothing.
    None,
    /// Items are taken apart into bytes.
    Byte,
    /// Items are taken apart into bits.
    Bit,
}

/// What LZ4 looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Matches {
    /// Whatever was there before.
    Any,
    /// Runs of one byte.
    Runs,
}

/// Levels of Blosc; 0 stores.
pub const LEVELS: RangeInclusive<i32> = 0..=9;

/// Inputs below this are stored, as c-blosc does: the overhead eats the gain.
const MIN_NBYTES: usize = 128;
/// The largest item that the header can tell.
const MAX_TYPESIZE: usize = 255;
/// Bytes of a block: larger ones compress better, and this one and its shuffled twin still fit into the second-level cache.
const BLOCKSIZE: usize = 256 << 10;
/// Bytes of a plane of a block of Zstandard, which looks at so many at once: each piece holds bytes of one kind.
const ZSTD_PLANE: usize = 128 << 10;
/// Bytes of a block of Zstandard, at most.
const ZSTD_BLOCKSIZE: usize = 2 << 20;
/// Bytes of a block of equal items that has to be compressed, to be repeated.
const REPEATED_BLOCKSIZE: usize = 16 << 10;

/// The parameters of a Blosc chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blosc {
    cname: Cname,
    level: i32,
    shuffle: Shuffle,
    matches: Matches,
    typesize: u8,
}

/// Most bytes that a chunk of `nbytes` takes.
#[must_use]
pub fn bound(nbytes: usize) -> usize {
    writer::HEADER + nbytes
}

impl Blosc {
    /// Items of `typesize` bytes; above 255 it counts as 1, without shuffle.
    pub fn new(cname: Cname, level: i32, shuffle: Shuffle, typesize: usize) -> Result<Self> {
        let level = super::check_level("blosc", level, LEVELS)?;
        let (typesize, shuffle) = match (typesize, shuffle) {
            (0, _) => return Err(Error::invalid("blosc typesize 0: an item has at least 1 byte")),
            (2..=MAX_TYPESIZE, _) | (1, Shuffle::Bit) => (typesize, shuffle),
            _ => (1, Shuffle::None),
        };
        let typesize = u8::try_from(typesize).expect("at most 255");
        Ok(Self { cname, level, shuffle, matches: Matches::Any, typesize })
    }

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

    fn without_shuffle(self) -> Self {
        Self { shuffle: Shuffle::None, ..self }
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

    /// Read and filter a block, from where it lies if that can be.
    fn filtered<'a>(
        self,
        source: &'a dyn Source,
        start: usize,
        nbytes: usize,
        gathered: &'a mut Scratch,
        filtered: &'a mut Scratch,
    ) -> Result<&'a [u8]> {
        let typesize = usize::from(self.typesize);
        match source.rows(start, nbytes) {
            Some(rows) if self.shuffle == Shuffle::Bit && rows.nbytes().is_multiple_of(bitshuffle::ROW * typesize) => {
                let target = filtered.take(nbytes)?;
                bitshuffle_rows(typesize, rows, target);
                Ok(target)
            }
            _ => self.filter(source.read(start, nbytes, gathered)?, filtered),
        }
    }

    fn filter<'a>(self, block: &'a [u8], scratch: &'a mut Scratch) -> Result<&'a [u8]> {
        if self.shuffle == Shuffle::None {
            return Ok(block);
        }
        let target = scratch.take(block.len())?;
        let into_planes = if self.shuffle == Shuffle::Bit { bitshuffle } else { shuffle };
        into_planes(self.typesize.into(), block, target);
        Ok(target)
    }

    /// Compress a block into `out` and say how long it is; `None` where it does not fit. Levels mean what they mean in c-blosc.
    fn stream(self, block: &[u8], out: &mut [u8], streams: &mut Streams) -> Option<usize> {
        let Streams { lz4: encoder, zstd, deflate } = streams;
        match (self.cname, self.shuffle) {
            // Where every second byte is part of a match, the C library's loop is the faster one.
            (Cname::Lz4, Shuffle::Byte) if self.typesize == 2 => lz4::block(CompressionMode::FAST(10 - self.level), block, out),
            (Cname::Lz4, _) => self.made(block, out, encoder).map(|made| made.nbytes),
            (Cname::Lz4hc, _) => lz4::block(CompressionMode::HIGHCOMPRESSION(self.level), block, out),
            (Cname::Zlib, _) => deflate.encode(deflate::Format::Zlib, self.level, block, out).ok(),
            // The fastest level is for those in a hurry.
            (Cname::Zstd, Shuffle::None) if self.level == 1 && probe::is_noise(block, encoder) => None,
            (Cname::Zstd, _) => zstd.encode(self.search(), block, out).ok(),
        }
    }

    /// An LZ4 block, by our own loops.
    fn made(self, block: &[u8], out: &mut [u8], encoder: &mut lz4::fast::Encoder) -> Option<lz4::Made> {
        match self.matches {
            Matches::Any => encoder.encode(self.pace(), block, out),
            Matches::Runs => lz4::runs::encode(block, out),
        }
    }

    /// How quickly LZ4 gives up, in parts of a byte: every place is looked at on levels 7 to 9, at first every second on level 5.
    fn pace(self) -> usize {
        lz4::fast::PARTS / 2 * usize::try_from(9 - self.level).unwrap_or(0)
    }

    /// The search at the Zstandard level that c-blosc takes for a Blosc level.
    fn search(self) -> zstd::Search {
        let max = *zstd::levels().end();
        match (self.level, self.shuffle) {
            (1, Shuffle::Byte) => zstd::Search::Planes,
            (9, _) => zstd::Search::Level(max),
            (8, _) => zstd::Search::Level(max - 2),
            (level, _) => zstd::Search::Level(level * 2 - 1),
        }
    }

    fn header(self) -> Header {
        let shuffle = match self.shuffle {
            Shuffle::None => 0,
            Shuffle::Byte => flag::SHUFFLE,
            Shuffle::Bit => flag::BITSHUFFLE,
        };
        let format = match self.cname {
            Cname::Lz4 | Cname::Lz4hc => 1,
            Cname::Zlib => 3,
            Cname::Zstd => 4,
        };
        Header { flags: shuffle | flag::DONT_SPLIT | format << 5, typesize: self.typesize }
    }
}

/// Bytes of a block of about `target` that holds whole groups of so many bytes, and no more than the data.
fn blocksize(target: usize, group: usize, nbytes: usize) -> usize {
    (target / group).max(1).saturating_mul(group).min(nbytes)
}
