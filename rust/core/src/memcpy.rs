//! Copies of long runs of bytes, 2 KiB at a time.
//!
//! Above a few KiB the C library copies with one `rep movsb`. On Zen 3 that is five times slower if
//! source and target are aligned differently, as they are here: the data of a Python bytes object
//! begin at an odd multiple of 16.

use std::mem::MaybeUninit;

/// Bytes per copy.
const STEP: usize = 2048;

/// Copy `from` to `to`, which has the same length.
pub fn copy(from: &[u8], to: &mut [u8]) {
    assert_eq!(from.len(), to.len(), "a copy is as long as its source");
    for (from, to) in from.chunks(STEP).zip(to.chunks_mut(STEP)) {
        to.copy_from_slice(from);
    }
}

/// The same to memory that may be uninitialized.
pub fn copy_to_new(from: &[u8], to: &mut [MaybeUninit<u8>]) {
    assert_eq!(from.len(), to.len(), "a copy is as long as its source");
    for (from, to) in from.chunks(STEP).zip(to.chunks_mut(STEP)) {
        for (from, to) in from.iter().zip(to) {
            to.write(*from);
        }
    }
}

/// Fill `to` with repetitions of `item`; its length is a multiple of the item's.
pub fn repeat(item: &[u8], to: &mut [u8]) {
    to[..item.len()].copy_from_slice(item);
    let mut done = item.len();
    while done < to.len() {
        let n = done.min(to.len() - done).min(STEP / item.len() * item.len()).max(item.len());
        to.copy_within(..n, done);
        done += n;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_leave_no_trace() {
        let from: Vec<u8> = (0..=250).cycle().take(3 * STEP + 7).collect();
        let mut to = vec![0; from.len()];
        copy(&from, &mut to);
        assert_eq!(to, from);
    }

    #[test]
    fn repeats_items_of_any_size() {
        for itemsize in [1, 3, 16, STEP - 1, STEP, STEP + 1] {
            let item: Vec<u8> = (0..=250).cycle().take(itemsize).collect();
            for count in [1, 2, 3, 1000] {
                let mut to = vec![0; itemsize * count];
                repeat(&item, &mut to);
                assert_eq!(to, item.repeat(count));
            }
        }
    }
}
