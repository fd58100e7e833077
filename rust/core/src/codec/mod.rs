//! Compressors: bytes -> bytes, equal input giving equal output.

pub mod bitshuffle;
pub mod blosc;
mod deflate;
mod levels;
mod lz4;
pub mod shuffle;
mod tools;
mod written;
mod zstd;

pub(crate) use tools::Tools;

use crate::encoded::Encoded;
use crate::error::Result;
use crate::source::Source;
use blosc::Blosc;
use deflate::Format;
use levels::check_level;
use written::Written;

/// A compressor with a valid level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compressor {
    Blosc(Blosc),
    Zstd(i32),
    Gzip(i32),
    Zlib(i32),
    Lz4(i32),
    None,
}

/// A compressor, and whether the CRC-32C of its result follows it (4 bytes, little endian).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Codec {
    compressor: Compressor,
    crc32c: bool,
}

impl Codec {
    /// <https://github.com/Blosc/c-blosc/blob/main/README_CHUNK_FORMAT.rst>
    #[must_use]
    pub fn blosc(blosc: Blosc) -> Self {
        Self::of(Compressor::Blosc(blosc))
    }

    /// <https://www.rfc-editor.org/rfc/rfc8878>, one frame that says its content size.
    pub fn zstd(level: i32) -> Result<Self> {
        check_level("zstd", level, zstd::levels()).map(Compressor::Zstd).map(Self::of)
    }

    /// <https://www.rfc-editor.org/rfc/rfc1952>, without a time.
    pub fn gzip(level: i32) -> Result<Self> {
        check_level("gzip", level, deflate::LEVELS).map(Compressor::Gzip).map(Self::of)
    }

    /// <https://www.rfc-editor.org/rfc/rfc1950>
    pub fn zlib(level: i32) -> Result<Self> {
        check_level("zlib", level, deflate::LEVELS).map(Compressor::Zlib).map(Self::of)
    }

    /// numcodecs' LZ4: the size of the input (4 bytes, little endian), then one LZ4 block.
    pub fn lz4(acceleration: i32) -> Result<Self> {
        check_level("lz4", acceleration, lz4::ACCELERATIONS).map(Compressor::Lz4).map(Self::of)
    }

    /// The bytes as they are.
    #[must_use]
    pub fn none() -> Self {
        Self::of(Compressor::None)
    }

    /// Whether it leaves bytes as they are.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::none()
    }

    fn of(compressor: Compressor) -> Self {
        Self { compressor, crc32c: false }
    }

    /// The same, followed by its checksum if `crc32c`.
    #[must_use]
    pub fn with_crc32c(self, crc32c: bool) -> Self {
        Self { crc32c, ..self }
    }

    /// Compress `data` into memory of `tools`.
    pub(crate) fn encode<'a>(&self, data: &'a [u8], tools: &'a mut Tools) -> Result<Encoded<'a>> {
        let Tools { body, engines } = tools;
        let body = body.take(self.bound(data.len()))?;
        let written = match &self.compressor {
            Compressor::Blosc(blosc) => blosc.encode(data, body, engines)?,
            Compressor::Zstd(level) => Written::all(engines.streams.zstd.encode(zstd::Search::Level(*level), data, body)?),
            Compressor::Gzip(level) => Written::all(engines.streams.deflate.encode(Format::Gzip, *level, data, body)?),
            Compressor::Zlib(level) => Written::all(engines.streams.deflate.encode(Format::Zlib, *level, data, body)?),
            Compressor::Lz4(acceleration) => Written::all(lz4::encode(*acceleration, data, body)?),
            Compressor::None => Written { head: 0, is_stored: true },
        };
        let stored = if written.is_stored { data } else { &[] };
        Ok(Encoded::new(&body[..written.head], stored, self.crc32c))
    }

    /// Whether a chunk of `nbytes` that repeats one item can be compressed without writing it out
    /// first.
    pub(crate) fn knows_repeats(&self, nbytes: usize) -> bool {
        matches!(self.compressor, Compressor::Blosc(blosc) if blosc.compresses(nbytes))
    }

    /// Compress `nbytes` that repeat `item` without writing them out. Returns the length, None if
    /// that is not possible.
    pub(crate) fn write_repeated(&self, item: &[u8], nbytes: usize, tools: &mut Tools) -> Result<Option<usize>> {
        let Compressor::Blosc(blosc) = self.compressor else { return Ok(None) };
        let body = tools.body.take(self.bound(nbytes))?;
        blosc.encode_repeated(item, nbytes, body, &mut tools.engines)
    }

    /// Whether this chunk is read and compressed block by block.
    pub(crate) fn takes_blocks(&self, source: &dyn Source) -> bool {
        matches!(self.compressor, Compressor::Blosc(blosc) if blosc.takes_blocks(source))
    }

    /// Compress a chunk block by block. Returns the length, None if the chunk is to be stored.
    pub(crate) fn write_blocks(&self, source: &dyn Source, tools: &mut Tools) -> Result<Option<usize>> {
        let Compressor::Blosc(blosc) = self.compressor else { return Ok(None) };
        let body = tools.body.take(self.bound(source.nbytes()))?;
        blosc.compress(source, body, &mut tools.engines)
    }

    /// Store a chunk that did not get shorter.
    pub(crate) fn store<'a>(&self, data: &'a [u8], tools: &'a mut Tools) -> Result<Encoded<'a>> {
        let Compressor::Blosc(blosc) = self.compressor else { return self.encode(data, tools) };
        let body = tools.body.take(self.bound(0))?;
        let head = blosc.store(data.len(), body);
        Ok(Encoded::new(&body[..head], data, self.crc32c))
    }

    /// The `n` bytes that [`Self::write_repeated`] or [`Self::write_blocks`] has written.
    pub(crate) fn encoded<'a>(&self, tools: &'a Tools, n: usize) -> Encoded<'a> {
        Encoded::new(tools.body.taken(n), &[], self.crc32c)
    }

    /// Bytes that the compressor makes of `nbytes`, at most.
    fn bound(&self, nbytes: usize) -> usize {
        match &self.compressor {
            Compressor::Blosc(_) => blosc::bound(nbytes),
            Compressor::Zstd(_) => zstd::bound(nbytes),
            Compressor::Gzip(_) | Compressor::Zlib(_) => deflate::bound(nbytes),
            Compressor::Lz4(_) => lz4::bound(nbytes),
            Compressor::None => 0,
        }
    }
}

#[cfg(test)]
mod tests;
