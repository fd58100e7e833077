//! What becomes of the four pixels of a square.

/// How a square becomes a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The mean: of integers rounded half up, of floats over those that are numbers.
    Mean,
    /// The commonest value, the smallest of equally common ones; NaN only where there is nothing else.
    Mode,
    /// The top left pixel.
    Nearest,
}

/// The commonest of four, the smallest of equally common ones.
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

/// The smaller first; what is no number counts as largest.
fn sorted<P: Copy + PartialOrd>(a: P, b: P) -> (P, P) {
    #[expect(clippy::eq_op, reason = "only NaN differs from itself")]
    let is_swapped = b < a || a != a;
    if is_swapped { (b, a) } else { (a, b) }
}
