//! The compressors of Zarr.

/// What wrote a stored chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Chunks of Blosc 1.
    Blosc,
    /// Zstandard frames.
    Zstd,
    /// gzip members.
    Gzip,
    /// A zlib stream.
    Zlib,
    /// One LZ4 block behind its decoded size, as numcodecs writes it.
    Lz4,
    /// Nothing.
    None,
}
