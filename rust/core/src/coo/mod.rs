//! A sparse array in coordinate form, with an index over its rows, so that a box is found without looking at other entries.

mod build;

use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::gather::{Axis, Layout, gather, walk};
use crate::view::View;

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
    rows: Vec<usize>,
    /// `starts[i]..starts[i + 1]` are the entries of `rows[i]`.
    starts: Vec<usize>,
    /// Places along the last axis, ascending within a row.
    columns: Vec<usize>,
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
        (self.rows.len() + self.starts.len() + self.columns.len()) * size_of::<usize>() + self.data.len()
    }

    /// Fill `out` with the box of `chunk_shape` that begins at `start`; what lies beyond the array's edge becomes zero bytes.
    ///
    /// `out` has exactly the box's size.
    pub fn densify(&self, start: &[usize], chunk_shape: &[usize], out: &mut [u8]) -> Result<()> {
        let ndim = self.shape.len();
        if start.len() != ndim || chunk_shape.len() != ndim {
            return Err(Error::invalid(format!("array has {ndim} axes, start has {}, chunk has {}", start.len(), chunk_shape.len())));
        }
        assert_eq!(out.len(), crate::shape::nbytes(chunk_shape, self.itemsize)?, "the box's size");
        let inside: Vec<usize> = (0..ndim).map(|i| self.shape[i].saturating_sub(start[i]).min(chunk_shape[i])).collect();
        self.background(&inside, chunk_shape, out)?;
        if !out.is_empty() && !inside.contains(&0) {
            match self.itemsize {
                1 => self.scatter::<1>(start, &inside, chunk_shape, out),
                2 => self.scatter::<2>(start, &inside, chunk_shape, out),
                4 => self.scatter::<4>(start, &inside, chunk_shape, out),
                8 => self.scatter::<8>(start, &inside, chunk_shape, out),
                16 => self.scatter::<16>(start, &inside, chunk_shape, out),
                _ => self.scatter::<0>(start, &inside, chunk_shape, out),
            }
        }
        Ok(())
    }

    /// The box without its entries.
    fn background(&self, inside: &[usize], chunk_shape: &[usize], out: &mut [u8]) -> Result<()> {
        let Some(fill) = &self.fill else {
            out.fill(0);
            return Ok(());
        };
        let strides = vec![0; inside.len()];
        gather(&View::new(fill, 0, inside, &strides, self.itemsize)?, chunk_shape, &Layout::Whole(self.itemsize), out)
    }

    /// Put the entries of the box into `out`. `N` is the size of an item where it is common, so that copying one is one move, or else 0.
    fn scatter<const N: usize>(&self, start: &[usize], inside: &[usize], chunk_shape: &[usize], out: &mut [u8]) {
        let (planes, first_row, rows_a_plane, row_nbytes) = self.planes(start, inside, chunk_shape);
        let columns = match (start.last(), inside.last()) {
            (Some(&first), Some(&n)) => first..first + n,
            _ => 0..1,
        };
        walk(&planes, first_row.cast_signed(), 0, &mut |row, target| {
            let first_row = row.cast_unsigned();
            let begin = self.rows.partition_point(|&row| row < first_row);
            for (i, row) in self.rows[begin..].iter().map(|row| row - first_row).enumerate().take_while(|&(_, row)| row < rows_a_plane) {
                let line = &mut out[target + row * row_nbytes..];
                self.scatter_row::<N>(begin + i, columns.clone(), line);
            }
        });
    }

    /// Put those entries of the `i`th row into `line` that lie within `columns`.
    fn scatter_row<const N: usize>(&self, i: usize, columns: std::ops::Range<usize>, line: &mut [u8]) {
        let itemsize = if N > 0 { N } else { self.itemsize };
        let entries = self.starts[i]..self.starts[i + 1];
        let begin = entries.start + self.columns[entries.clone()].partition_point(|&column| column < columns.start);
        let items = self.data[begin * itemsize..].chunks_exact(itemsize);
        for (&column, item) in self.columns[begin..entries.end].iter().zip(items) {
            if column >= columns.end {
                break;
            }
            line[(column - columns.start) * itemsize..][..itemsize].copy_from_slice(item);
        }
    }

    /// The box as planes of consecutive rows: the axes over the planes (their strides count rows), the first row, the rows of a
    /// plane, the bytes of a row of the chunk.
    fn planes(&self, start: &[usize], inside: &[usize], chunk_shape: &[usize]) -> (Vec<Axis>, usize, usize, usize) {
        let leading = self.shape.len().saturating_sub(1);
        let row_nbytes = chunk_shape.last().map_or(self.itemsize, |n| n * self.itemsize);
        let (mut rows, mut pitch, mut first_row) = (1, row_nbytes, 0);
        let mut axes = Vec::with_capacity(leading);
        for i in (0..leading).rev() {
            axes.push(Axis { len: inside[i], full: chunk_shape[i], stride: rows, pitch });
            first_row += start[i] * rows.cast_unsigned();
            rows *= self.shape[i].cast_signed();
            pitch *= chunk_shape[i];
        }
        let rows_a_plane = if axes.is_empty() { 1 } else { axes.remove(0).len };
        axes.reverse();
        (axes, first_row, rows_a_plane, row_nbytes)
    }
}

#[cfg(test)]
mod tests;
