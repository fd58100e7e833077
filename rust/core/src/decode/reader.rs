//! Numbers and pieces read from the front of unchecked bytes.

use crate::error::{Error, Result};

/// The unread rest of some bytes; `what` names them in errors.
pub struct Reader<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// All of `bytes`.
    pub fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { what, rest: bytes }
    }

    /// The next `n` bytes.
    pub fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let Some((taken, rest)) = self.rest.split_at_checked(n) else {
            return Err(Error::invalid(format!("{}: {n} bytes are announced, {} are left", self.what, self.rest.len())));
        };
        self.rest = rest;
        Ok(taken)
    }

    /// The next `N` bytes without reading them. None if there are fewer.
    pub fn peek<const N: usize>(&self) -> Option<&'a [u8; N]> {
        self.rest.first_chunk()
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Refuse unread bytes.
    pub fn end(&self) -> Result<()> {
        if self.is_empty() { Ok(()) } else { Err(Error::invalid(format!("{}: {} bytes are left over", self.what, self.rest.len()))) }
    }

    /// The next byte.
    #[inline]
    pub fn u8(&mut self) -> Result<usize> {
        Ok(usize::from(self.array::<1>()?[0]))
    }

    /// The next 2 bytes, big endian.
    pub fn u16_be(&mut self) -> Result<usize> {
        Ok(usize::from(u16::from_be_bytes(self.array()?)))
    }

    /// The next 4 bytes, big endian.
    pub fn u32_be(&mut self) -> Result<usize> {
        Ok(u32::from_be_bytes(self.array()?) as usize)
    }

    /// The next 4 bytes, little endian.
    pub fn u32_le(&mut self) -> Result<usize> {
        Ok(u32::from_le_bytes(self.array()?) as usize)
    }

    /// The next 8 bytes, big endian.
    pub fn u64_be(&mut self) -> Result<u64> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        Ok(*self.take(N)?.first_chunk().expect("so many bytes were taken"))
    }
}
