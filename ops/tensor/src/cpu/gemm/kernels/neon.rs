//! Kernels for aarch64.

use std::arch::aarch64::*;

use half::{bf16, f16};

use super::table;
use crate::cpu::gemm::format::{Format, Out, Precision};
use crate::cpu::gemm::pack;

/// `f32`: 6 rows of four vectors, which with four of B and one of A fill 29 of the 32 registers.
pub(in crate::cpu::gemm) static F32: Format = Format {
    precision: Precision::F32,
    rows: 6,
    columns: 16,
    step: 1,
    bytes_a: 4,
    bytes_b: 4,
    steps: 384,
    tiles: table!([f32, f32_tile], 4, 2, [1, 2, 3, 4, 5, 6]),
    pack_a: pack::f32_panel,
    pack_b: pack::f32_panel,
};

/// `bf16`: half the memory, about the speed of `f32`.
pub(in crate::cpu::gemm) static BF16: Format = Format {
    precision: Precision::Bf16,
    bytes_b: 2,
    tiles: table!([bf16, f32_tile], 4, 2, [1, 2, 3, 4, 5, 6]),
    pack_b: pack::bf16_panel,
    ..F32
};

/// `f16`: half the memory, about the speed of `f32`.
pub(in crate::cpu::gemm) static F16: Format = Format {
    precision: Precision::F16,
    bytes_b: 2,
    tiles: table!([f16, f32_tile], 4, 2, [1, 2, 3, 4, 5, 6]),
    pack_b: pack::f16_panel,
    ..F32
};

/// Vectors of a panel of B.
const VECTORS_OF_B: usize = 4;

/// An element of B that becomes `f32` when it is loaded.
trait Widen {
    /// # Safety
    /// Four elements exist.
    unsafe fn load(pointer: *const Self) -> float32x4_t;
}

impl Widen for f32 {
    #[inline(always)]
    unsafe fn load(pointer: *const Self) -> float32x4_t {
        // SAFETY: the caller vouches for the elements.
        unsafe { vld1q_f32(pointer) }
    }
}

impl Widen for bf16 {
    #[inline(always)]
    unsafe fn load(pointer: *const Self) -> float32x4_t {
        // SAFETY: the caller vouches for the elements.
        unsafe { vreinterpretq_f32_u32(vshll_n_u16::<16>(vld1_u16(pointer.cast()))) }
    }
}

impl Widen for f16 {
    #[inline(always)]
    unsafe fn load(pointer: *const Self) -> float32x4_t {
        // SAFETY: the caller vouches for the elements.
        unsafe { vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(pointer.cast()))) }
    }
}

/// # Safety
/// As [`Tile`](crate::cpu::gemm::format::Tile).
unsafe fn f32_tile<B: Widen, const ROWS: usize, const VECTORS: usize, const PART: bool>(
    steps: usize,
    a: *const u8,
    b: *const u8,
    out: &Out,
) {
    let mut a = a.cast::<f32>();
    let mut b = b.cast::<B>();
    // SAFETY: every aarch64 processor has NEON; the caller vouches for the panels and for the tile.
    unsafe {
        let mut sums = [[vdupq_n_f32(0.0); VECTORS]; ROWS];
        for _ in 0..steps {
            let mut right = [vdupq_n_f32(0.0); VECTORS];
            for (vector, right) in right.iter_mut().enumerate() {
                *right = B::load(b.add(4 * vector));
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                let left = vdupq_n_f32(*a.add(row));
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = vfmaq_f32(*sum, left, right);
                }
            }
            a = a.add(ROWS);
            b = b.add(4 * VECTORS_OF_B);
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
