//! Byte order.

/// Reverse the bytes of every unit of `width` bytes.
pub fn units(bytes: &mut [u8], width: usize) {
    match width {
        2 => fixed::<2>(bytes),
        4 => fixed::<4>(bytes),
        8 => fixed::<8>(bytes),
        _ => bytes.chunks_exact_mut(width).for_each(<[u8]>::reverse),
    }
}

/// The same with a width that the compiler knows, which lets it use vector instructions.
fn fixed<const N: usize>(bytes: &mut [u8]) {
    bytes.as_chunks_mut::<N>().0.iter_mut().for_each(|unit| unit.reverse());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_a_loop_over_bytes(width in 1_usize..20, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let whole = bytes.len() / width * width;
            let expected: Vec<u8> = (0..whole).map(|i| bytes[i - i % width + (width - 1 - i % width)]).collect();
            let mut swapped = bytes[..whole].to_vec();
            units(&mut swapped, width);
            prop_assert_eq!(swapped, expected);
        }
    }
}
