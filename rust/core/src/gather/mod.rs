//! A strided block copied into a chunk in C order, padded with zero bytes at the end of every axis.

mod axis;
mod constant;
mod copy;
mod layout;
mod swap;

pub(crate) use axis::{Axis, check_fit, merge, walk};
pub(crate) use constant::constant;
pub(crate) use copy::items as copy_items;
pub use layout::{Layout, Run};
pub(crate) use swap::units as swap_units;

use crate::error::Result;
use crate::view::View;

/// Fill `out` with the chunk of `chunk_shape` that starts with `block`; every byte of `out` is
/// written.
///
/// `out` has exactly the chunk's size. Refused if the axes differ in number or the block is larger
/// than the chunk.
pub fn gather(block: &View, chunk_shape: &[usize], layout: &Layout, out: &mut [u8]) -> Result<()> {
    let axes = Axis::all(block, chunk_shape, layout.itemsize())?;
    assert_eq!(out.len(), crate::shape::nbytes(chunk_shape, layout.itemsize())?, "the chunk's size");
    if out.is_empty() {
        return Ok(());
    }
    axis::pad(&axes, out);
    if block.shape().contains(&0) {
        return Ok(());
    }
    let axes = axis::merge(&axes);
    match layout {
        Layout::Whole(itemsize) => copy::items(block, &axes, *itemsize, out),
        Layout::Swapped { itemsize, unit } => {
            copy::items(block, &axes, *itemsize, out);
            swap::units(out, *unit);
        }
        Layout::Packed { runs, .. } => layout::pack(block, &axes, runs, out),
    }
    Ok(())
}

#[cfg(test)]
mod tests;
