//! LZ4 blocks that repeat one item.

use super::block::{Block, LAST_LITERALS, MAX_DISTANCE, TAIL};

/// Write the block of `nbytes` bytes that repeat `item`: one match of all but its first item. None
/// if it does not fit, or is too short for a match.
pub fn repeated(item: &[u8], nbytes: usize, out: &mut [u8]) -> Option<usize> {
    let len = nbytes.checked_sub(item.len() + LAST_LITERALS).filter(|&len| len + LAST_LITERALS >= TAIL)?;
    if item.is_empty() || item.len() > MAX_DISTANCE {
        return None;
    }
    let mut block = Block::new(out);
    block.sequence(item, 0..item.len(), item.len(), len)?;
    let last: [u8; LAST_LITERALS] = std::array::from_fn(|i| item[(nbytes - LAST_LITERALS + i) % item.len()]);
    block.finish(&last, 0).map(|made| made.nbytes)
}

#[cfg(test)]
mod tests {
    use super::super::{bound, tests::decoded};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn repetitions_have_a_closed_form(item in prop::collection::vec(any::<u8>(), 1..40), count in 1_usize..3000) {
            let data = item.repeat(count);
            let mut out = vec![0xAA; bound(data.len())];
            match repeated(&item, data.len(), &mut out) {
                None => prop_assert!(data.len() < item.len() + TAIL),
                Some(n) => {
                    prop_assert_eq!(decoded(&out[..n], data.len()), data);
                    prop_assert!(n <= 24 + item.len() + count * item.len() / 255);
                }
            }
        }
    }
}
