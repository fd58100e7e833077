//! A box of a sparse array.

use std::ops::Range;

use super::entries::Coo;
use super::numbers::{Number, Numbers};
use crate::error::{Error, Result};
use crate::gather::{Axis, Layout, gather, walk};
use crate::shape::nbytes;
use crate::view::View;

/// The entries of one row, and the byte of the chunk that belongs to the box's first column in that
/// row.
#[derive(Debug)]
struct Segment {
    entries: Range<usize>,
    target: usize,
}

/// A box of a sparse array with its entries.
#[derive(Debug)]
pub struct Cut<'a> {
    coo: &'a Coo,
    chunk_shape: &'a [usize],
    /// Elements of the box inside the array, along each axis.
    inside: Vec<usize>,
    /// The columns of the box inside the array.
    columns: Range<usize>,
    segments: Vec<Segment>,
}

impl<'a> Cut<'a> {
    pub(super) fn new(coo: &'a Coo, start: &[usize], chunk_shape: &'a [usize]) -> Result<Self> {
        let ndim = coo.shape.len();
        if start.len() != ndim || chunk_shape.len() != ndim {
            return Err(Error::invalid(format!("array has {ndim} axes, start has {}, chunk has {}", start.len(), chunk_shape.len())));
        }
        nbytes(chunk_shape, coo.itemsize)?;
        let inside: Vec<usize> = (0..ndim).map(|i| coo.shape[i].saturating_sub(start[i]).min(chunk_shape[i])).collect();
        let columns = match (start.last(), inside.last()) {
            (Some(&first), Some(&n)) => first..first.saturating_add(n),
            _ => 0..1,
        };
        let mut cut = Self { coo, chunk_shape, inside, columns, segments: Vec::new() };
        if !cut.inside.contains(&0) {
            cut.segments = cut.find(start);
        }
        Ok(cut)
    }

    /// Bytes of the box.
    #[must_use]
    pub fn nbytes(&self) -> usize {
        self.chunk_shape.iter().product::<usize>() * self.coo.itemsize
    }

    /// The item that the box repeats. None if the box has entries, or reaches beyond the array with
    /// a fill other than zero.
    #[must_use]
    pub fn constant(&self) -> Option<Vec<u8>> {
        let item = self.coo.fill.clone().unwrap_or_else(|| vec![0; self.coo.itemsize]);
        let is_whole = self.inside == self.chunk_shape || item.iter().all(|&byte| byte == 0);
        (self.segments.is_empty() && is_whole).then_some(item)
    }

    /// Write the box to `out`, which has exactly its size; zero bytes beyond the array's edge.
    pub fn densify(&self, out: &mut [u8]) -> Result<()> {
        if self.coo.fill.is_none() {
            out.fill(0);
        }
        self.densify_zeros(out)
    }

    /// The same if `out` holds zero bytes already.
    pub fn densify_zeros(&self, out: &mut [u8]) -> Result<()> {
        if let Some(fill) = &self.coo.fill {
            let strides = vec![0; self.inside.len()];
            let everywhere = View::new(fill, 0, &self.inside, &strides, self.coo.itemsize)?;
            gather(&everywhere, self.chunk_shape, &Layout::Whole(self.coo.itemsize), out)?;
        }
        match self.coo.itemsize {
            1 => self.scatter::<1>(out),
            2 => self.scatter::<2>(out),
            4 => self.scatter::<4>(out),
            8 => self.scatter::<8>(out),
            16 => self.scatter::<16>(out),
            _ => self.scatter::<0>(out),
        }
        Ok(())
    }

    /// Write the entries to `out`. `N` is the size of an item if it is 1, 2, 4, 8 or 16, which
    /// makes a copy one move; else 0.
    fn scatter<const N: usize>(&self, out: &mut [u8]) {
        match &self.coo.columns {
            Numbers::Narrow(columns) => self.scatter_from::<N, _>(columns, out),
            Numbers::Wide(columns) => self.scatter_from::<N, _>(columns, out),
        }
    }

    fn scatter_from<const N: usize, C: Number>(&self, columns: &[C], out: &mut [u8]) {
        let itemsize = if N > 0 { N } else { self.coo.itemsize };
        for Segment { entries, target } in &self.segments {
            let items = self.coo.data[entries.start * itemsize..].chunks_exact(itemsize);
            let row = &mut out[*target..];
            for (column, item) in columns[entries.clone()].iter().zip(items) {
                row[(column.at() - self.columns.start) * itemsize..][..itemsize].copy_from_slice(item);
            }
        }
    }

    /// The entries of the box, row by row.
    fn find(&self, start: &[usize]) -> Vec<Segment> {
        let (planes, first_row, rows_a_plane, row_nbytes) = self.planes(start);
        let rows = &self.coo.rows;
        let mut segments = Vec::new();
        walk(&planes, first_row.cast_signed(), 0, &mut |first_row, target| {
            let first_row = first_row.cast_unsigned();
            let found = rows.within(0..rows.len(), &(first_row..first_row + rows_a_plane));
            for i in found {
                let entries = self.coo.columns.within(self.coo.starts.get(i)..self.coo.starts.get(i + 1), &self.columns);
                if !entries.is_empty() {
                    segments.push(Segment { entries, target: target + (rows.get(i) - first_row) * row_nbytes });
                }
            }
        });
        segments
    }

    /// The box as planes of consecutive rows: the axes over the planes (strides in rows), the first
    /// row, the rows of a plane, and the bytes of a row of the chunk.
    fn planes(&self, start: &[usize]) -> (Vec<Axis>, usize, usize, usize) {
        let row_nbytes = self.chunk_shape.last().map_or(self.coo.itemsize, |n| n * self.coo.itemsize);
        let (mut rows, mut pitch, mut first_row) = (1, row_nbytes, 0);
        let mut axes = Vec::new();
        for i in (0..start.len().saturating_sub(1)).rev() {
            let full = self.chunk_shape[i];
            axes.push(Axis { len: self.inside[i], full, stride: rows, pitch });
            first_row += start[i] * rows.cast_unsigned();
            rows *= self.coo.shape[i].cast_signed();
            pitch *= full;
        }
        let rows_a_plane = if axes.is_empty() { 1 } else { axes.remove(0).len };
        axes.reverse();
        (axes, first_row, rows_a_plane, row_nbytes)
    }
}
