//! Zstandard, <https://www.rfc-editor.org/rfc/rfc8878>.

use std::ops::RangeInclusive;

use zstd_safe::{CCtx, CParameter, get_error_name};

use crate::error::{Error, Result};

/// Levels that the library has.
pub fn levels() -> RangeInclusive<i32> {
    zstd_safe::min_c_level()..=zstd_safe::max_c_level()
}

/// Bytes that a frame of `nbytes` takes, at most.
pub fn bound(nbytes: usize) -> usize {
    zstd_safe::compress_bound(nbytes)
}

/// How to search for matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Search {
    /// The library's search at this level.
    Level(i32),
    /// Level 1, but only matches of 7 bytes or more and a hash table of 16 KiB: faster in planes of
    /// bytes.
    Planes,
}

/// A compression context, made at first use: making one takes longer than compressing a small
/// chunk.
#[derive(Default)]
pub struct Encoder(Option<(CCtx<'static>, Option<Search>)>);

impl Encoder {
    /// Write one frame to the start of `out`. Returns its length; fails if it does not fit.
    pub fn encode(&mut self, search: Search, data: &[u8], out: &mut [u8]) -> Result<usize> {
        let (context, current) = match &mut self.0 {
            Some(context) => context,
            none => none.insert((CCtx::try_create().ok_or(Error::OutOfMemory(0))?, None)),
        };
        let failed = |code| Error::Codec(format!("zstd: {}", get_error_name(code)));
        if *current != Some(search) {
            // Zero means what the level has.
            let (level, hash_log, min_match) = match search {
                Search::Level(level) => (level, 0, 0),
                Search::Planes => (1, 12, 7),
            };
            for parameter in [CParameter::CompressionLevel(level), CParameter::HashLog(hash_log), CParameter::MinMatch(min_match)] {
                context.set_parameter(parameter).map_err(failed)?;
            }
            *current = Some(search);
        }
        context.compress2(out, data).map_err(failed)
    }

    /// Drop the context if it holds more than `limit` bytes.
    pub fn trim(&mut self, limit: usize) {
        self.0.take_if(|(context, _)| context.sizeof() > limit);
    }
}

/// Write the frame of planes of `n` bytes each, plane `i` repeating `bytes[i]`. None if it does not
/// fit.
///
/// The frame is a header (magic number, descriptor, content size) and blocks of one repeated byte.
pub fn planes(bytes: &[u8], n: usize, out: &mut [u8]) -> Option<usize> {
    const MAGIC: u32 = 0xFD2F_B528;
    /// Four bytes of content size, which is also the window.
    const DESCRIPTOR: u8 = 0b1010_0000;
    const HEADER: usize = 9;
    /// Three bytes with the size, the type and the mark of the last block; then the byte.
    const BLOCK: usize = 4;
    const MAX_BLOCK: usize = 128 << 10;
    const REPEATED: u32 = 1;
    let size = u32::try_from(n.checked_mul(bytes.len())?).ok().filter(|&size| size > 0)?;
    let (header, rest) = out.split_at_mut_checked(HEADER)?;
    header[..4].copy_from_slice(&MAGIC.to_le_bytes());
    header[4] = DESCRIPTOR;
    header[5..].copy_from_slice(&size.to_le_bytes());
    let a_plane = n.div_ceil(MAX_BLOCK);
    let count = a_plane * bytes.len();
    let blocks = rest.get_mut(..BLOCK * count)?.as_chunks_mut::<BLOCK>().0;
    for (i, block) in blocks.iter_mut().enumerate() {
        let len = u32::try_from(MAX_BLOCK.min(n - i % a_plane * MAX_BLOCK)).ok()?;
        let [low, middle, high, _] = (len << 3 | REPEATED << 1 | u32::from(i + 1 == count)).to_le_bytes();
        *block = [low, middle, high, bytes[i / a_plane]];
    }
    Some(HEADER + BLOCK * count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn planes_have_a_closed_form(bytes in prop::collection::vec(any::<u8>(), 1..20), n in 1_usize..300_000) {
            let mut out = [0xAA; 300];
            let written = planes(&bytes, n, &mut out).unwrap();
            let mut decoded = vec![0xAA; n * bytes.len()];
            prop_assert_eq!(zstd_safe::decompress(&mut decoded[..], &out[..written]), Ok(n * bytes.len()));
            prop_assert!(decoded.chunks(n).zip(&bytes).all(|(plane, byte)| plane.iter().all(|other| other == byte)));
            prop_assert_eq!(planes(&bytes, n, &mut out[..written - 1]), None);
        }
    }
}
