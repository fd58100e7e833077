//! Streams of which only the largest size is known that they may decode to.

use super::format::Format;
use super::frame::decoded_size;
use super::workspace::Workspace;
use super::{blosc, lz4, members};
use crate::error::{Error, Result};

/// Decode `data` to the start of `out`. Returns how many bytes that are, None if `out` has no room
/// for as many; it may be half written by then.
///
/// Refused if the bytes are no such stream. Bytes behind a zlib stream are ignored.
pub fn decompress(format: Format, data: &[u8], out: &mut [u8], workspace: &mut Workspace) -> Result<Option<usize>> {
    let engines = &mut workspace.tools.engines;
    let said = decoded_size(format, data).map(|said| usize::try_from(said).unwrap_or(usize::MAX));
    if said.is_some_and(|said| said > out.len()) {
        return Ok(None);
    }
    match (format, said) {
        (Format::Blosc | Format::Lz4, Some(0)) => Ok(Some(0)),
        (Format::Blosc, Some(n)) => blosc::decode(data, &mut out[..n], engines).map(|()| said),
        (Format::Lz4, Some(n)) => lz4::sized(data, &mut out[..n]).map(|()| said),
        (Format::Zstd, Some(n)) => engines.zstd.decode(data, &mut out[..n]).map(|()| said),
        (Format::Zstd, None) => engines.zstd.decode_some(data, out),
        (Format::Gzip, _) => members::decode(data, out),
        (Format::Zlib, _) => engines.deflate.decode_some(data, out),
        (Format::None, _) => {
            out[..data.len()].copy_from_slice(data);
            Ok(said)
        }
        (Format::Blosc | Format::Lz4, None) => {
            Err(Error::invalid(format!("{format:?}: {} bytes do not say their decoded size", data.len()).to_lowercase()))
        }
    }
}
