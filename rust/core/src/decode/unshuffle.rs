//! The byte shuffle (codec/shuffle.rs) undone.

use crate::cpu;

/// Undo the byte shuffle of `source` into `target`, which has the same length. Bytes behind the
/// last whole item are copied.
pub fn unshuffle(typesize: usize, source: &[u8], target: &mut [u8]) {
    assert_eq!(source.len(), target.len(), "a shuffle changes no length");
    let whole = source.len() / typesize * typesize;
    target[whole..].copy_from_slice(&source[whole..]);
    let (source, target) = (&source[..whole], &mut target[..whole]);
    let done = cpu::unshuffle(typesize, source, target);
    naive(typesize, source, target, done);
}

/// Unshuffle the items from number `from` on, one plane after the other.
fn naive(typesize: usize, source: &[u8], target: &mut [u8], from: usize) {
    let n = source.len() / typesize;
    if from < n {
        for (j, plane) in source.chunks_exact(n).enumerate() {
            for (byte, item) in plane[from..].iter().zip(target[from * typesize..].chunks_exact_mut(typesize)) {
                item[j] = *byte;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::shuffle::shuffle;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn undoes_the_shuffle(typesize in prop::sample::select(vec![1_usize, 2, 3, 4, 6, 8, 12, 16, 32]), bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
            let mut shuffled = vec![0xAA; bytes.len()];
            shuffle(typesize, &bytes, &mut shuffled);
            let mut items = vec![0xAA; bytes.len()];
            unshuffle(typesize, &shuffled, &mut items);
            prop_assert_eq!(&items, &bytes);
            let whole = bytes.len() / typesize * typesize;
            naive(typesize, &shuffled[..whole], &mut items[..whole], 0);
            prop_assert_eq!(items, bytes);
        }
    }
}
