//! Decoders of stored chunks of HDF5 datasets and Zarr arrays, and regions put together from them.
//!
//! Nothing here trusts stored bytes: the caller knows every decoded size beforehand, and bytes that
//! say or make another one are refused.

mod bitshuffle;
mod blosc;
mod blosclz;
mod bounded;
mod crc32c;
mod deflate;
mod fletcher;
mod format;
mod frame;
mod lz4;
mod lzf;
mod matches;
mod members;
mod pipeline;
mod reader;
mod region;
mod size;
mod unshuffle;
mod workspace;
mod zstd;

pub use bounded::decompress;
pub use crc32c::crc32c;
pub use format::Format;
pub use frame::{decoded_size, is_whole};
pub use pipeline::{Filter, Pipeline};
pub use region::{Decoder, Stored};
pub use workspace::{Tools, Workspace};

#[cfg(test)]
mod tests;
