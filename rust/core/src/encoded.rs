//! An encoded chunk before it is put together.

use std::mem::MaybeUninit;

use crate::memcpy::copy_to_new;

/// An encoded chunk in three pieces: what the codec wrote, the data if they are stored
/// uncompressed, and the checksum.
#[derive(Debug, Clone, Copy)]
pub struct Encoded<'a> {
    head: &'a [u8],
    stored: &'a [u8],
    checksum: Option<[u8; 4]>,
}

impl<'a> Encoded<'a> {
    pub(crate) fn new(head: &'a [u8], stored: &'a [u8], crc32c: bool) -> Self {
        let checksum = crc32c.then(|| crc32c::crc32c_append(crc32c::crc32c(head), stored).to_le_bytes());
        Self { head, stored, checksum }
    }

    pub(crate) fn pieces(&self) -> [&[u8]; 3] {
        [self.head, self.stored, self.checksum.as_ref().map_or(&[], |checksum| checksum)]
    }

    /// Bytes of the chunk.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "nobody needs it")]
    pub fn len(&self) -> usize {
        self.pieces().iter().map(|piece| piece.len()).sum()
    }

    /// Write the chunk to `out`, which has exactly its length and may be uninitialized.
    pub fn write_to(&self, out: &mut [MaybeUninit<u8>]) {
        assert_eq!(out.len(), self.len(), "the encoded chunk's size");
        let mut rest = out;
        for piece in self.pieces() {
            let (to, after) = rest.split_at_mut(piece.len());
            copy_to_new(piece, to);
            rest = after;
        }
    }
}
