//! What compressed bytes say of themselves, read without decoding them.
//!
//! Blosc: <https://github.com/Blosc/c-blosc/blob/main/README_CHUNK_FORMAT.rst>,
//! gzip: <https://www.rfc-editor.org/rfc/rfc1952>, zlib: <https://www.rfc-editor.org/rfc/rfc1950>,
//! Zstandard: <https://www.rfc-editor.org/rfc/rfc8878>.

use super::format::Format;

const BLOSC_VERSION: u8 = 2;
const BLOSC_HEADER: usize = 16;
const GZIP_MAGIC: &[u8] = b"\x1f\x8b\x08";
/// Bytes of the shortest gzip member.
const GZIP_LEAST: usize = 18;
/// Bytes of the shortest zlib stream.
const ZLIB_LEAST: usize = 8;
/// The compression method in the lower half of the first byte of a zlib stream.
const DEFLATE: u8 = 8;
const ZSTD_MAGIC: &[u8] = b"\x28\xb5\x2f\xfd";
/// Bytes of the magic number and the descriptor.
const ZSTD_LEAST: usize = 5;
/// The type of a Zstandard block that repeats one byte.
const RLE: u64 = 1;
/// Bytes of a checksum.
const CHECKSUM: usize = 4;

/// Whether `data` may be one whole frame of `nbytes` decoded bytes (None: nobody knows how many).
///
/// Blosc and Zstandard frames say where they end, so that one cut short is not whole; of the other
/// formats only headers and sizes are compared.
#[must_use]
pub fn is_whole(format: Format, data: &[u8], nbytes: Option<u64>) -> bool {
    let agrees = |said: Option<u64>| nbytes.is_none() || said == nbytes;
    match format {
        // Readers in browsers take a chunk of Blosc 2 for other values.
        Format::Blosc => {
            let is_chunk = data.len() >= BLOSC_HEADER && data[0] == BLOSC_VERSION && number(data, 12, 4) == Some(data.len() as u64);
            is_chunk && agrees(decoded_size(format, data))
        }
        // Many readers need the decoded size in the frame.
        Format::Zstd => {
            let Some(frame) = Zstd::parse(data) else { return false };
            frame.nbytes.is_some() && agrees(frame.nbytes) && frame.end(data) == Some(data.len())
        }
        Format::Gzip => {
            let is_member = data.len() >= GZIP_LEAST && data.starts_with(GZIP_MAGIC);
            is_member && agrees(number(data, data.len() - 4, 4))
        }
        Format::Zlib => data.len() >= ZLIB_LEAST && data[0] & 15 == DEFLATE && u16::from_be_bytes([data[0], data[1]]).is_multiple_of(31),
        Format::Lz4 => data.len() > 4 && agrees(decoded_size(format, data)),
        Format::None => agrees(Some(data.len() as u64)),
    }
}

/// The decoded size that `data` says at its start. None if it says none, or is too short to.
///
/// What gzip says at its end is no such size: it is that of the last member, modulo 2^32.
#[must_use]
pub fn decoded_size(format: Format, data: &[u8]) -> Option<u64> {
    match format {
        Format::Blosc => number(data, 4, 4),
        Format::Zstd => Zstd::parse(data)?.nbytes,
        Format::Lz4 => number(data, 0, 4),
        Format::Gzip | Format::Zlib => None,
        Format::None => Some(data.len() as u64),
    }
}

/// The header of a Zstandard frame: RFC 8878, section 3.1.1.1.
struct Zstd {
    /// The size of the content, if the frame says it.
    nbytes: Option<u64>,
    /// Where the blocks begin.
    blocks: usize,
    has_checksum: bool,
}

impl Zstd {
    fn parse(data: &[u8]) -> Option<Self> {
        if !data.starts_with(ZSTD_MAGIC) {
            return None;
        }
        let descriptor = *data.get(ZSTD_MAGIC.len())?;
        let is_single = descriptor & 0x20 != 0;
        let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
        let at = ZSTD_LEAST + usize::from(!is_single) + dictionary;
        let width = [usize::from(is_single), 2, 4, 8][usize::from(descriptor >> 6)];
        let blocks = at + width;
        if data.len() < blocks {
            return None;
        }
        // Two bytes count from 256 on.
        let offset = if width == 2 { 256 } else { 0 };
        let nbytes = if width == 0 { None } else { number(data, at, width)?.checked_add(offset) };
        Some(Self { nbytes, blocks, has_checksum: descriptor & 0x04 != 0 })
    }

    /// Where the frame ends, after its last block and its checksum. None if a block's header is cut
    /// off.
    fn end(&self, data: &[u8]) -> Option<usize> {
        let mut at = self.blocks;
        loop {
            let header = number(data, at, 3)?;
            let (is_last, kind, length) = (header & 1 != 0, header >> 1 & 3, usize::try_from(header >> 3).ok()?);
            at += 3 + if kind == RLE { 1 } else { length };
            if is_last {
                return Some(at + if self.has_checksum { CHECKSUM } else { 0 });
            }
        }
    }
}

/// The number in `width` bytes, at most 8, from `at` on, little endian. None if there are not as
/// many.
fn number(data: &[u8], at: usize, width: usize) -> Option<u64> {
    let bytes = data.get(at..)?.get(..width)?;
    Some(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
}
