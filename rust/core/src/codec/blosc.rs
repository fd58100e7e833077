//! Blosc 1 chunks, <https://github.com/Blosc/c-blosc/blob/main/README_CHUNK_FORMAT.rst>: what the Zarr codec `blosc` means.
//!
//! Written here and not by c-blosc: a chunk is a header, offsets and one stream a block, and so the scratch memory, the
//! contexts and the choice per chunk are ours; c-blosc 2 writes chunks that browsers decode to wrong bytes.

use std::ops::RangeInclusive;

use ::lz4::block::CompressionMode;

use super::bitshuffle::bitshuffle;
use super::shuffle::shuffle;
use super::{Engines, deflate, lz4, zstd};
use crate::error::{Error, Result};
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

/// Bytes of the header.
const HEADER: usize = 16;
/// Bytes of an offset of a block, and of the length of its stream.
const WORD: usize = 4;
/// Inputs below this are stored, as c-blosc does: the overhead eats the gain.
const MIN_NBYTES: usize = 128;
/// The largest item that the header can tell.
const MAX_TYPESIZE: usize = 255;

mod flag {
    pub const SHUFFLE: u8 = 0x01;
    pub const STORED: u8 = 0x02;
    pub const BITSHUFFLE: u8 = 0x04;
    /// One stream a block, never one a byte plane: the only reading on which all decoders agree.
    pub const DONT_SPLIT: u8 = 0x10;
}

/// The parameters of a Blosc chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blosc {
    cname: Cname,
    level: i32,
    shuffle: Shuffle,
    typesize: u8,
}

/// Most bytes that a chunk of `nbytes` takes.
pub fn bound(nbytes: usize) -> usize {
    HEADER + nbytes
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

    /// Write one chunk to the start of `out`, which has `bound(data.len())` bytes or more, and say how long it is.
    ///
    /// Bytes that are no whole number of items are not shuffled: decoders disagree about the last, broken item.
    pub(crate) fn encode(&self, data: &[u8], out: &mut [u8], engines: &mut Engines) -> Result<usize> {
        if data.len() % usize::from(self.typesize) != 0 {
            return Self { shuffle: Shuffle::None, typesize: 1, ..*self }.encode(data, out, engines);
        }
        let out = &mut out[..bound(data.len())];
        if data.len() >= MIN_NBYTES && self.level > 0 {
            let blocksize = self.blocksize(data.len());
            if let Some(n) = self.compress(data, blocksize, out, engines)? {
                self.write_header(self.flags(), data.len(), blocksize, n, out);
                return Ok(n);
            }
        }
        let n = out.len();
        out[HEADER..].copy_from_slice(data);
        self.write_header(self.flags() | flag::STORED, data.len(), data.len().max(1), n, out);
        Ok(n)
    }

    /// Write offsets and streams and say where they end; `None` where that would be no shorter than the data.
    fn compress(&self, data: &[u8], blocksize: usize, out: &mut [u8], engines: &mut Engines) -> Result<Option<usize>> {
        let mut end = HEADER + WORD * data.len().div_ceil(blocksize);
        for (i, block) in data.chunks(blocksize).enumerate() {
            let Some(room) = out.len().checked_sub(end + WORD).filter(|&room| room > 0) else { return Ok(None) };
            write_word(out, HEADER + WORD * i, end);
            let filtered = self.filter(block, &mut engines.blocks)?;
            let stream = &mut out[end + WORD..];
            let room = room.min(block.len() - 1);
            let n = match self.stream(filtered, &mut stream[..room], &mut engines.zstd, &mut engines.deflate) {
                Some(n) => n,
                None if stream.len() >= block.len() => {
                    stream[..block.len()].copy_from_slice(filtered);
                    block.len()
                }
                None => return Ok(None),
            };
            write_word(out, end, n);
            end += WORD + n;
        }
        Ok((end < out.len()).then_some(end))
    }

    fn filter<'a>(&self, block: &'a [u8], [target, planes]: &'a mut [Scratch; 2]) -> Result<&'a [u8]> {
        let typesize = usize::from(self.typesize);
        match self.shuffle {
            Shuffle::None => return Ok(block),
            Shuffle::Byte => shuffle(typesize, block, target.take(block.len())?),
            Shuffle::Bit => bitshuffle(typesize, block, target.take(block.len())?, planes.take(block.len())?),
        }
        Ok(target.take(block.len())?)
    }

    /// Compress a block into `out` and say how long it is; `None` where it does not fit. Levels mean what they mean in c-blosc.
    fn stream(&self, block: &[u8], out: &mut [u8], zstd: &mut zstd::Encoder, deflate: &mut deflate::Encoder) -> Option<usize> {
        match self.cname {
            Cname::Lz4 => lz4::block(CompressionMode::FAST(10 - self.level), block, out),
            Cname::Lz4hc => lz4::block(CompressionMode::HIGHCOMPRESSION(self.level), block, out),
            Cname::Zlib => deflate.encode(deflate::Format::Zlib, self.level, block, out).ok(),
            Cname::Zstd => zstd.encode(self.zstd_level(), block, out).ok(),
        }
    }

    /// The Zstandard level that c-blosc takes for a Blosc level.
    fn zstd_level(&self) -> i32 {
        let max = *zstd::levels().end();
        match self.level {
            9 => max,
            8 => max - 2,
            level => level * 2 - 1,
        }
    }

    /// Bytes of a block: whole groups of 8 items, so that only the last block can escape the bit shuffle.
    fn blocksize(&self, nbytes: usize) -> usize {
        let group = 8 * usize::from(self.typesize);
        let target: usize = match self.cname {
            Cname::Lz4 | Cname::Lz4hc => 64 << 10,
            Cname::Zlib | Cname::Zstd => 256 << 10,
        };
        nbytes.min(target / group * group)
    }

    fn flags(&self) -> u8 {
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
        shuffle | flag::DONT_SPLIT | format << 5
    }

    fn write_header(&self, flags: u8, nbytes: usize, blocksize: usize, cbytes: usize, out: &mut [u8]) {
        const VERSION: u8 = 2;
        const STREAM_VERSION: u8 = 1;
        out[..4].copy_from_slice(&[VERSION, STREAM_VERSION, flags, self.typesize]);
        write_word(out, 4, nbytes);
        write_word(out, 8, blocksize);
        write_word(out, 12, cbytes);
    }
}

/// Write a number in the four bytes at `at`, little endian.
fn write_word(out: &mut [u8], at: usize, value: usize) {
    let value = u32::try_from(value).expect("sizes are bounded by MAX_NBYTES");
    out[at..at + WORD].copy_from_slice(&value.to_le_bytes());
}
