//! The bit shuffle by GFNI.

use std::arch::x86_64::{
    __m256i, _mm256_gf2p8affine_epi64_epi8, _mm256_set_m128i, _mm256_set1_epi64x, _mm256_setr_epi8, _mm256_shuffle_epi8,
};

use super::vectors::{GROUP as BYTES, HALF, load, part, parted};

/// Items whose bits at one position fill a byte.
const GROUP: usize = 8;
/// Items of a piece: one vector per bit plane.
const ITEMS: usize = GROUP * BYTES;

/// Bit-shuffle whole pieces of items of `N` bytes, a power of two. Returns how many items that are.
///
/// Byte `j` of 8 items is a matrix of 8 by 8 bits; its transpose has one byte for each of 8 planes.
#[target_feature(enable = "avx2,gfni")]
pub fn bits<const N: usize>(source: &[u8], pitch: usize, target: &mut [u8]) -> usize {
    let pieces = source.chunks_exact(ITEMS * N);
    let done = pieces.len() * ITEMS;
    for (i, piece) in pieces.enumerate() {
        let (lower, upper) = piece.split_at(ITEMS / 2 * N);
        let bytes: [[__m256i; N]; GROUP] = std::array::from_fn(|k| {
            let [lower, upper] = [lower, upper].map(|half| &half[k * HALF * N..][..HALF * N]);
            parted!(N, lower, upper)
        });
        for j in 0..N {
            let mut vectors: [__m256i; GROUP] = std::array::from_fn(|k| transposed(bytes[k][j]));
            for _ in 0..GROUP.ilog2() {
                vectors = part(vectors);
            }
            for (bit, vector) in vectors.into_iter().enumerate() {
                let bits: [u8; BYTES] = bytemuck::cast(vector);
                target[(j * GROUP + bit) * pitch + i * BYTES..][..BYTES].copy_from_slice(&bits);
            }
        }
    }
    done
}

/// The transpose of each eight bytes, as a matrix of 8 by 8 bits.
#[inline]
#[target_feature(enable = "avx2,gfni")]
fn transposed(matrices: __m256i) -> __m256i {
    const UNIT: i64 = i64::from_le_bytes([1, 2, 4, 8, 16, 32, 64, 128]);
    #[rustfmt::skip]
    let backwards = _mm256_setr_epi8(
        7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8,
    );
    // Multiplying the unit matrix by a matrix transposes it; the instruction counts rows from the
    // last one on.
    _mm256_gf2p8affine_epi64_epi8::<0>(_mm256_set1_epi64x(UNIT), _mm256_shuffle_epi8(matrices, backwards))
}
