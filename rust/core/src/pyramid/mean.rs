//! The mean of a square of pixels: of integers rounded half up, of floats without NaN.

use half::f16;

/// A pixel type with a mean.
pub trait Mean: Sized {
    /// The mean of four pixels.
    fn mean(a: Self, b: Self, c: Self, d: Self) -> Self;
}

macro_rules! integers {
    ($($narrow:ty => $wide:ty),*) => {
        $(impl Mean for $narrow {
            #[expect(clippy::cast_possible_truncation, reason = "a mean lies between its numbers")]
            fn mean(a: Self, b: Self, c: Self, d: Self) -> Self {
                let [a, b, c, d] = [a, b, c, d].map(<$wide>::from);
                ((a + b + c + d + 2) >> 2) as $narrow
            }
        })*
    };
}

integers!(u8 => u16, u16 => u32, u32 => u64, u64 => u128, i8 => i16, i16 => i32, i32 => i64, i64 => i128);

/// The mean of those that are not NaN; NaN if all are. Sums in f64 are exact enough for f32.
fn float(square: [f64; 4]) -> f64 {
    let [a, b, c, d] = square.map(|x| if x.is_nan() { 0.0 } else { x });
    let count = square.iter().map(|x| if x.is_nan() { 0.0 } else { 1.0 }).sum::<f64>();
    ((a + b) + (c + d)) / count
}

impl Mean for f16 {
    fn mean(a: Self, b: Self, c: Self, d: Self) -> Self {
        Self::from_f64(float([a, b, c, d].map(f64::from)))
    }
}

impl Mean for f32 {
    #[expect(clippy::cast_possible_truncation, reason = "rounded once, here")]
    fn mean(a: Self, b: Self, c: Self, d: Self) -> Self {
        float([a, b, c, d].map(f64::from)) as Self
    }
}

impl Mean for f64 {
    fn mean(a: Self, b: Self, c: Self, d: Self) -> Self {
        let mean = float([a, b, c, d]);
        // The sum of four large numbers may overflow although their mean does not.
        if mean.is_infinite() { 4.0 * float([a, b, c, d].map(|x| x / 4.0)) } else { mean }
    }
}
