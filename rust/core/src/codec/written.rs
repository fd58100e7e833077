//! What a compressor says when it is done.

/// How much a compressor has written, and whether the data follow uncompressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Bytes written.
    pub head: usize,
    /// Whether the data follow, uncompressed.
    pub is_stored: bool,
}

impl Written {
    /// The whole chunk.
    pub fn all(head: usize) -> Self {
        Self { head, is_stored: false }
    }
}
