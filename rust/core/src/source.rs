//! Where the bytes of a chunk come from.

use crate::error::Result;
use crate::gather::{Axis, Layout, gather, merge};
use crate::rows::Rows;
use crate::scratch::Scratch;
use crate::shape;
use crate::view::View;

/// A chunk in C order that is read block by block, so that each block stays in the cache while it
/// is compressed.
pub trait Source {
    /// Bytes of the chunk.
    fn nbytes(&self) -> usize;

    /// Bytes of a granule, the unit of reading; they divide the chunk.
    fn granule(&self) -> usize;

    /// `nbytes` bytes from `start` on, both whole granules. They may lie in `scratch`.
    fn read<'a>(&'a self, start: usize, nbytes: usize, scratch: &'a mut Scratch) -> Result<&'a [u8]>;

    /// The same bytes as rows of the source's memory. None if they are no whole rows there.
    fn rows(&self, _start: usize, _nbytes: usize) -> Option<Rows<'_>> {
        None
    }
}

impl Source for &[u8] {
    fn nbytes(&self) -> usize {
        self.len()
    }

    fn granule(&self) -> usize {
        1
    }

    fn read<'a>(&'a self, start: usize, nbytes: usize, _scratch: &'a mut Scratch) -> Result<&'a [u8]> {
        Ok(&self[start..][..nbytes])
    }
}

/// A chunk that is gathered from a block, in granules of one step along its first axis.
pub struct Gathered<'a> {
    block: &'a View<'a>,
    chunk_shape: &'a [usize],
    layout: &'a Layout,
    /// The first axis along which the chunk has more than one element.
    axis: usize,
    nbytes: usize,
}

impl<'a> Gathered<'a> {
    /// The chunk of `chunk_shape` that starts with `block`, which fits into it.
    pub fn new(block: &'a View, chunk_shape: &'a [usize], layout: &'a Layout) -> Result<Self> {
        let nbytes = shape::nbytes(chunk_shape, layout.itemsize())?;
        let axis = chunk_shape.iter().position(|&n| n > 1).unwrap_or(chunk_shape.len());
        Ok(Self { block, chunk_shape, layout, axis, nbytes })
    }
}

impl Source for Gathered<'_> {
    fn nbytes(&self) -> usize {
        self.nbytes
    }

    fn granule(&self) -> usize {
        self.nbytes / self.chunk_shape.get(self.axis).copied().unwrap_or(1)
    }

    fn read<'a>(&'a self, start: usize, nbytes: usize, scratch: &'a mut Scratch) -> Result<&'a [u8]> {
        let out = scratch.take(nbytes)?;
        if nbytes == self.nbytes {
            gather(self.block, self.chunk_shape, self.layout, out)?;
            return Ok(out);
        }
        let (first, n) = (start / self.granule(), nbytes / self.granule());
        let (mut shape, mut chunk_shape) = (self.block.shape().to_vec(), self.chunk_shape.to_vec());
        chunk_shape[self.axis] = n;
        shape[self.axis] = shape[self.axis].saturating_sub(first).min(n);
        if shape.contains(&0) {
            out.fill(0);
            return Ok(out);
        }
        let rows = self.block.strides()[self.axis].wrapping_mul(first.cast_signed());
        let origin = self.block.origin().wrapping_add_signed(rows);
        let block = View::new(self.block.data(), origin, &shape, self.block.strides(), self.block.itemsize())?;
        gather(&block, &chunk_shape, self.layout, out)?;
        Ok(out)
    }

    fn rows(&self, start: usize, nbytes: usize) -> Option<Rows<'_>> {
        let Layout::Whole(itemsize) = *self.layout else { return None };
        let axes = Axis::all(self.block, self.chunk_shape, itemsize).ok()?;
        let is_padded = axes.iter().any(|axis| axis.len < axis.full);
        let [outer, inner] = merge(&axes)[..] else { return None };
        let row = inner.len * itemsize;
        let is_whole = start.is_multiple_of(row) && nbytes.is_multiple_of(row);
        if is_padded || !is_whole || inner.stride != itemsize.cast_signed() {
            return None;
        }
        let first = self.block.origin().cast_signed() + outer.stride * (start / row).cast_signed();
        Some(Rows::new(self.block.data(), first.cast_unsigned(), outer.stride, row, nbytes / row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_are_those_of_the_whole(
            axes in prop::collection::vec((0_usize..5, 0_usize..3), 1..4),
            rows in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
            is_backwards in any::<bool>(),
        ) {
            let shape: Vec<usize> = axes.iter().map(|axis| axis.0).collect();
            let chunk_shape: Vec<usize> = axes.iter().map(|axis| axis.0 + axis.1).collect();
            let data: Vec<u8> = (1..=250).cycle().take(2 * shape.iter().product::<usize>()).collect();
            let mut strides = vec![2_isize; shape.len()];
            for i in (1..shape.len()).rev() {
                strides[i - 1] = strides[i] * shape[i].cast_signed();
            }
            let mut origin = 0;
            if is_backwards && !data.is_empty() {
                origin = data.len() - 2;
                for stride in &mut strides {
                    *stride = -*stride;
                }
            }
            let (block, layout) = (View::new(&data, origin, &shape, &strides, 2).unwrap(), Layout::Whole(2));
            let source = Gathered::new(&block, &chunk_shape, &layout).unwrap();
            let (mut all, mut part) = (Scratch::default(), Scratch::default());
            let whole = source.read(0, source.nbytes(), &mut all).unwrap();
            if source.nbytes() > 0 {
                let count = source.nbytes() / source.granule();
                let first = rows.0.index(count);
                let n = 1 + rows.1.index(count - first);
                let (start, nbytes) = (first * source.granule(), n * source.granule());
                prop_assert_eq!(source.read(start, nbytes, &mut part).unwrap(), &whole[start..start + nbytes]);
                if let Some(rows) = source.rows(start, nbytes) {
                    prop_assert_eq!(rows.iter().collect::<Vec<_>>().concat(), &whole[start..start + nbytes]);
                }
            }
        }
    }
}
