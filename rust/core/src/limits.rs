//! How large things may be.

/// Bytes that are encoded or decoded at once, at most: LZ4, and with it Blosc, counts no further (`LZ4_MAX_INPUT_SIZE`).
pub const MAX_NBYTES: usize = 0x7E00_0000;
