//! How four pixels become one.

/// The rule for a square of four pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The mean: of integers rounded half up, of floats without NaN.
    Mean,
    /// The most frequent value, the smallest among equals; NaN only if all are.
    Mode,
    /// The top left pixel.
    Nearest,
}

/// The most frequent of four values, the smallest among equals.
pub fn mode<P: Copy + PartialOrd>(a: P, b: P, c: P, d: P) -> P {
    let (a, b) = sorted(a, b);
    let (c, d) = sorted(c, d);
    let (a, c) = sorted(a, c);
    let (b, d) = sorted(b, d);
    let (b, c) = sorted(b, c);
    if a == b {
        a
    } else if b == c {
        b
    } else if c == d {
        c
    } else {
        a
    }
}

/// The two in ascending order; NaN is the largest.
fn sorted<P: Copy + PartialOrd>(a: P, b: P) -> (P, P) {
    #[expect(clippy::eq_op, reason = "only NaN differs from itself")]
    let is_swapped = b < a || a != a;
    if is_swapped { (b, a) } else { (a, b) }
}
