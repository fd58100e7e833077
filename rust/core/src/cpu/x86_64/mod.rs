//! Which kernel an x86-64 processor runs.
#![expect(unsafe_code, reason = "kernels are called after their instructions were detected; a prefetch takes a pointer")]

mod bits;
mod equal;
mod items;
mod matrices;
mod planes;
mod repeats;
mod vectors;

use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

use super::compare::{self, Compare, LANES, SPAN};

/// Bytes of a cache line.
const LINE: usize = 64;

/// Byte-shuffle as many items as vectors can, from the first on. Returns how many.
pub fn shuffle(typesize: usize, source: &[u8], target: &mut [u8]) -> usize {
    if !is_x86_feature_detected!("avx2") {
        return 0;
    }
    // SAFETY: the functions ask for AVX2 alone, which was just detected.
    unsafe {
        match typesize {
            2 => planes::planes::<2>(source, target),
            4 => planes::planes::<4>(source, target),
            8 => planes::planes::<8>(source, target),
            16 => planes::planes::<16>(source, target),
            _ => 0,
        }
    }
}

/// Undo the byte shuffle of as many items as vectors can, from the first on. Returns how many.
pub fn unshuffle(typesize: usize, source: &[u8], target: &mut [u8]) -> usize {
    if !is_x86_feature_detected!("avx2") {
        return 0;
    }
    // SAFETY: the functions ask for AVX2 alone, which was just detected.
    unsafe {
        match typesize {
            2 => items::items::<2>(source, target),
            4 => items::items::<4>(source, target),
            8 => items::items::<8>(source, target),
            16 => items::items::<16>(source, target),
            _ => 0,
        }
    }
}

/// Bit-shuffle as many items as vectors can, from the first on, to planes `pitch` bytes apart.
/// Returns how many.
pub fn bitshuffle(typesize: usize, source: &[u8], pitch: usize, target: &mut [u8]) -> usize {
    match bitshuffle_by_gfni(typesize, source, pitch, target) {
        0 => bitshuffle_by_avx2(typesize, source, pitch, target),
        done => done,
    }
}

/// The functions of a module for each size of the items.
macro_rules! bits {
    ($module:ident, $typesize:ident, $source:ident, $pitch:ident, $target:ident) => {
        match $typesize {
            1 => $module::bits::<1>($source, $pitch, $target),
            2 => $module::bits::<2>($source, $pitch, $target),
            4 => $module::bits::<4>($source, $pitch, $target),
            8 => $module::bits::<8>($source, $pitch, $target),
            16 => $module::bits::<16>($source, $pitch, $target),
            _ => 0,
        }
    };
}

/// The same by GFNI, which multiplies matrices of 8 by 8 bits (Ice Lake, Zen 4).
pub fn bitshuffle_by_gfni(typesize: usize, source: &[u8], pitch: usize, target: &mut [u8]) -> usize {
    if !is_x86_feature_detected!("gfni") || !is_x86_feature_detected!("avx2") {
        return 0;
    }
    // SAFETY: the functions ask for GFNI and AVX2 alone, which were just detected.
    unsafe { bits!(matrices, typesize, source, pitch, target) }
}

/// The same by AVX2, which collects the highest bits of 32 bytes (Haswell, Zen 1).
pub fn bitshuffle_by_avx2(typesize: usize, source: &[u8], pitch: usize, target: &mut [u8]) -> usize {
    if !is_x86_feature_detected!("avx2") {
        return 0;
    }
    // SAFETY: the functions ask for AVX2 alone, which was just detected.
    unsafe { bits!(bits, typesize, source, pitch, target) }
}

/// Whether rows are nothing but repetitions of `lanes`, the last one perhaps cut short. None if
/// there is no kernel for this processor.
pub fn repeats<'a>(rows: impl Iterator<Item = &'a [u8]>, lanes: &[u8; LANES]) -> Option<bool> {
    if !is_x86_feature_detected!("avx2") {
        return None;
    }
    // SAFETY: the function asks for AVX2 alone, which was just detected.
    Some(unsafe { repeats::repeats(rows, lanes) })
}

/// Do work that compares spans of bytes, compiled for the instructions of this processor.
pub fn by_compare<W: Compare>(work: W) -> W::Made {
    #[target_feature(enable = "avx2,bmi1,bmi2")]
    fn by_avx2<W: Compare>(work: W) -> W::Made {
        work.run(|a: &[u8; SPAN], b: &[u8; SPAN]| equal::equal(a, b))
    }
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("bmi2") {
        // SAFETY: the function asks for AVX2 and both BMI alone, which were just detected.
        return unsafe { by_avx2(work) };
    }
    work.run(compare::equal)
}

/// Do plain work, compiled for the vectors of this processor as far as it is inlined here.
pub fn vectorised<T>(work: impl FnOnce() -> T) -> T {
    #[target_feature(enable = "avx2")]
    fn by_avx2<T>(work: impl FnOnce() -> T) -> T {
        work()
    }
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the function asks for AVX2 alone, which was just detected.
        return unsafe { by_avx2(work) };
    }
    work()
}

/// Have bytes fetched into the first-level cache, without waiting for them.
pub fn prefetch(bytes: &[u8]) {
    for line in bytes.chunks(LINE) {
        // SAFETY: the pointer comes from a slice, and the instruction neither reads nor writes
        // anything that a program can see.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
}
