//! Pixel types.

use half::f16;

use super::minmax::{self, Bins};
use super::pixel::Pixel;
use super::rule::{self, Rule};
use super::squeeze::{Squeeze, squeeze};
use crate::error::{Error, Result};

/// A type of integers or floats, with its byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number {
    kind: Kind,
    is_big: bool,
}

macro_rules! kinds {
    ($($kind:ident, $type:ty, $letter:literal;)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum Kind { $($kind),* }

        impl Kind {
            /// The type with this letter and size in bytes.
            fn of(letter: char, size: usize) -> Option<Self> {
                match (letter, size) {
                    $(($letter, n) if n == size_of::<$type>() => Some(Self::$kind),)*
                    _ => None,
                }
            }

            fn itemsize(self) -> usize {
                match self { $(Self::$kind => size_of::<$type>()),* }
            }

            fn squeeze(self, rule: Rule) -> Squeeze {
                match self { $(Self::$kind => of::<$type>(rule)),* }
            }

            fn extremes(self) -> Bins {
                match self { $(Self::$kind => minmax::each::<$type, { minmax::STEP / size_of::<$type>() }>),* }
            }
        }

        $(impl Pixel for $type {
            fn get(bytes: &[u8]) -> Self {
                Self::from_le_bytes(bytes.try_into().expect("an item's bytes"))
            }

            fn put(self, bytes: &mut [u8]) {
                bytes.copy_from_slice(&self.to_le_bytes());
            }
        })*
    };
}

kinds! {
    U8, u8, 'u';
    U16, u16, 'u';
    U32, u32, 'u';
    U64, u64, 'u';
    I8, i8, 'i';
    I16, i16, 'i';
    I32, i32, 'i';
    I64, i64, 'i';
    F16, f16, 'f';
    F32, f32, 'f';
    F64, f64, 'f';
}

fn of<P: Pixel>(rule: Rule) -> Squeeze {
    match rule {
        Rule::Mean => |top, bottom, out| squeeze::<P>(top, bottom, out, P::mean),
        Rule::Mode => |top, bottom, out| squeeze::<P>(top, bottom, out, rule::mode),
        Rule::Nearest => |top, bottom, out| squeeze::<P>(top, bottom, out, |a, _, _, _| a),
    }
}

impl Number {
    /// Read numpy's spelling, like `<f4`, `|u1` or `>i2`.
    ///
    /// ```
    /// # use tiled_zarr_core::pyramid::Number;
    /// assert_eq!(Number::parse(">u2").unwrap().itemsize(), 2);
    /// assert!(Number::parse("<c8").is_err());
    /// ```
    pub fn parse(spelling: &str) -> Result<Self> {
        let unknown = || Error::invalid(format!("dtype {spelling:?}: expected integers or floats in numpy's spelling, as in \"<u2\""));
        let mut rest = spelling.chars();
        let (Some(order), Some(letter)) = (rest.next(), rest.next()) else { return Err(unknown()) };
        let is_big = match order {
            '<' | '|' => false,
            '>' => true,
            _ => return Err(unknown()),
        };
        let size = rest.as_str().parse().map_err(|_| unknown())?;
        let kind = Kind::of(letter, size).ok_or_else(unknown)?;
        Ok(Self { kind, is_big })
    }

    /// Bytes of an item.
    #[must_use]
    pub fn itemsize(self) -> usize {
        self.kind.itemsize()
    }

    /// Width in bytes of the units whose bytes are reversed; 1 for none.
    pub(super) fn swap(self) -> usize {
        if self.is_big { self.itemsize() } else { 1 }
    }

    /// The function that makes one row of two.
    pub(super) fn squeeze(self, rule: Rule) -> Squeeze {
        self.kind.squeeze(rule)
    }

    /// The function that finds the extremes of a bin.
    pub(super) fn extremes(self) -> Bins {
        self.kind.extremes()
    }
}
