//! A sparse array in coordinate form, with an index over its rows, so that a box is found without looking at other entries.

mod build;
mod cut;
mod numbers;

pub use cut::Cut;

use crate::dtype::Dtype;
use crate::error::Result;
use numbers::Numbers;

/// Entries sorted in C order, at most one at a place.
///
/// A *row* runs along the last axis; its number counts over the other axes. Only rows that have entries are kept.
#[derive(Debug)]
pub struct Coo {
    shape: Vec<usize>,
    itemsize: usize,
    /// Bytes of the item that every other place holds; `None` means zero bytes.
    fill: Option<Vec<u8>>,
    /// Numbers of the rows that have entries, ascending.
    rows: Numbers,
    /// `starts[i]..starts[i + 1]` are the entries of `rows[i]`.
    starts: Numbers,
    /// Places along the last axis, ascending within a row.
    columns: Numbers,
    /// The entries' items, little endian.
    data: Vec<u8>,
}

impl Coo {
    /// Index entries: `coords` has, axis by axis, the coordinate of every item in `data`, in any order; items at one place are added up.
    pub fn new(coords: &[i64], data: &[u8], shape: &[usize], dtype: &Dtype, fill: Option<&[u8]>) -> Result<Self> {
        build::coo(coords, data, shape, dtype, fill)
    }

    /// Bytes of an item.
    #[must_use]
    pub fn itemsize(&self) -> usize {
        self.itemsize
    }

    /// Memory that the index holds, in bytes.
    #[must_use]
    pub fn nbytes(&self) -> usize {
        self.rows.nbytes() + self.starts.nbytes() + self.columns.nbytes() + self.data.len()
    }

    /// Find the entries of the box of `chunk_shape` that begins at `start`.
    pub fn cut<'a>(&'a self, start: &[usize], chunk_shape: &'a [usize]) -> Result<Cut<'a>> {
        Cut::new(self, start, chunk_shape)
    }
}

#[cfg(test)]
mod tests;
