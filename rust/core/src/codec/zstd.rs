//! Zstandard, <https://www.rfc-editor.org/rfc/rfc8878>.

use std::ops::RangeInclusive;

use zstd_safe::{CCtx, CParameter, get_error_name};

use crate::error::{Error, Result};

/// Levels that the library has.
pub fn levels() -> RangeInclusive<i32> {
    zstd_safe::min_c_level()..=zstd_safe::max_c_level()
}

/// Most bytes that a frame of `nbytes` takes.
pub fn bound(nbytes: usize) -> usize {
    zstd_safe::compress_bound(nbytes)
}

/// A compression context, made when it is first needed: building one costs more than compressing a small chunk.
#[derive(Default)]
pub struct Encoder(Option<(CCtx<'static>, Option<i32>)>);

impl Encoder {
    /// Write one frame to the start of `out` and say how long it is. Fails where it does not fit.
    pub fn encode(&mut self, level: i32, data: &[u8], out: &mut [u8]) -> Result<usize> {
        let (context, current) = match &mut self.0 {
            Some(context) => context,
            none => none.insert((CCtx::try_create().ok_or(Error::OutOfMemory(0))?, None)),
        };
        let failed = |code| Error::Codec(format!("zstd: {}", get_error_name(code)));
        if *current != Some(level) {
            context.set_parameter(CParameter::CompressionLevel(level)).map_err(failed)?;
            *current = Some(level);
        }
        context.compress2(out, data).map_err(failed)
    }

    /// Give the context back if it holds more than `limit` bytes.
    pub fn trim(&mut self, limit: usize) {
        self.0.take_if(|(context, _)| context.sizeof() > limit);
    }
}
