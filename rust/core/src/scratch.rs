//! Memory that is reused, because a fresh page costs 2 to 3 microseconds.

use crate::error::{Error, Result};

/// A buffer that keeps its memory from call to call.
#[derive(Debug, Default)]
pub struct Scratch(Vec<u8>);

impl Scratch {
    /// `len` bytes with the contents of earlier calls: the caller overwrites what it uses.
    pub fn take(&mut self, len: usize) -> Result<&mut [u8]> {
        if let Some(missing) = len.checked_sub(self.0.len()) {
            self.0.try_reserve_exact(missing).map_err(|_| Error::OutOfMemory(len))?;
            self.0.resize(len, 0);
        }
        Ok(&mut self.0[..len])
    }

    /// The first `len` bytes that were taken last.
    pub fn taken(&self, len: usize) -> &[u8] {
        &self.0[..len]
    }

    /// Release the memory if it is more than `limit` bytes.
    pub fn trim(&mut self, limit: usize) {
        if self.0.capacity() > limit {
            self.0 = Vec::new();
        }
    }
}

/// An empty vector with room for `len` items.
pub fn reserve<T>(len: usize) -> Result<Vec<T>> {
    let mut items = Vec::new();
    items.try_reserve_exact(len).map_err(|_| Error::OutOfMemory(len.saturating_mul(size_of::<T>())))?;
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_little_and_gives_back_much() {
        let mut scratch = Scratch::default();
        scratch.take(100).unwrap().fill(7);
        assert_eq!(scratch.take(10).unwrap(), [7; 10]);
        scratch.trim(100);
        assert_eq!(scratch.take(100).unwrap(), [7; 100]);
        scratch.trim(99);
        assert_eq!(scratch.0.capacity(), 0);
    }

    #[test]
    fn refuses_what_cannot_be_had() {
        assert_eq!(Scratch::default().take(usize::MAX), Err(Error::OutOfMemory(usize::MAX)));
    }
}
