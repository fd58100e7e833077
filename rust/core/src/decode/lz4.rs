//! LZ4 blocks, numcodecs' form of one, and the HDF5 filter 32004:
//! <https://github.com/HDFGroup/hdf5_plugins/blob/master/docs/RegisteredFilterPlugins.md>.

use ::lz4::block::decompress_to_buffer;

use super::reader::Reader;
use super::size::{check_size, wrong_size};
use crate::error::{Error, Result};
use crate::limits::MAX_NBYTES;
use crate::memcpy::copy;

/// Decode one block that fills `out`.
pub fn block(data: &[u8], out: &mut [u8]) -> Result<()> {
    let decoded = match i32::try_from(out.len()) {
        Ok(n) if data.len() <= MAX_NBYTES => decompress_to_buffer(data, Some(n), out).ok(),
        _ => None,
    };
    match decoded {
        Some(n) if n == out.len() => Ok(()),
        Some(n) => Err(wrong_size("lz4", n, out.len())),
        None => Err(Error::invalid(format!("lz4: {} bytes are no block of {}", data.len(), out.len()))),
    }
}

/// Decode one block behind its decoded size (4 bytes, little endian):
/// <https://numcodecs.readthedocs.io/en/stable/compression/lz4.html>.
pub fn sized(data: &[u8], out: &mut [u8]) -> Result<()> {
    let mut reader = Reader::new("lz4", data);
    check_size("lz4", reader.u32_le()? as u64, out.len())?;
    block(&data[4..], out)
}

/// Decode what the filter has stored: the size of the chunk and of a block, then each block behind
/// its length. Numbers are big endian; a block as long as its data is stored uncompressed.
pub fn framed(data: &[u8], out: &mut [u8]) -> Result<()> {
    let mut reader = Reader::new("lz4", data);
    check_size("lz4", reader.u64_be()?, out.len())?;
    let blocksize = reader.u32_be()?;
    if blocksize == 0 {
        return Err(Error::invalid(format!("lz4: blocks of 0 bytes for {}", out.len())));
    }
    for part in out.chunks_mut(blocksize) {
        let length = reader.u32_be()?;
        let stream = reader.take(length)?;
        if length == part.len() {
            copy(stream, part);
        } else {
            block(stream, part)?;
        }
    }
    Ok(())
}
