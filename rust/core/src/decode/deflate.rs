//! zlib, <https://www.rfc-editor.org/rfc/rfc1950>, and gzip,
//! <https://www.rfc-editor.org/rfc/rfc1952>, by libdeflate.

use libdeflater::{DecompressionError, Decompressor};

use super::members;
use super::size::check_decoded;
use crate::error::{Error, Result};

/// A decompressor, made at first use.
#[derive(Default)]
pub struct Decoder(Option<Decompressor>);

impl Decoder {
    /// Decode one zlib stream that fills `out`; bytes behind it are ignored.
    pub fn decode(&mut self, data: &[u8], out: &mut [u8]) -> Result<()> {
        check_decoded("deflate", self.decode_some(data, out)?, out.len())
    }

    /// Decode one zlib stream to the start of `out`. Returns how many bytes that are, None if `out`
    /// has no room for as many.
    pub fn decode_some(&mut self, data: &[u8], out: &mut [u8]) -> Result<Option<usize>> {
        match self.engine().zlib_decompress(data, out) {
            Ok(n) => Ok(Some(n)),
            Err(DecompressionError::InsufficientSpace) => Ok(None),
            Err(DecompressionError::BadData) => Err(Error::invalid(format!("deflate: {} bytes are no zlib stream", data.len()))),
        }
    }

    /// Decode gzip members that fill `out`.
    ///
    /// Nearly always there is one, which then ends with the size of `out`, modulo 2^32; behind it
    /// other bytes would be ignored.
    pub fn decode_gzip(&mut self, data: &[u8], out: &mut [u8]) -> Result<()> {
        let size = out.len() as u64;
        let is_last_of_size = data.last_chunk().is_some_and(|&last| u64::from(u32::from_le_bytes(last)) == size & 0xFFFF_FFFF);
        if is_last_of_size && self.engine().gzip_decompress(data, out) == Ok(out.len()) {
            return Ok(());
        }
        check_decoded("gzip", members::decode(data, out)?, out.len())
    }

    fn engine(&mut self) -> &mut Decompressor {
        self.0.get_or_insert_with(Decompressor::new)
    }
}
