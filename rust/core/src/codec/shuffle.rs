//! Byte shuffle: all first bytes of the items, then all second bytes, and so on; bytes beyond the last item stay as they are.

/// Write the shuffled items of `source` to `target`, which is as long.
pub fn shuffle(typesize: usize, source: &[u8], target: &mut [u8]) {
    match typesize {
        2 => fixed::<2>(source, target),
        4 => fixed::<4>(source, target),
        8 => fixed::<8>(source, target),
        16 => fixed::<16>(source, target),
        _ => naive(typesize, source, target),
    }
}

fn fixed<const N: usize>(source: &[u8], target: &mut [u8]) {
    naive(N, source, target);
}

/// Any size of item, one plane at a time.
fn naive(typesize: usize, source: &[u8], target: &mut [u8]) {
    let n = source.len() / typesize;
    let whole = n * typesize;
    if n > 0 {
        for (j, plane) in target[..whole].chunks_exact_mut(n).enumerate() {
            for (to, item) in plane.iter_mut().zip(source.chunks_exact(typesize)) {
                *to = item[j];
            }
        }
    }
    target[whole..].copy_from_slice(&source[whole..]);
}
