//! One row of pixels made of two.

use super::pixel::Pixel;

/// Makes one row of pixels of two rows of equal length, all little endian.
pub type Squeeze = fn(top: &[u8], bottom: &[u8], out: &mut [u8]);

/// Make one row of two; `merge` gets the pixels of a square as top left, top right, bottom left,
/// bottom right.
pub fn squeeze<P: Pixel>(top: &[u8], bottom: &[u8], out: &mut [u8], merge: impl Fn(P, P, P, P) -> P) {
    let size = size_of::<P>();
    let pairs = top.len() / (2 * size);
    let (top, last_top) = top.split_at(pairs * 2 * size);
    let (bottom, last_bottom) = bottom.split_at(pairs * 2 * size);
    let (out, last_out) = out.split_at_mut(pairs * size);
    for ((top, bottom), out) in top.chunks_exact(2 * size).zip(bottom.chunks_exact(2 * size)).zip(out.chunks_exact_mut(size)) {
        let (a, b) = top.split_at(size);
        let (c, d) = bottom.split_at(size);
        merge(P::get(a), P::get(b), P::get(c), P::get(d)).put(out);
    }
    if !last_out.is_empty() {
        let (a, c) = (P::get(last_top), P::get(last_bottom));
        merge(a, a, c, c).put(last_out);
    }
}
