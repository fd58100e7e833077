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
        let context = match &mut self.0 {
            Some(context) => context,
            none => none.insert(DCtx::try_create().ok_or(Error::OutOfMemory(0))?),
        };
        match context.decompress(out, data) {
            Ok(n) if n == out.len() => Ok(()),
            Ok(n) => Err(wrong_size("zstd", n, out.len())),
            Err(code) => Err(Error::invalid(format!("zstd: {} bytes for {}: {}", data.len(), out.len(), get_error_name(code)))),
        }
    }
}
