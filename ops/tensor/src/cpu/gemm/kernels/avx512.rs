//! Kernels for x86-64 with AVX-512.

use std::arch::x86_64::*;

use super::table;
use crate::cpu::gemm::format::{Format, Out, Precision};
use crate::cpu::gemm::pack;

/// `f32`: 12 rows of two vectors, which leaves registers for B and for A's broadcasts.
pub(in crate::cpu::gemm) static F32: Format = Format {
    precision: Precision::F32,
    rows: 12,
    columns: 32,
    step: 1,
    bytes: 4,
    steps: 384,
    tiles: table!(f32_tile, 2, 1, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    pack: pack::f32_panel,
};

/// Vectors of the widest `f32` tile.
const F32_VECTORS: usize = 2;

/// # Safety
/// As [`Tile`](crate::cpu::gemm::format::Tile).
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
unsafe fn f32_tile<const ROWS: usize, const VECTORS: usize, const PART: bool>(
    steps: usize,
    a: *const u8,
    b: *const u8,
    out: &Out,
) {
    let mut a = a.cast::<f32>();
    let mut b = b.cast::<f32>();
    let mut sums = [[_mm512_setzero_ps(); VECTORS]; ROWS];
    // SAFETY: the caller vouches for the panels and for the tile.
    unsafe {
        for row in 0..ROWS {
            _mm_prefetch::<_MM_HINT_T0>(out.c.wrapping_add(row * out.row_stride).cast());
            _mm_prefetch::<_MM_HINT_T0>(out.c.wrapping_add(row * out.row_stride + 16).cast());
        }
        for _ in 0..steps {
            let mut right = [_mm512_setzero_ps(); VECTORS];
            for (vector, right) in right.iter_mut().enumerate() {
                *right = _mm512_loadu_ps(b.add(16 * vector));
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                let left = _mm512_set1_ps(*a.add(row));
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = _mm512_fmadd_ps(left, right, *sum);
                }
            }
            a = a.add(ROWS);
            b = b.add(16 * F32_VECTORS);
        }
        store::<ROWS, VECTORS, PART>(&sums, out);
    }
}

/// # Safety
/// `out` describes elements that exist and that nobody else uses.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
unsafe fn store<const ROWS: usize, const VECTORS: usize, const PART: bool>(
    sums: &[[__m512; VECTORS]; ROWS],
    out: &Out,
) {
    let alpha = _mm512_set1_ps(out.alpha);
    for (row, sums) in sums.iter().enumerate() {
        for (vector, sum) in sums.iter().enumerate() {
            let c = out.c.wrapping_add(row * out.row_stride + 16 * vector);
            // SAFETY: the caller vouches for the tile; masked lanes are not touched.
            unsafe {
                if PART {
                    let left = out.columns.saturating_sub(16 * vector).min(16);
                    let mask = ((1_u32 << left) - 1) as __mmask16;
                    let old = if out.accumulate {
                        _mm512_maskz_loadu_ps(mask, c)
                    } else {
                        _mm512_setzero_ps()
                    };
                    _mm512_mask_storeu_ps(c, mask, _mm512_fmadd_ps(alpha, *sum, old));
                } else {
                    let old = if out.accumulate {
                        _mm512_loadu_ps(c)
                    } else {
                        _mm512_setzero_ps()
                    };
                    _mm512_storeu_ps(c, _mm512_fmadd_ps(alpha, *sum, old));
                }
            }
        }
    }
}
