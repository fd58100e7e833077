//! The entries of a sparse array, indexed by rows.

use super::numbers::Numbers;

/// Entries sorted in C order, at most one at a place.
///
/// A *row* runs along the last axis; rows are numbered in C order over the other axes. Only rows
/// with entries are kept.
#[derive(Debug)]
pub struct Coo {
    pub(super) shape: Vec<usize>,
    pub(super) itemsize: usize,
    /// Bytes of the item that every other place holds; `None` means zero bytes.
    pub(super) fill: Option<Vec<u8>>,
    /// Numbers of the rows that have entries, ascending.
    pub(super) rows: Numbers,
    /// `starts[i]..starts[i + 1]` are the entries of `rows[i]`.
    pub(super) starts: Numbers,
    /// The entries' indices along the last axis, ascending within a row.
    pub(super) columns: Numbers,
    /// The entries' items, little endian.
    pub(super) data: Vec<u8>,
}

impl Coo {
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
}
