//! gzip, <https://www.rfc-editor.org/rfc/rfc1952>, and zlib,
//! <https://www.rfc-editor.org/rfc/rfc1950>, by libdeflate.

use std::ops::RangeInclusive;

use libdeflater::{CompressionError, CompressionLvl, Compressor};

use crate::error::{Error, Result};

/// Levels of zlib; libdeflate has three more (10 to 12), which no configuration of Zarr allows.
pub const LEVELS: RangeInclusive<i32> = 0..=9;

/// The wrapper around the deflate stream.
#[derive(Debug, Clone, Copy)]
pub enum Format {
    /// gzip: a header without a time, and a CRC-32.
    Gzip,
    /// zlib: an Adler-32.
    Zlib,
}

/// Bytes that a stream of `nbytes` takes, at most: stored blocks of 5 bytes more each, and the
/// larger wrapper.
pub fn bound(nbytes: usize) -> usize {
    /// The shortest block that libdeflate makes.
    const MIN_BLOCK: usize = 5000;
    /// Room for either wrapper.
    const WRAPPER: usize = 32;
    nbytes + 5 * nbytes.div_ceil(MIN_BLOCK).max(1) + WRAPPER
}

/// A compressor of the level that was used last.
#[derive(Default)]
pub struct Encoder(Option<(Compressor, i32)>);

impl Encoder {
    /// Write one stream to the start of `out`. Returns its length; fails if it does not fit.
    pub fn encode(&mut self, format: Format, level: i32, data: &[u8], out: &mut [u8]) -> Result<usize> {
        let compressor = self.at(level)?;
        let written = match format {
            Format::Gzip => compressor.gzip_compress(data, out),
            Format::Zlib => compressor.zlib_compress(data, out),
        };
        written.map_err(|CompressionError::InsufficientSpace| Error::Codec(format!("deflate: {} bytes are too few", out.len())))
    }

    fn at(&mut self, level: i32) -> Result<&mut Compressor> {
        self.0.take_if(|(_, current)| *current != level);
        match &mut self.0 {
            Some((compressor, _)) => Ok(compressor),
            none => {
                let checked = CompressionLvl::new(level).map_err(|_| Error::Codec(format!("deflate: no level {level}")))?;
                Ok(&mut none.insert((Compressor::new(checked), level)).0)
            }
        }
    }
}
