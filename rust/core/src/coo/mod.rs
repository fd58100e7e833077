//! A sparse array in coordinate form with an index of its rows, so that reading a box takes time
//! for its own entries alone.

mod build;
mod cut;
mod entries;
mod numbers;

pub use cut::Cut;
pub use entries::Coo;

use crate::dtype::Dtype;
use crate::error::Result;

impl Coo {
    /// Index entries in any order: `coords` has the coordinates of all items of `data`, axis by
    /// axis. Items at one place are added up.
    pub fn new(coords: &[i64], data: &[u8], shape: &[usize], dtype: &Dtype, fill: Option<&[u8]>) -> Result<Self> {
        build::coo(coords, data, shape, dtype, fill)
    }

    /// The box of `chunk_shape` that begins at `start`, with its entries.
    pub fn cut<'a>(&'a self, start: &[usize], chunk_shape: &'a [usize]) -> Result<Cut<'a>> {
        Cut::new(self, start, chunk_shape)
    }
}

#[cfg(test)]
mod tests;
