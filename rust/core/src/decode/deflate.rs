//! zlib, <https://www.rfc-editor.org/rfc/rfc1950>, and gzip, <https://www.rfc-editor.org/rfc/rfc1952>, by libdeflate.

use libdeflater::{DecompressionError, Decompressor};

use super::size::wrong_size;
use crate::error::{Error, Result};

/// A decompressor, made when it is first needed.
#[derive(Default)]
pub struct Decoder(Option<Decompressor>);

impl Decoder {
    /// Decode one zlib stream that fills `out`.
    pub fn decode(&mut self, data: &[u8], out: &mut [u8]) -> Result<()> {
        let decoded = self.engine().zlib_decompress(data, out);
        check("deflate", "zlib stream", &decoded, data, out)
    }

    /// Decode one gzip member that fills `out`; what follows it is not looked at.
    pub fn decode_gzip(&mut self, data: &[u8], out: &mut [u8]) -> Result<()> {
        let decoded = self.engine().gzip_decompress(data, out);
        check("gzip", "gzip member", &decoded, data, out)
    }

    fn engine(&mut self) -> &mut Decompressor {
        self.0.get_or_insert_with(Decompressor::new)
    }
}

fn check(name: &str, form: &str, decoded: &std::result::Result<usize, DecompressionError>, data: &[u8], out: &[u8]) -> Result<()> {
    match decoded {
        Ok(n) if *n == out.len() => Ok(()),
        Ok(n) => Err(wrong_size(name, *n, out.len())),
        Err(DecompressionError::InsufficientSpace) => {
            Err(Error::invalid(format!("{name}: decodes to more than the {} bytes expected", out.len())))
        }
        Err(DecompressionError::BadData) => Err(Error::invalid(format!("{name}: {} bytes are no {form}", data.len()))),
    }
}
