//! A sparse array in coordinate form, with an index over its rows, so that a box is found without looking at other entries.

mod build;
mod cut;
mod entries;
mod numbers;

pub use cut::Cut;
pub use entries::Coo;

use crate::dtype::Dtype;
use crate::error::Result;

impl Coo {
    /// Index entries: `coords` has, axis by axis, the coordinate of every item in `data`, in any order; items at one place are added up.
    pub fn new(coords: &[i64], data: &[u8], shape: &[usize], dtype: &Dtype, fill: Option<&[u8]>) -> Result<Self> {
        build::coo(coords, data, shape, dtype, fill)
    }

    /// Find the entries of the box of `chunk_shape` that begins at `start`.
    pub fn cut<'a>(&'a self, start: &[usize], chunk_shape: &'a [usize]) -> Result<Cut<'a>> {
        Cut::new(self, start, chunk_shape)
    }
}

#[cfg(test)]
mod tests;
