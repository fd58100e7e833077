//! Rows compared with an item by AVX2.

use std::arch::x86_64::{__m256i, _mm256_or_si256, _mm256_setzero_si256, _mm256_testz_si256, _mm256_xor_si256};

use super::super::compare::LANES;

/// Bytes between two tests of the result: a test costs a branch.
const STEP: usize = 4096;

/// The bits in which items have differed, in four vectors that do not depend on each other.
struct Difference([__m256i; 4]);

impl Difference {
    #[inline]
    #[target_feature(enable = "avx2")]
    fn none() -> Self {
        Self([_mm256_setzero_si256(); 4])
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn add(&mut self, piece: &[u8; LANES], lanes: &[__m256i; 4]) {
        let piece: [__m256i; 4] = bytemuck::cast(*piece);
        for i in 0..4 {
            self.0[i] = _mm256_or_si256(self.0[i], _mm256_xor_si256(piece[i], lanes[i]));
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn is_none(&self) -> bool {
        let [a, b, c, d] = self.0;
        let any = _mm256_or_si256(_mm256_or_si256(a, b), _mm256_or_si256(c, d));
        _mm256_testz_si256(any, any) == 1
    }
}

/// Whether rows repeat the lanes.
#[target_feature(enable = "avx2")]
pub fn repeats<'a>(rows: impl Iterator<Item = &'a [u8]>, lanes: &[u8; LANES]) -> bool {
    let vectors: [__m256i; 4] = bytemuck::cast(*lanes);
    let mut difference = Difference::none();
    let mut unseen = 0;
    for row in rows {
        for step in row.chunks(STEP) {
            let (pieces, rest) = step.as_chunks();
            for piece in pieces {
                difference.add(piece, &vectors);
            }
            unseen += step.len();
            if unseen >= STEP {
                if !difference.is_none() {
                    return false;
                }
                unseen = 0;
            }
            if !rest.is_empty() && *rest != lanes[..rest.len()] {
                return false;
            }
        }
    }
    difference.is_none()
}
