//! zlib, <https://www.rfc-editor.org/rfc/rfc1950>, by libdeflate.

use libdeflater::{DecompressionError, Decompressor};

use crate::error::{Error, Result};

/// A decompressor, made when it is first needed.
#[derive(Default)]
pub struct Decoder(Option<Decompressor>);

impl Decoder {
    /// Decode one stream that fills `out`.
    pub fn decode(&mut self, data: &[u8], out: &mut [u8]) -> Result<()> {
        let decoded = self.0.get_or_insert_with(Decompressor::new).zlib_decompress(data, out);
        match decoded {
            Ok(n) if n == out.len() => Ok(()),
            Ok(n) => Err(super::wrong_size("deflate", n, out.len())),
            Err(DecompressionError::InsufficientSpace) => {
                Err(Error::invalid(format!("deflate: decodes to more than the {} bytes expected", out.len())))
            }
            Err(DecompressionError::BadData) => Err(Error::invalid(format!("deflate: {} bytes are no zlib stream", data.len()))),
        }
    }
}
