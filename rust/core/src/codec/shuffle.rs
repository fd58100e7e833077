//! Byte shuffle: the first byte of every item, then the second byte of every item, and so on. Bytes
//! behind the last whole item are copied unchanged.

use crate::cpu;

/// Shuffle the items of `source` into `target`, which has the same length.
pub fn shuffle(typesize: usize, source: &[u8], target: &mut [u8]) {
    assert_eq!(source.len(), target.len(), "a shuffle changes no length");
    let whole = source.len() / typesize * typesize;
    target[whole..].copy_from_slice(&source[whole..]);
    let (source, target) = (&source[..whole], &mut target[..whole]);
    let done = cpu::shuffle(typesize, source, target);
    naive(typesize, source, target, done);
}

/// Shuffle the items from number `from` on, one plane after the other.
fn naive(typesize: usize, source: &[u8], target: &mut [u8], from: usize) {
    let n = source.len() / typesize;
    if from < n {
        for (j, plane) in target.chunks_exact_mut(n).enumerate() {
            for (to, item) in plane[from..].iter_mut().zip(source[from * typesize..].chunks_exact(typesize)) {
                *to = item[j];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_index_arithmetic(typesize in prop::sample::select(vec![1_usize, 2, 3, 4, 6, 8, 12, 16, 32]), bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
            let n = bytes.len() / typesize;
            let place = |i: usize| if i < n * typesize { i % n * typesize + i / n } else { i };
            let expected: Vec<u8> = (0..bytes.len()).map(|i| bytes[place(i)]).collect();
            let mut shuffled = vec![0xAA; bytes.len()];
            shuffle(typesize, &bytes, &mut shuffled);
            prop_assert_eq!(&shuffled, &expected);
            let whole = n * typesize;
            naive(typesize, &bytes[..whole], &mut shuffled[..whole], 0);
            prop_assert_eq!(shuffled, expected);
        }
    }
}
