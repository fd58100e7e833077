//! CRC-32C behind the data, little endian:
//! <https://zarr-specs.readthedocs.io/en/latest/v3/codecs/crc32c/index.html>.

use crate::error::{Error, Result};

/// The CRC-32C of `data`: <https://www.rfc-editor.org/rfc/rfc3720#section-12.1>.
#[must_use]
pub fn crc32c(data: &[u8]) -> u32 {
    ::crc32c::crc32c(data)
}

/// The bytes in front of their checksum. Refused if the checksum differs.
pub fn check(data: &[u8]) -> Result<&[u8]> {
    let Some((bytes, stored)) = data.split_last_chunk::<4>() else {
        return Err(Error::invalid(format!("crc32c: {} bytes hold no checksum", data.len())));
    };
    let (stored, computed) = (u32::from_le_bytes(*stored), crc32c(bytes));
    if stored != computed {
        return Err(Error::invalid(format!("crc32c: the stored checksum is {stored:#010x}, that of the data {computed:#010x}")));
    }
    Ok(bytes)
}
