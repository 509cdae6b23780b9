//! Kernels for aarch64.

use std::arch::aarch64::*;

use super::table;
use crate::cpu::gemm::format::{Format, Out, Precision};
use crate::cpu::gemm::pack;

/// `f32`: 6 rows of four vectors, which with four of B and one of A fill 29 of the 32 registers.
pub(in crate::cpu::gemm) static F32: Format = Format {
    precision: Precision::F32,
    rows: 6,
    columns: 16,
    step: 1,
    bytes: 4,
    steps: 384,
    tiles: table!(f32_tile, 4, 2, [1, 2, 3, 4, 5, 6]),
    pack: pack::f32_panel,
};

/// Vectors of the widest `f32` tile.
const F32_VECTORS: usize = 4;

/// # Safety
/// As [`Tile`](crate::cpu::gemm::format::Tile).
unsafe fn f32_tile<const ROWS: usize, const VECTORS: usize, const PART: bool>(
    steps: usize,
    a: *const u8,
    b: *const u8,
    out: &Out,
) {
    let mut a = a.cast::<f32>();
    let mut b = b.cast::<f32>();
    // SAFETY: every aarch64 processor has NEON; the caller vouches for the panels and for the tile.
    unsafe {
        let mut sums = [[vdupq_n_f32(0.0); VECTORS]; ROWS];
        for _ in 0..steps {
            let mut right = [vdupq_n_f32(0.0); VECTORS];
            for (vector, right) in right.iter_mut().enumerate() {
                *right = vld1q_f32(b.add(4 * vector));
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                let left = vdupq_n_f32(*a.add(row));
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = vfmaq_f32(*sum, left, right);
                }
            }
            a = a.add(ROWS);
            b = b.add(4 * F32_VECTORS);
        }
        let alpha = vdupq_n_f32(out.alpha);
        for (row, sums) in sums.iter().enumerate() {
            for (vector, sum) in sums.iter().enumerate() {
                let c = out.c.wrapping_add(row * out.row_stride + 4 * vector);
                let columns = if PART {
                    out.columns.saturating_sub(4 * vector).min(4)
                } else {
                    4
                };
                if columns == 4 {
                    let old = if out.accumulate {
                        vld1q_f32(c)
                    } else {
                        vdupq_n_f32(0.0)
                    };
                    vst1q_f32(c, vfmaq_f32(old, alpha, *sum));
                } else {
                    let mut lanes = [0.0_f32; 4];
                    vst1q_f32(lanes.as_mut_ptr(), *sum);
                    for (column, lane) in lanes.iter().take(columns).enumerate() {
                        let c = c.add(column);
                        *c = out
                            .alpha
                            .mul_add(*lane, if out.accumulate { *c } else { 0.0 });
                    }
                }
            }
        }
    }
}
