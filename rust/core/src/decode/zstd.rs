//! Zstandard, <https://www.rfc-editor.org/rfc/rfc8878>.

use zstd_safe::{DCtx, get_error_name};

use super::size::wrong_size;
use crate::error::{Error, Result};

/// A decompression context, made when it is first needed.
#[derive(Default)]
pub struct Decoder(Option<DCtx<'static>>);

impl Decoder {
    /// Decode frames that fill `out`.
    pub fn decode(&mut self, data: &[u8], out: &mut [u8]) -> Result<()> {
        match self.decode_some(data, out)? {
            n if n == out.len() => Ok(()),
            n => Err(wrong_size("zstd", n, out.len())),
        }
    }

    /// Decode frames to the start of `out`. Returns how many bytes that are.
    pub fn decode_some(&mut self, data: &[u8], out: &mut [u8]) -> Result<usize> {
        let context = match &mut self.0 {
            Some(context) => context,
            none => none.insert(DCtx::try_create().ok_or(Error::OutOfMemory(0))?),
        };
        let decoded = context.decompress(out, data);
        decoded.map_err(|code| Error::invalid(format!("zstd: {} bytes for {}: {}", data.len(), out.len(), get_error_name(code))))
    }
}
