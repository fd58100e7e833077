//! Chunks of Zarr arrays from strided, sparse or compressed memory: bytes in, bytes out.
//!
//! No Python, no HTTP, no I/O, no clock. The caller owns all memory: it lends a [`Workspace`] to
//! every call, which holds buffers and contexts for reuse.

mod body;
pub mod codec;
pub mod coo;
mod cpu;
pub mod decode;
pub mod dtype;
mod encode;
mod encoded;
pub mod error;
pub mod gather;
pub mod limits;
mod memcpy;
pub mod pyramid;
mod rows;
mod scratch;
pub mod shape;
mod source;
pub mod view;
pub mod vlen;
mod workspace;

pub use body::Body;
pub use codec::{Codec, blosc::Blosc};
pub use coo::Coo;
pub use dtype::Dtype;
pub use encode::{encode_block, encode_bytes, encode_cut};
pub use encoded::Encoded;
pub use error::{Error, Result};
pub use gather::{Layout, Run};
pub use memcpy::copy_to_new;
pub use pyramid::halve;
pub use view::View;
pub use vlen::VlenUtf8;
pub use workspace::Workspace;
