//! Stored chunks of HDF5 datasets and Zarr arrays, decoded, and what a region wants of them put into its place.
//!
//! Nothing here trusts the bytes: every size is known before they are looked at, and whatever contradicts it is refused.

mod bitshuffle;
mod blosc;
mod blosclz;
mod crc32c;
mod deflate;
mod fletcher;
mod lz4;
mod lzf;
mod matches;
mod pipeline;
mod reader;
mod region;
mod size;
mod unshuffle;
mod workspace;
mod zstd;

pub use pipeline::{Filter, Pipeline};
pub use region::{Decoder, Stored};
pub use workspace::Workspace;

#[cfg(test)]
mod tests;
