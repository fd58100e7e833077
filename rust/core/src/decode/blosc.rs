//! Blosc 1 chunks, the HDF5 filter 32001:
//! <https://github.com/Blosc/c-blosc/blob/main/README_CHUNK_FORMAT.rst>.

use super::bitshuffle::bitunshuffle;
use super::reader::Reader;
use super::size::{check_size, wrong_size};
use super::unshuffle::unshuffle;
use super::workspace::Engines;
use super::{blosclz, deflate, lz4, zstd};
use crate::error::{Error, Result};
use crate::memcpy::copy;

/// Bytes of the header.
const HEADER: usize = 16;
/// Bits of the header's flags; the upper three are the format of the streams.
const SHUFFLE: u8 = 0x01;
const STORED: u8 = 0x02;
const BITSHUFFLE: u8 = 0x04;
const DONT_SPLIT: u8 = 0x10;
/// Items up to this size have one stream per byte plane, in blocks of at least `MIN_ITEMS_SPLIT`
/// items.
const MAX_SPLITS: usize = 16;
const MIN_ITEMS_SPLIT: usize = 128;

/// A chunk with a checked header.
struct Chunk<'a> {
    data: &'a [u8],
    flags: u8,
    typesize: usize,
    blocksize: usize,
}

/// Decode one chunk that fills `out`.
pub fn decode(data: &[u8], out: &mut [u8], engines: &mut Engines) -> Result<()> {
    let chunk = Chunk::parse(data, out.len())?;
    if chunk.flags & STORED != 0 {
        let mut reader = Reader::new("blosc", &chunk.data[HEADER..]);
        copy(reader.take(out.len())?, out);
        return reader.end();
    }
    let mut starts = Reader::new("blosc", &chunk.data[HEADER..]);
    for block in out.chunks_mut(chunk.blocksize) {
        chunk.block(starts.u32_le()?, block, engines)?;
    }
    Ok(())
}

impl<'a> Chunk<'a> {
    fn parse(data: &'a [u8], expected: usize) -> Result<Self> {
        let mut reader = Reader::new("blosc", data);
        let head = reader.take(4)?;
        let (nbytes, blocksize, length) = (reader.u32_le()?, reader.u32_le()?, reader.u32_le()?);
        let (version, stream_version, flags, typesize) = (head[0], head[1], head[2], usize::from(head[3]));
        if version != 2 || stream_version != 1 {
            return Err(Error::invalid(format!("blosc: format {version} with streams of format {stream_version}, 2 with 1 is known")));
        }
        check_size("blosc", nbytes as u64, expected)?;
        let is_block = flags & STORED != 0 || (1..=nbytes).contains(&blocksize);
        if typesize == 0 || !is_block || !(HEADER..=data.len()).contains(&length) {
            let got = data.len();
            return Err(Error::invalid(format!("blosc: {length} bytes of {got}, blocks of {blocksize} of {nbytes}, items of {typesize}")));
        }
        Ok(Self { data: &data[..length], flags, typesize, blocksize })
    }

    /// Decode the block that begins at `start`.
    fn block(&self, start: usize, out: &mut [u8], engines: &mut Engines) -> Result<()> {
        let stored = self.data.get(start..).unwrap_or(&[]);
        let Engines { blocks: [filtered, planes], zstd, deflate } = engines;
        let is_shuffled = self.flags & SHUFFLE != 0 && self.typesize > 1;
        let is_bitshuffled = !is_shuffled && self.flags & BITSHUFFLE != 0 && out.len() >= self.typesize;
        if !is_shuffled && !is_bitshuffled {
            return self.streams(stored, out, zstd, deflate);
        }
        let filtered = filtered.take(out.len())?;
        self.streams(stored, filtered, zstd, deflate)?;
        if is_shuffled {
            unshuffle(self.typesize, filtered, out);
        } else {
            bitunshuffle(self.typesize, filtered, out, planes.take(out.len())?);
        }
        Ok(())
    }

    /// Decode the streams of a block, each behind its length. A stream as long as its data is
    /// stored uncompressed.
    fn streams(&self, stored: &[u8], out: &mut [u8], zstd: &mut zstd::Decoder, deflate: &mut deflate::Decoder) -> Result<()> {
        let mut reader = Reader::new("blosc", stored);
        let count = self.splits(out.len());
        if !out.len().is_multiple_of(count) {
            return Err(Error::invalid(format!("blosc: a block of {} bytes in {count} streams", out.len())));
        }
        for part in out.chunks_mut(out.len() / count) {
            let length = reader.u32_le()?;
            let stream = reader.take(length)?;
            match self.flags >> 5 {
                _ if length == part.len() => copy(stream, part),
                0 => blosclz::decode(stream, part)?,
                1 => lz4::block(stream, part)?,
                2 => snappy(stream, part)?,
                3 => deflate.decode(stream, part)?,
                4 => zstd.decode(stream, part)?,
                format => return Err(Error::invalid(format!("blosc: streams of the format {format}, 0 to 4 are known"))),
            }
        }
        Ok(())
    }

    /// How many streams a block of `nbytes` has.
    fn splits(&self, nbytes: usize) -> usize {
        let is_split = self.flags & DONT_SPLIT == 0
            && self.typesize <= MAX_SPLITS
            && self.blocksize / self.typesize >= MIN_ITEMS_SPLIT
            && nbytes == self.blocksize;
        if is_split { self.typesize } else { 1 }
    }
}

/// Snappy, <https://github.com/google/snappy/blob/main/format_description.txt>.
fn snappy(data: &[u8], out: &mut [u8]) -> Result<()> {
    match snap::raw::Decoder::new().decompress(data, out) {
        Ok(n) if n == out.len() => Ok(()),
        Ok(n) => Err(wrong_size("snappy", n, out.len())),
        Err(error) => Err(Error::invalid(format!("snappy: {} bytes for {}: {error}", data.len(), out.len()))),
    }
}
