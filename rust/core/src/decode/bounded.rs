//! Streams of which only the largest size is known that they may decode to.

use super::format::Format;
use super::frame::decoded_size;
use super::size::too_large;
use super::workspace::Workspace;
use super::{blosc, lz4, members};
use crate::error::{Error, Result};

/// Decode `data` to the start of `out`. Returns how many bytes that are.
///
/// Refused, with as much as fitted written, if there are more bytes than `out` has room for; if
/// `data` says so at its start, before any is written. Bytes behind a zlib stream are ignored.
pub fn decompress(format: Format, data: &[u8], out: &mut [u8], workspace: &mut Workspace) -> Result<usize> {
    let name = name(format);
    let said = decoded_size(format, data);
    let said = said.map(|said| usize::try_from(said).ok().filter(|&n| n <= out.len()).ok_or_else(|| too_large(name, said, out.len())));
    let engines = &mut workspace.tools.engines;
    match (format, said.transpose()?) {
        (Format::Blosc | Format::Lz4, Some(0)) => Ok(0),
        (Format::Blosc, Some(n)) => blosc::decode(data, &mut out[..n], engines).map(|()| n),
        (Format::Lz4, Some(n)) => lz4::sized(data, &mut out[..n]).map(|()| n),
        (Format::Zstd, Some(n)) => engines.zstd.decode(data, &mut out[..n]).map(|()| n),
        (Format::Zstd, None) => engines.zstd.decode_some(data, out),
        (Format::Gzip, _) => members::decode(data, out),
        (Format::Zlib, _) => engines.deflate.decode_some(data, out),
        (Format::None, _) => {
            out[..data.len()].copy_from_slice(data);
            Ok(data.len())
        }
        (Format::Blosc | Format::Lz4, None) => Err(Error::invalid(format!("{name}: {} bytes do not say their decoded size", data.len()))),
    }
}

fn name(format: Format) -> &'static str {
    match format {
        Format::Blosc => "blosc",
        Format::Zstd => "zstd",
        Format::Gzip => "gzip",
        Format::Zlib => "zlib",
        Format::Lz4 => "lz4",
        Format::None => "none",
    }
}
