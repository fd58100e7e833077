//! A strided window on memory, in the sense of Python's buffer protocol.

use crate::error::{Error, Result};

/// Items of `itemsize` bytes at any strides (bytes; negative and zero too), all inside `data`.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    data: &'a [u8],
    origin: usize,
    shape: &'a [usize],
    strides: &'a [isize],
    itemsize: usize,
}

impl<'a> View<'a> {
    /// A window whose first item lies at `data[origin..]`. Refused if an item would lie outside
    /// `data`.
    pub fn new(data: &'a [u8], origin: usize, shape: &'a [usize], strides: &'a [isize], itemsize: usize) -> Result<Self> {
        let fits = extent(shape, strides, itemsize)
            .is_some_and(|(below, above)| below <= origin && origin.checked_add(above).is_some_and(|end| end <= data.len()));
        if shape.len() != strides.len() || !fits {
            return Err(Error::invalid(format!(
                "view of shape {shape:?} with strides {strides:?} from byte {origin} leaves its {} bytes",
                data.len()
            )));
        }
        Ok(Self { data, origin, shape, strides, itemsize })
    }

    /// The memory that all items lie in.
    pub(crate) fn data(&self) -> &'a [u8] {
        self.data
    }

    /// The offset of the first item in `data`.
    pub(crate) fn origin(&self) -> usize {
        self.origin
    }

    /// Elements along each axis.
    #[must_use]
    pub fn shape(&self) -> &'a [usize] {
        self.shape
    }

    /// Bytes from an item to the next along each axis.
    #[must_use]
    pub fn strides(&self) -> &'a [isize] {
        self.strides
    }

    /// Bytes of an item.
    #[must_use]
    pub fn itemsize(&self) -> usize {
        self.itemsize
    }
}

/// How far items reach below and above the start of the first item, in bytes. None if that
/// overflows.
///
/// ```
/// # use tiled_zarr_core::view::extent;
/// assert_eq!(extent(&[3, 2], &[-4, 2], 2), Some((8, 4)));
/// assert_eq!(extent(&[3, 0], &[-4, 2], 2), Some((0, 0)));
/// ```
#[must_use]
pub fn extent(shape: &[usize], strides: &[isize], itemsize: usize) -> Option<(usize, usize)> {
    if shape.contains(&0) {
        return Some((0, 0));
    }
    let (mut below, mut above) = (0_usize, itemsize);
    for (&n, &stride) in shape.iter().zip(strides) {
        let reach = (n - 1).checked_mul(stride.unsigned_abs())?;
        let side = if stride < 0 { &mut below } else { &mut above };
        *side = side.checked_add(reach)?;
    }
    isize::try_from(below.checked_add(above)?).ok()?;
    Some((below, above))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_lies_inside() {
        let data = [0; 12];
        assert!(View::new(&data, 0, &[3, 2], &[4, 2], 2).is_ok());
        assert!(View::new(&data, 8, &[3, 2], &[-4, 2], 2).is_ok());
        assert!(View::new(&data, 10, &[1000], &[0], 2).is_ok());
        assert!(View::new(&data, 12, &[0, 5], &[99, 99], 2).is_ok());
        assert!(View::new(&data, 11, &[], &[], 2).is_err());
        assert!(View::new(&data, 7, &[3, 2], &[-4, 2], 2).is_err());
        assert!(View::new(&data, 0, &[4, 2], &[4, 2], 2).is_err());
        assert!(View::new(&data, 0, &[usize::MAX], &[isize::MIN], 2).is_err());
        assert!(View::new(&data, 0, &[1], &[], 1).is_err());
    }
}
