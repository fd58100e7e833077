//! Sizes of boxes of items, checked before memory is taken.

use crate::error::{Error, Result};
use crate::limits::MAX_NBYTES;

/// Bytes of a box of `shape` elements of `itemsize` bytes, at most [`MAX_NBYTES`].
pub fn nbytes(shape: &[usize], itemsize: usize) -> Result<usize> {
    if itemsize == 0 || shape.contains(&0) {
        return Ok(0);
    }
    let product = shape.iter().try_fold(itemsize, |product, &n| product.checked_mul(n));
    match product {
        Some(nbytes) if nbytes <= MAX_NBYTES => Ok(nbytes),
        other => Err(Error::TooLarge(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_up_to_the_limit() {
        assert_eq!(nbytes(&[], 8), Ok(8));
        assert_eq!(nbytes(&[3, 4], 2), Ok(24));
        assert_eq!(nbytes(&[usize::MAX, 0, 7], 2), Ok(0));
        assert_eq!(nbytes(&[MAX_NBYTES], 1), Ok(MAX_NBYTES));
        assert_eq!(nbytes(&[MAX_NBYTES + 1], 1), Err(Error::TooLarge(Some(MAX_NBYTES + 1))));
        assert_eq!(nbytes(&[usize::MAX, 2], 1), Err(Error::TooLarge(None)));
    }
}
