//! LZ4 blocks, <https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md>.

mod agreement;
mod block;
pub mod fast;
pub mod repeated;
pub mod runs;

pub use self::block::Made;

use std::ops::RangeInclusive;

use ::lz4::block::{CompressionMode, compress_to_buffer};

use crate::error::{Error, Result};

/// Accelerations that the library distinguishes.
pub const ACCELERATIONS: RangeInclusive<i32> = 1..=65537;

/// Bytes of the size in front of the block.
const PREFIX: usize = 4;

/// Bytes that a size and a block of `nbytes` take, at most.
pub fn bound(nbytes: usize) -> usize {
    PREFIX + nbytes + nbytes / 255 + 16
}

/// Write the size of `data` and its block to the start of `out`. Returns their length.
pub fn encode(acceleration: i32, data: &[u8], out: &mut [u8]) -> Result<usize> {
    let n = u32::try_from(data.len()).map_err(|_| Error::TooLarge(Some(data.len())))?;
    out[..PREFIX].copy_from_slice(&n.to_le_bytes());
    block(CompressionMode::FAST(acceleration), data, &mut out[PREFIX..])
        .map(|n| PREFIX + n)
        .ok_or_else(|| Error::Codec(format!("lz4: {} bytes are too few", out.len())))
}

/// Write one block to the start of `out` by the C library. Returns its length, None if it does not
/// fit.
pub fn block(mode: CompressionMode, data: &[u8], out: &mut [u8]) -> Option<usize> {
    compress_to_buffer(data, Some(mode), false, out).ok()
}

#[cfg(test)]
mod tests {
    use ::lz4::block::decompress;
    use proptest::prelude::*;

    pub fn decoded(block: &[u8], nbytes: usize) -> Vec<u8> {
        decompress(block, Some(i32::try_from(nbytes).unwrap())).unwrap()
    }

    /// Bytes with repetitions near and far, and noise between them.
    pub fn data() -> impl Strategy<Value = Vec<u8>> {
        let run = prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40),
            (any::<u8>(), 0_usize..400).prop_map(|(byte, n)| vec![byte; n]),
            (0_u8..3, 0_usize..70_000).prop_map(|(seed, n)| (0..=250_u8).cycle().map(|byte| byte.wrapping_mul(seed)).take(n).collect()),
        ];
        prop::collection::vec(run, 0..20).prop_map(|runs| runs.concat())
    }
}
