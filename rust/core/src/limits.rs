//! The largest chunk.

/// Bytes of a chunk, at most: the limit of LZ4, and with it of Blosc (`LZ4_MAX_INPUT_SIZE`).
pub const MAX_NBYTES: usize = 0x7E00_0000;
