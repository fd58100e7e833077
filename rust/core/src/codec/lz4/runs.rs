//! LZ4 blocks whose matches are runs of one byte, found without any memory of what came before.
//!
//! The planes of bits of noisy numbers are random or hold long runs, and next to nothing in them repeats but these. All runs are found,
//! 64 bytes at a time, where a search for matches of any kind has to leave places out to be as quick.
#![expect(clippy::inline_always, reason = "the loop is made once for each kind of processor")]

use super::agreement::agreement;
use super::block::{Block, LAST_LITERALS, Made, TAIL};

/// Bytes that are compared with those before them at once.
const SPAN: usize = u64::BITS as usize;
/// The shortest match: one of four bytes saves a byte, and costs as much time as a long one.
const MATCH: usize = 7;

/// Write one block to the start of `out`; `None` where it does not fit.
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "calling a function made for processor features, once they were seen")]
pub fn encode(data: &[u8], out: &mut [u8]) -> Option<Made> {
    #[target_feature(enable = "avx2,bmi1,bmi2")]
    fn with_avx2(data: &[u8], out: &mut [u8]) -> Option<Made> {
        encode_by(|a, b| avx2::equal(a, b), data, out)
    }
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("bmi2") {
        // SAFETY: the only thing asked is that the processor has AVX2 and both BMI, which were just detected.
        return unsafe { with_avx2(data, out) };
    }
    encode_by(equal, data, out)
}

/// There are no vector instructions for this processor: words have to do.
#[cfg(not(target_arch = "x86_64"))]
pub fn encode(data: &[u8], out: &mut [u8]) -> Option<Made> {
    encode_by(equal, data, out)
}

/// The same, where `equal` has a bit for each place at which two bytes are equal.
#[inline(always)]
fn encode_by(equal: impl Fn(&[u8; SPAN], &[u8; SPAN]) -> u64, data: &[u8], out: &mut [u8]) -> Option<Made> {
    let matchable = &data[..data.len().saturating_sub(LAST_LITERALS)];
    let mut block = Block::new(out);
    let (mut at, mut literals) = (1, 0);
    while at + SPAN + TAIL <= data.len() {
        let (Some(before), Some(here)) = (data[at - 1..].first_chunk(), data[at..].first_chunk()) else { break };
        let same = equal(before, here);
        let starts = starts(same);
        if starts == 0 {
            at += SPAN - MATCH + 1;
            continue;
        }
        let skipped = starts.trailing_zeros();
        let start = at + skipped as usize;
        let mut end = start + (!(same >> skipped)).trailing_zeros() as usize;
        if end == at + SPAN {
            end += agreement(&data[end - 1..], &matchable[end..]);
        }
        block.sequence(data, literals..start, 1, end - start)?;
        literals = end;
        at = end + 1;
    }
    block.finish(data, literals)
}

/// The places where as many bits as a match has bytes begin that are all set.
#[inline(always)]
fn starts(bits: u64) -> u64 {
    const _: () = assert!(MATCH == 7, "three steps: of 2, 4, and 7 bits");
    let two = bits & bits >> 1;
    let four = two & two >> 2;
    four & four >> 3
}

/// The places where two bytes are equal, eight at a time.
fn equal(a: &[u8; SPAN], b: &[u8; SPAN]) -> u64 {
    const LOW: u64 = 0x7F7F_7F7F_7F7F_7F7F;
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let words = a.as_chunks().0.iter().zip(b.as_chunks().0);
    words.enumerate().fold(0, |bits, (i, (a, b))| {
        let differs = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        let zeros = !(((differs & LOW) + LOW) | differs | LOW) >> 7;
        bits | zeros.wrapping_mul(GATHER) >> 56 << (8 * i)
    })
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{__m256i, _mm256_cmpeq_epi8, _mm256_movemask_epi8};

    use super::SPAN;

    /// The places where two bytes are equal.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn equal(a: &[u8; SPAN], b: &[u8; SPAN]) -> u64 {
        let ([a, c], [b, d]): ([__m256i; 2], [__m256i; 2]) = (bytemuck::cast(*a), bytemuck::cast(*b));
        let [low, high] = [(a, b), (c, d)].map(|(a, b)| u64::from(_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, b)).cast_unsigned()));
        high << 32 | low
    }
}

#[cfg(test)]
mod tests {
    use super::super::{bound, tests};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_decoded_by_the_c_library(data in tests::data()) {
            let mut out = vec![0xAA; bound(data.len())];
            let made = encode(&data, &mut out).unwrap();
            prop_assert_eq!(tests::decoded(&out[..made.nbytes], data.len()), &data[..]);
            let mut exact = vec![0; made.nbytes];
            prop_assert_eq!(encode(&data, &mut exact), Some(made));
            prop_assert_eq!(&exact, &out[..made.nbytes]);
            prop_assert_eq!(encode(&data, &mut exact[..made.nbytes - 1]), None);
            prop_assert_eq!(encode_by(equal, &data, &mut exact), Some(made));
            prop_assert_eq!(&exact, &out[..made.nbytes]);
        }

        #[test]
        fn finds_every_run(runs in prop::collection::vec((any::<u8>(), 1_usize..12), 0..200)) {
            let data: Vec<u8> = runs.iter().flat_map(|&(byte, n)| vec![byte; n]).collect();
            let len = data.len().saturating_sub(SPAN + TAIL);
            let found = data[..len].chunk_by(|a, b| a == b).filter(|run| run.len() > MATCH).count();
            let made = encode(&data, &mut vec![0; bound(data.len())]).unwrap();
            prop_assert!(made.sequences >= found);
        }
    }
}
