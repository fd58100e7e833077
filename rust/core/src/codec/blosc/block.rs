//! One block: filtered, then compressed.

use ::lz4::block::CompressionMode;

use super::super::bitshuffle::{self, bitshuffle, bitshuffle_rows};
use super::super::shuffle::shuffle;
use super::super::tools::Streams;
use super::super::{deflate, lz4, zstd};
use super::noise::is_noise;
use super::parameters::{Blosc, Cname, Matches, Shuffle};
use crate::error::Result;
use crate::scratch::Scratch;
use crate::source::Source;

impl Blosc {
    /// Read and filter a block, directly from the source's rows if possible.
    pub(super) fn filtered<'a>(
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

    pub(super) fn filter<'a>(self, block: &'a [u8], scratch: &'a mut Scratch) -> Result<&'a [u8]> {
        if self.shuffle == Shuffle::None {
            return Ok(block);
        }
        let target = scratch.take(block.len())?;
        let into_planes = if self.shuffle == Shuffle::Bit { bitshuffle } else { shuffle };
        into_planes(self.typesize.into(), block, target);
        Ok(target)
    }

    /// Compress a block into `out`, with c-blosc's meaning of levels. Returns the length, None if
    /// it does not fit.
    pub(super) fn stream(self, block: &[u8], out: &mut [u8], streams: &mut Streams) -> Option<usize> {
        let Streams { lz4: encoder, zstd, deflate } = streams;
        match (self.cname, self.shuffle) {
            // Byte planes of 2-byte items have matches everywhere; there the C library's loop is
            // faster.
            (Cname::Lz4, Shuffle::Byte) if self.typesize == 2 => lz4::block(CompressionMode::FAST(10 - self.level), block, out),
            (Cname::Lz4, _) => self.made(block, out, encoder).map(|made| made.nbytes),
            (Cname::Lz4hc, _) => lz4::block(CompressionMode::HIGHCOMPRESSION(self.level), block, out),
            (Cname::Zlib, _) => deflate.encode(deflate::Format::Zlib, self.level, block, out).ok(),
            // Level 1 is chosen for speed, so noise is not tried.
            (Cname::Zstd, Shuffle::None) if self.level == 1 && is_noise(block, encoder) => None,
            (Cname::Zstd, _) => zstd.encode(self.search(), block, out).ok(),
        }
    }

    /// Write an LZ4 block by our own search.
    pub(super) fn made(self, block: &[u8], out: &mut [u8], encoder: &mut lz4::fast::Encoder) -> Option<lz4::Made> {
        match self.matches {
            Matches::Any => encoder.encode(self.pace(), block, out),
            Matches::Runs => lz4::runs::encode(block, out),
        }
    }

    /// Step of the LZ4 search in 1/16 byte: every byte on levels 7 to 9, at first every second byte
    /// on level 5.
    fn pace(self) -> usize {
        lz4::fast::PARTS / 2 * usize::try_from(9 - self.level).unwrap_or(0)
    }

    /// The Zstandard level that c-blosc uses for a Blosc level.
    fn search(self) -> zstd::Search {
        let max = *zstd::levels().end();
        match (self.level, self.shuffle) {
            (1, Shuffle::Byte) => zstd::Search::Planes,
            (9, _) => zstd::Search::Level(max),
            (8, _) => zstd::Search::Level(max - 2),
            (level, _) => zstd::Search::Level(level * 2 - 1),
        }
    }
}
