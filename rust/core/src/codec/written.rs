//! What a compressor says when it is done.

/// How much a compressor has written, and whether the data are to follow as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Bytes written.
    pub head: usize,
    /// Whether the data follow as they are.
    pub is_stored: bool,
}

impl Written {
    /// Everything there is to it.
    pub fn all(head: usize) -> Self {
        Self { head, is_stored: false }
    }
}
