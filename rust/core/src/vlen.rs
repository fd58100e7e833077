//! Zarr's `vlen-utf8`: the number of strings, then the length in bytes and the bytes of each.
//! Numbers are u32, little endian.
//! <https://github.com/zarr-developers/zarr-extensions/tree/main/codecs/vlen-utf8>

use crate::error::{Error, Result};
use crate::limits::MAX_NBYTES;

/// Encoded strings.
#[derive(Debug)]
pub struct VlenUtf8(Vec<u8>);

impl VlenUtf8 {
    /// The number of strings that will be pushed.
    pub fn new(count: usize) -> Result<Self> {
        let mut items = Self(Vec::new());
        items.push_word(count)?;
        Ok(items)
    }

    /// Append a string.
    pub fn push(&mut self, item: &str) -> Result<()> {
        self.push_word(item.len())?;
        self.push_bytes(item.as_bytes())
    }

    /// The encoded bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn push_word(&mut self, value: usize) -> Result<()> {
        let value = u32::try_from(value).map_err(|_| Error::TooLarge(Some(value)))?;
        self.push_bytes(&value.to_le_bytes())
    }

    fn push_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        let total = self.0.len().saturating_add(bytes.len());
        if total > MAX_NBYTES {
            return Err(Error::TooLarge(Some(total)));
        }
        self.0.try_reserve(bytes.len()).map_err(|_| Error::OutOfMemory(total))?;
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_counts_lengths_and_bytes() {
        let mut items = VlenUtf8::new(3).unwrap();
        for item in ["a", "", "\u{e9}\u{1f984}"] {
            items.push(item).unwrap();
        }
        assert_eq!(items.as_bytes(), b"\x03\0\0\0\x01\0\0\0a\0\0\0\0\x06\0\0\0\xc3\xa9\xf0\x9f\xa6\x84");
    }
}
