//! Chunks of Zarr arrays, made from strided, sparse or compressed memory: bytes in, bytes out.
//!
//! No Python, no HTTP, no I/O, no clock. Memory is the caller's: a [`Workspace`] is lent to every call and holds what is reused.

pub mod codec;
pub mod coo;
pub mod decode;
pub mod dtype;
mod encode;
mod encoded;
pub mod error;
pub mod gather;
mod memcpy;
pub mod pyramid;
mod rows;
mod scratch;
pub mod shape;
mod source;
pub mod view;
pub mod vlen;

pub use codec::{Codec, blosc::Blosc};
pub use coo::Coo;
pub use dtype::Dtype;
pub use encode::{Workspace, encode_block, encode_bytes, encode_cut};
pub use encoded::{Body, Encoded};
pub use error::{Error, Result};
pub use gather::{Layout, Run};
pub use memcpy::copy_to_new;
pub use pyramid::halve;
pub use view::View;
pub use vlen::VlenUtf8;
