//! Halving of images: one pixel for each square of two by two. Lines have extremes of bins instead.
//!
//! A last row or column without a partner counts twice.

mod mean;
mod minmax;
mod number;
mod pixel;
mod rule;
mod squeeze;

use crate::error::{Error, Result};
use crate::gather::swap_units;
use crate::shape::nbytes;
use crate::view::View;
use minmax::Line;
pub use minmax::bins;
pub use number::Number;
pub use rule::Rule;
use squeeze::Squeeze;

/// The shape of a halved block: its last two axes half as long, rounded up.
///
/// ```
/// # use tiled_zarr_core::pyramid::halved;
/// assert_eq!(halved(&[3, 5, 4]), [3, 3, 2]);
/// ```
#[must_use]
pub fn halved(shape: &[usize]) -> Vec<usize> {
    let leading = shape.len().saturating_sub(2);
    shape.iter().enumerate().map(|(axis, &n)| if axis < leading { n } else { n.div_ceil(2) }).collect()
}

/// Halve the last two axes of a block of numbers into `out`, in C order and little endian; every
/// byte of `out` is written.
///
/// `out` has exactly the size of the halved block. Refused if there are fewer than two axes, or
/// items and numbers differ in size.
pub fn halve(block: &View, number: Number, rule: Rule, out: &mut [u8]) -> Result<()> {
    if block.shape().len() < 2 {
        return Err(Error::invalid(format!("block has {} axes: the last two are halved, so there must be two", block.shape().len())));
    }
    if block.itemsize() != number.itemsize() {
        return Err(Error::invalid(format!("block has items of {} bytes, its numbers have {}", block.itemsize(), number.itemsize())));
    }
    assert_eq!(out.len(), nbytes(&halved(block.shape()), number.itemsize())?, "the halved block's size");
    if out.is_empty() {
        return Ok(());
    }
    let squeeze = number.squeeze(rule);
    let (leading, plane) = block.shape().split_at(block.shape().len() - 2);
    let size = plane[0].div_ceil(2) * plane[1].div_ceil(2) * number.itemsize();
    let mut rows = Rows::new(block, number.swap());
    for (i, out) in out.chunks_exact_mut(size).enumerate() {
        rows.halve(offset(leading, block.strides(), i), squeeze, out);
    }
    Ok(())
}

/// Write the smallest and the largest number of each bin of a line, in pairs, little endian.
///
/// `out` has exactly two numbers for each bin. `mark` is one item, little endian. Refused if the
/// line has not one axis, `factor` is 0, or items, numbers and mark differ in size.
pub fn minmax(line: &View, number: Number, factor: usize, mark: Option<&[u8]>, out: &mut [u8]) -> Result<()> {
    let &[n] = line.shape() else {
        return Err(Error::invalid(format!("block has {} axes: a line has one", line.shape().len())));
    };
    let itemsize = number.itemsize();
    if factor == 0 {
        return Err(Error::invalid("factor 0: a bin has at least one number".to_owned()));
    }
    if let Some(other) = [line.itemsize(), mark.map_or(itemsize, <[u8]>::len)].into_iter().find(|&size| size != itemsize) {
        return Err(Error::invalid(format!("items or mark of {other} bytes, numbers of {itemsize}")));
    }
    assert_eq!(out.len(), bins(n, factor) * 2 * itemsize, "two numbers for each bin");
    number.extremes()(&Line { view: line, swap: number.swap() }, factor, mark, out);
    Ok(())
}

/// Bytes from the first plane to plane `i` in C order.
fn offset(leading: &[usize], strides: &[isize], mut i: usize) -> isize {
    let mut offset = 0;
    for (&n, &stride) in leading.iter().zip(strides).rev() {
        offset += isize::try_from(i % n).expect("an index is below isize::MAX") * stride;
        i /= n;
    }
    offset
}

/// The rows of a block's planes, little endian and contiguous.
struct Rows<'a> {
    block: &'a View<'a>,
    /// Width in bytes of the units whose bytes are reversed; 1 for none.
    swap: usize,
    /// Copies of two rows that are not contiguous or not little endian.
    copies: [Vec<u8>; 2],
}

impl<'a> Rows<'a> {
    fn new(block: &'a View<'a>, swap: usize) -> Self {
        Self { block, swap, copies: [Vec::new(), Vec::new()] }
    }

    /// Halve the plane whose first item lies `offset` bytes from the block's first.
    fn halve(&mut self, offset: isize, squeeze: Squeeze, out: &mut [u8]) {
        let [height, width] = *self.block.shape().last_chunk().expect("two axes");
        let row_size = width.div_ceil(2) * self.block.itemsize();
        let mut copies = std::mem::take(&mut self.copies);
        for (y, out) in out.chunks_exact_mut(row_size).enumerate() {
            let [first, second] = &mut copies;
            let top = self.row(offset, 2 * y, first);
            let bottom = if 2 * y + 1 < height { self.row(offset, 2 * y + 1, second) } else { top };
            squeeze(top, bottom, out);
        }
        self.copies = copies;
    }

    /// Row `y` of a plane: in the block's memory if it is contiguous and little endian, else in
    /// `copy`.
    fn row<'b>(&'b self, offset: isize, y: usize, copy: &'b mut Vec<u8>) -> &'b [u8] {
        let [_, width] = *self.block.shape().last_chunk().expect("two axes");
        let [down, aside] = *self.block.strides().last_chunk().expect("two axes");
        let itemsize = self.block.itemsize();
        let at = |x: usize| {
            let step = |n: usize, stride: isize| isize::try_from(n).expect("an index is below isize::MAX") * stride;
            self.block.origin().checked_add_signed(offset + step(y, down) + step(x, aside)).expect("a view lies inside its memory")
        };
        let data = self.block.data();
        let is_packed = width < 2 || aside.unsigned_abs() == itemsize && aside > 0;
        if is_packed && self.swap == 1 {
            return &data[at(0)..][..width * itemsize];
        }
        copy.clear();
        if is_packed {
            copy.extend_from_slice(&data[at(0)..][..width * itemsize]);
        } else {
            (0..width).for_each(|x| copy.extend_from_slice(&data[at(x)..][..itemsize]));
        }
        if self.swap > 1 {
            swap_units(copy, self.swap);
        }
        copy
    }
}

#[cfg(test)]
mod tests;
