//! Zstandard, <https://www.rfc-editor.org/rfc/rfc8878>.

use zstd_safe::{DCtx, get_error_name};

use super::size::check_decoded;
use crate::error::{Error, Result};

/// The library's code for output that does not fit: `ZSTD_error_dstSize_tooSmall`, negated.
const NO_ROOM: usize = 70_usize.wrapping_neg();

/// A decompression context, made at first use.
#[derive(Default)]
pub struct Decoder(Option<DCtx<'static>>);

impl Decoder {
    /// Decode frames that fill `out`.
    pub fn decode(&mut self, data: &[u8], out: &mut [u8]) -> Result<()> {
        check_decoded("zstd", self.decode_some(data, out)?, out.len())
    }

    /// Decode frames to the start of `out`. Returns how many bytes that are, None if `out` has no
    /// room for as many.
    pub fn decode_some(&mut self, data: &[u8], out: &mut [u8]) -> Result<Option<usize>> {
        let context = match &mut self.0 {
            Some(context) => context,
            none => none.insert(DCtx::try_create().ok_or(Error::OutOfMemory(0))?),
        };
        match context.decompress(out, data) {
            Ok(n) => Ok(Some(n)),
            Err(NO_ROOM) => Ok(None),
            Err(code) => Err(Error::invalid(format!("zstd: {} bytes for {}: {}", data.len(), out.len(), get_error_name(code)))),
        }
    }
}
