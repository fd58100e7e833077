//! Blosc 1 chunks, <https://github.com/Blosc/c-blosc/blob/main/README_CHUNK_FORMAT.rst>: what the Zarr codec `blosc` means.
//!
//! Written here and not by c-blosc: a chunk is a header, offsets and one stream a block, and so the scratch memory, the
//! contexts and the choice per chunk are ours; c-blosc 2 writes chunks that browsers decode to wrong bytes.

mod writer;

use std::ops::RangeInclusive;

use ::lz4::block::CompressionMode;

use self::writer::{Header, Writer, flag};
use super::bitshuffle::bitshuffle;
use super::shuffle::shuffle;
use super::{Engines, Written, deflate, lz4, zstd};
use crate::error::{Error, Result};
use crate::memcpy::repeat;
use crate::scratch::Scratch;

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

/// Levels of Blosc; 0 stores.
pub const LEVELS: RangeInclusive<i32> = 0..=9;

/// Inputs below this are stored, as c-blosc does: the overhead eats the gain.
const MIN_NBYTES: usize = 128;
/// The largest item that the header can tell.
const MAX_TYPESIZE: usize = 255;
/// Bytes of a block: larger ones compress better, and this one and its shuffled twin still fit into the second-level cache.
const BLOCKSIZE: usize = 256 << 10;
/// The same where all items are equal: one block is compressed and its stream repeated.
const REPEATED_BLOCKSIZE: usize = 16 << 10;

/// The parameters of a Blosc chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blosc {
    cname: Cname,
    level: i32,
    shuffle: Shuffle,
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
        Ok(Self { cname, level, shuffle, typesize })
    }

    /// Write one chunk to the start of `out`, which has `bound(data.len())` bytes or more, and say how much was written.
    ///
    /// Bytes that are no whole number of items are not shuffled: decoders disagree about the last, broken item.
    pub(crate) fn encode(self, data: &[u8], out: &mut [u8], engines: &mut Engines) -> Result<Written> {
        if !data.len().is_multiple_of(usize::from(self.typesize)) {
            return Self { typesize: 1, ..self.without_shuffle() }.encode(data, out, engines);
        }
        let compressed = if self.compresses(data.len()) { self.compress(data, out, engines)? } else { None };
        Ok(match compressed {
            Some(n) => Written::all(n),
            None => Written { head: writer::store(self.header(), data.len(), out), is_stored: true },
        })
    }

    /// The same for `nbytes` that repeat the bytes `item`; `None` where the chunk would be no shorter than they are.
    pub(crate) fn encode_repeated(self, item: &[u8], nbytes: usize, out: &mut [u8], engines: &mut Engines) -> Result<Option<usize>> {
        if !self.compresses(nbytes) {
            return Ok(None);
        }
        let plain = self.without_shuffle();
        let blocksize = blocksize(REPEATED_BLOCKSIZE, item.len(), nbytes);
        let mut writer = Writer::new(plain.header(), nbytes, blocksize, out);
        let Engines { blocks: [block, _], zstd, deflate } = engines;
        let block = block.take(blocksize)?;
        repeat(item, block);
        let (whole, rest) = (nbytes / blocksize, nbytes % blocksize);
        let fits = writer.push(block, |out| plain.stream(block, out, zstd, deflate))
            && (1..whole).all(|_| writer.repeat())
            && (rest == 0 || writer.push(&block[..rest], |out| plain.stream(&block[..rest], out, zstd, deflate)));
        Ok(if fits { writer.finish() } else { None })
    }

    /// Whether there is anything to gain.
    pub(crate) fn compresses(self, nbytes: usize) -> bool {
        nbytes >= MIN_NBYTES && self.level > 0
    }

    fn without_shuffle(self) -> Self {
        Self { shuffle: Shuffle::None, ..self }
    }

    /// Write a chunk of compressed blocks; `None` where it would be no shorter than the data.
    fn compress(self, data: &[u8], out: &mut [u8], engines: &mut Engines) -> Result<Option<usize>> {
        // Whole groups of 8 items, so that only the last block can escape the bit shuffle.
        let blocksize = blocksize(BLOCKSIZE, 8 * usize::from(self.typesize), data.len());
        let mut writer = Writer::new(self.header(), data.len(), blocksize, out);
        let Engines { blocks, zstd, deflate } = engines;
        for block in data.chunks(blocksize) {
            let filtered = self.filter(block, blocks)?;
            if !writer.push(filtered, |out| self.stream(filtered, out, zstd, deflate)) {
                return Ok(None);
            }
        }
        Ok(writer.finish())
    }

    fn filter<'a>(self, block: &'a [u8], [target, planes]: &'a mut [Scratch; 2]) -> Result<&'a [u8]> {
        if self.shuffle == Shuffle::None {
            return Ok(block);
        }
        let typesize = usize::from(self.typesize);
        let target = target.take(block.len())?;
        match self.shuffle {
            Shuffle::Bit => bitshuffle(typesize, block, target, planes.take(block.len())?),
            _ => shuffle(typesize, block, target),
        }
        Ok(target)
    }

    /// Compress a block into `out` and say how long it is; `None` where it does not fit. Levels mean what they mean in c-blosc.
    fn stream(self, block: &[u8], out: &mut [u8], zstd: &mut zstd::Encoder, deflate: &mut deflate::Encoder) -> Option<usize> {
        match self.cname {
            Cname::Lz4 => lz4::block(CompressionMode::FAST(10 - self.level), block, out),
            Cname::Lz4hc => lz4::block(CompressionMode::HIGHCOMPRESSION(self.level), block, out),
            Cname::Zlib => deflate.encode(deflate::Format::Zlib, self.level, block, out).ok(),
            Cname::Zstd => zstd.encode(self.zstd_level(), block, out).ok(),
        }
    }

    /// The Zstandard level that c-blosc takes for a Blosc level.
    fn zstd_level(self) -> i32 {
        let max = *zstd::levels().end();
        match self.level {
            9 => max,
            8 => max - 2,
            level => level * 2 - 1,
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
