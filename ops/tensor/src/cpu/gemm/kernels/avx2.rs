//! Kernels for x86-64 with AVX2 and FMA.

use std::arch::x86_64::*;

use super::table;
use crate::cpu::gemm::format::{Format, Out, Precision};
use crate::cpu::gemm::pack;

/// `f32`: 6 rows of two vectors.
pub(in crate::cpu::gemm) static F32: Format = Format {
    precision: Precision::F32,
    rows: 6,
    columns: 16,
    step: 1,
    bytes: 4,
    steps: 384,
    tiles: table!(f32_tile, 2, 1, [1, 2, 3, 4, 5, 6]),
    pack: pack::f32_panel,
};

/// Vectors of the widest `f32` tile.
const F32_VECTORS: usize = 2;

/// # Safety
/// As [`Tile`](crate::cpu::gemm::format::Tile).
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn f32_tile<const ROWS: usize, const VECTORS: usize, const PART: bool>(
    steps: usize,
    a: *const u8,
    b: *const u8,
    out: &Out,
) {
    let mut a = a.cast::<f32>();
    let mut b = b.cast::<f32>();
    let mut sums = [[_mm256_setzero_ps(); VECTORS]; ROWS];
    // SAFETY: the caller vouches for the panels and for the tile.
    unsafe {
        for row in 0..ROWS {
            _mm_prefetch::<_MM_HINT_T0>(out.c.wrapping_add(row * out.row_stride).cast());
        }
        for _ in 0..steps {
            let mut right = [_mm256_setzero_ps(); VECTORS];
            for (vector, right) in right.iter_mut().enumerate() {
                *right = _mm256_loadu_ps(b.add(8 * vector));
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                let left = _mm256_broadcast_ss(&*a.add(row));
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = _mm256_fmadd_ps(left, right, *sum);
                }
            }
            a = a.add(ROWS);
            b = b.add(8 * F32_VECTORS);
        }
        store::<ROWS, VECTORS, PART>(&sums, out);
    }
}

/// # Safety
/// `out` describes elements that exist and that nobody else uses.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn store<const ROWS: usize, const VECTORS: usize, const PART: bool>(
    sums: &[[__m256; VECTORS]; ROWS],
    out: &Out,
) {
    let alpha = _mm256_set1_ps(out.alpha);
    let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    for (row, sums) in sums.iter().enumerate() {
        for (vector, sum) in sums.iter().enumerate() {
            let c = out.c.wrapping_add(row * out.row_stride + 8 * vector);
            // SAFETY: the caller vouches for the tile; masked lanes are not touched.
            unsafe {
                if PART {
                    let left = out.columns.saturating_sub(8 * vector).min(8) as i32;
                    let mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(left), lanes);
                    let old = if out.accumulate {
                        _mm256_maskload_ps(c, mask)
                    } else {
                        _mm256_setzero_ps()
                    };
                    _mm256_maskstore_ps(c, mask, _mm256_fmadd_ps(alpha, *sum, old));
                } else {
                    let old = if out.accumulate {
                        _mm256_loadu_ps(c)
                    } else {
                        _mm256_setzero_ps()
                    };
                    _mm256_storeu_ps(c, _mm256_fmadd_ps(alpha, *sum, old));
                }
            }
        }
    }
}
