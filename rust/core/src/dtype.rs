//! Item types in numpy's spelling: their size, byte order and sum.

use crate::error::{Error, Result};

/// How two items are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bool,
    Integer,
    Float,
    Complex,
    /// Neither numbers nor booleans, so they cannot be added.
    Opaque,
}

/// An item's size, byte order and sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dtype {
    kind: Kind,
    itemsize: usize,
    /// Width in bytes of the units whose bytes are reversed to get little endian; 1 for none.
    swap: usize,
}

impl Dtype {
    /// Read a spelling like `<f8`, `|b1` or `>M8[ns]`.
    ///
    /// ```
    /// # use tiled_zarr_core::Dtype;
    /// assert_eq!(Dtype::parse("<U3").unwrap().itemsize(), 12);
    /// assert!(Dtype::parse("float64").is_err());
    /// ```
    pub fn parse(spelling: &str) -> Result<Self> {
        let unknown = || Error::invalid(format!("dtype {spelling:?}: expected numpy's spelling of a fixed-size type, as in \"<f8\""));
        let mut rest = spelling.chars();
        let (Some(order), Some(letter)) = (rest.next(), rest.next()) else { return Err(unknown()) };
        let is_big = match order {
            '<' | '|' => false,
            '>' => true,
            '=' => cfg!(target_endian = "big"),
            _ => return Err(unknown()),
        };
        let rest = rest.as_str();
        let (size, _unit) = rest.split_at(rest.find('[').unwrap_or(rest.len()));
        let size: usize = size.parse().map_err(|_| unknown())?;
        let (kind, itemsize, unit) = match (letter, size) {
            ('b', 1) => (Kind::Bool, 1, 1),
            ('i' | 'u', 1 | 2 | 4 | 8) => (Kind::Integer, size, size),
            ('f', 2 | 4 | 8) => (Kind::Float, size, size),
            ('c', 8 | 16) => (Kind::Complex, size, size / 2),
            ('M' | 'm', 8) => (Kind::Opaque, size, size),
            ('S' | 'V', _) => (Kind::Opaque, size, 1),
            ('U', _) => (Kind::Opaque, size.checked_mul(4).ok_or_else(unknown)?, 4),
            _ => return Err(unknown()),
        };
        Ok(Self { kind, itemsize, swap: if is_big { unit } else { 1 } })
    }

    /// Bytes of an item.
    #[must_use]
    pub fn itemsize(&self) -> usize {
        self.itemsize
    }

    /// Width in bytes of the units whose bytes are reversed; 1 for none.
    pub(crate) fn swap(&self) -> usize {
        self.swap
    }

    /// Whether items can be added.
    pub(crate) fn has_sum(&self) -> bool {
        self.kind != Kind::Opaque
    }

    /// Add a little-endian `item` to `sum` as numpy does: integers wrap, half floats round each
    /// time, booleans are or-ed.
    pub(crate) fn add(&self, sum: &mut [u8], item: &[u8]) {
        match (self.kind, self.itemsize) {
            (Kind::Bool, _) => sum[0] |= item[0],
            (Kind::Integer, 1) => sum[0] = sum[0].wrapping_add(item[0]),
            (Kind::Integer, 2) => each(sum, item, |a, b| u16::from_le_bytes(a).wrapping_add(u16::from_le_bytes(b)).to_le_bytes()),
            (Kind::Integer, 4) => each(sum, item, |a, b| u32::from_le_bytes(a).wrapping_add(u32::from_le_bytes(b)).to_le_bytes()),
            (Kind::Integer, _) => each(sum, item, |a, b| u64::from_le_bytes(a).wrapping_add(u64::from_le_bytes(b)).to_le_bytes()),
            (Kind::Float, 2) => each(sum, item, |a, b| (half::f16::from_le_bytes(a) + half::f16::from_le_bytes(b)).to_le_bytes()),
            (Kind::Float, 4) | (Kind::Complex, 8) => each(sum, item, |a, b| (f32::from_le_bytes(a) + f32::from_le_bytes(b)).to_le_bytes()),
            (Kind::Float | Kind::Complex, _) => each(sum, item, |a, b| (f64::from_le_bytes(a) + f64::from_le_bytes(b)).to_le_bytes()),
            (Kind::Opaque, _) => unreachable!("the caller asks has_sum"),
        }
    }
}

/// Replace every `N` bytes of `sum` by their sum with the same bytes of `item`.
fn each<const N: usize>(sum: &mut [u8], item: &[u8], add: impl Fn([u8; N], [u8; N]) -> [u8; N]) {
    for (sum, &item) in sum.as_chunks_mut().0.iter_mut().zip(item.as_chunks().0) {
        *sum = add(*sum, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        for (spelling, itemsize, swap) in
            [("|b1", 1, 1), ("<f8", 8, 1), (">f8", 8, 8), (">c16", 16, 8), (">M8[ns]", 8, 8), ("|S5", 5, 1), (">U2", 8, 4)]
        {
            let dtype = Dtype::parse(spelling).unwrap();
            assert_eq!((dtype.itemsize(), dtype.swap()), (itemsize, swap), "{spelling}");
        }
        for spelling in ["", "<", "f8", "<f", "<f3", "<f16", "|O", "<i-1", "\u{e9}f8", "<\u{e9}"] {
            assert!(Dtype::parse(spelling).is_err(), "{spelling}");
        }
    }

    #[test]
    fn sums() {
        let sum = |spelling: &str, a: &[u8], b: &[u8]| {
            let mut sum = a.to_vec();
            Dtype::parse(spelling).unwrap().add(&mut sum, b);
            sum
        };
        assert_eq!(sum("|b1", &[1], &[1]), [1]);
        assert_eq!(sum("|i1", &[127], &[1]), [128]);
        assert_eq!(sum("<u2", &[255, 255], &[2, 0]), [1, 0]);
        assert_eq!(sum("<i4", &[255; 4], &[1, 0, 0, 0]), [0; 4]);
        assert_eq!(sum("<u8", &[255; 8], &[255; 8]), [254, 255, 255, 255, 255, 255, 255, 255]);
        assert_eq!(
            sum("<f2", &half::f16::from_f32(2048.0).to_le_bytes(), &half::f16::ONE.to_le_bytes()),
            half::f16::from_f32(2048.0).to_le_bytes()
        );
        assert_eq!(sum("<f4", &1.5_f32.to_le_bytes(), &2.0_f32.to_le_bytes()), 3.5_f32.to_le_bytes());
        let complex = |re: f64, im: f64| [re.to_le_bytes(), im.to_le_bytes()].concat();
        assert_eq!(sum("<c16", &complex(1.0, 2.0), &complex(3.0, 4.0)), complex(4.0, 6.0));
    }
}
