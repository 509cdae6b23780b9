//! Kernels for x86-64 with AVX2 and FMA.

use std::arch::x86_64::*;

use half::{bf16, f16};

use super::table;
use crate::cpu::gemm::format::{Format, Out, Precision};
use crate::cpu::gemm::pack;

/// `f32`: 6 rows of two vectors.
pub(in crate::cpu::gemm) static F32: Format = Format {
    precision: Precision::F32,
    rows: 6,
    columns: 16,
    step: 1,
    bytes_a: 4,
    bytes_b: 4,
    steps: 256,
    tiles: table!([f32, f32_tile], 2, 1, [1, 2, 3, 4, 5, 6]),
    pack_a: pack::avx2::f32_panel,
    pack_b: pack::avx2::f32_panel,
};

/// `bf16`: half the memory, the speed of `f32`.
pub(in crate::cpu::gemm) static BF16: Format = Format {
    precision: Precision::Bf16,
    bytes_b: 2,
    tiles: table!([bf16, f32_tile], 2, 1, [1, 2, 3, 4, 5, 6]),
    pack_b: pack::bf16_panel,
    ..F32
};

/// `f16`: half the memory, the speed of `f32`.
pub(in crate::cpu::gemm) static F16: Format = Format {
    precision: Precision::F16,
    bytes_b: 2,
    tiles: table!([f16, f32_tile], 2, 1, [1, 2, 3, 4, 5, 6]),
    pack_b: pack::f16_panel,
    ..F32
};

/// Vectors of a panel of B.
const VECTORS_OF_B: usize = 2;

/// Steps of a turn of the kernel's loop.
const UNROLLED: usize = 4;

/// Lines of A that a turn reads at most, and how many elements ahead they are asked for, which Zen 3 gains from.
const LINES_OF_A: usize = 2;
const FLOATS_OF_LINE: usize = 16;
const AHEAD: usize = 128;

/// An element that becomes `f32` when it is loaded.
pub(in crate::cpu::gemm) trait Widen {
    /// Eight elements.
    ///
    /// # Safety
    /// The processor has AVX2 and F16C, and eight elements exist.
    unsafe fn load(pointer: *const Self) -> __m256;
}

impl Widen for f32 {
    #[inline(always)]
    unsafe fn load(pointer: *const Self) -> __m256 {
        // SAFETY: the caller vouches for the elements.
        unsafe { _mm256_loadu_ps(pointer) }
    }
}

impl Widen for bf16 {
    #[inline(always)]
    unsafe fn load(pointer: *const Self) -> __m256 {
        // SAFETY: the caller vouches for the elements.
        unsafe {
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(
                _mm_loadu_si128(pointer.cast()),
            )))
        }
    }
}

impl Widen for f16 {
    #[inline(always)]
    unsafe fn load(pointer: *const Self) -> __m256 {
        // SAFETY: the caller vouches for the elements.
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(pointer.cast())) }
    }
}

/// # Safety
/// As [`Tile`](crate::cpu::gemm::format::Tile).
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn f32_tile<B: Widen, const ROWS: usize, const VECTORS: usize, const PART: bool>(
    steps: usize,
    a: *const u8,
    b: *const u8,
    out: &Out,
) {
    let mut a = a.cast::<f32>();
    let mut b = b.cast::<B>();
    let mut sums = [[_mm256_setzero_ps(); VECTORS]; ROWS];
    // SAFETY: the caller vouches for the panels and for the tile.
    unsafe {
        for row in 0..ROWS {
            _mm_prefetch::<_MM_HINT_T0>(out.c.wrapping_add(row * out.row_stride).cast());
        }
        for _ in 0..steps / UNROLLED {
            for line in 0..LINES_OF_A {
                _mm_prefetch::<_MM_HINT_T0>(a.wrapping_add(AHEAD + line * FLOATS_OF_LINE).cast());
            }
            for step in 0..UNROLLED {
                multiply(
                    a.add(step * ROWS),
                    b.add(step * 8 * VECTORS_OF_B),
                    &mut sums,
                );
            }
            a = a.add(UNROLLED * ROWS);
            b = b.add(UNROLLED * 8 * VECTORS_OF_B);
        }
        for _ in 0..steps % UNROLLED {
            multiply(a, b, &mut sums);
            a = a.add(ROWS);
            b = b.add(8 * VECTORS_OF_B);
        }
        store::<ROWS, VECTORS, PART>(&sums, out);
    }
}

/// One step.
///
/// # Safety
/// The processor has the instructions; `ROWS` elements of A and `VECTORS` vectors of B exist.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn multiply<B: Widen, const ROWS: usize, const VECTORS: usize>(
    a: *const f32,
    b: *const B,
    sums: &mut [[__m256; VECTORS]; ROWS],
) {
    let mut right = [_mm256_setzero_ps(); VECTORS];
    for (vector, right) in right.iter_mut().enumerate() {
        // SAFETY: the caller vouches for the vectors.
        *right = unsafe { B::load(b.wrapping_add(8 * vector)) };
    }
    for (row, sums) in sums.iter_mut().enumerate() {
        // SAFETY: the caller vouches for the elements.
        let left = unsafe { _mm256_broadcast_ss(&*a.wrapping_add(row)) };
        for (sum, right) in sums.iter_mut().zip(right) {
            *sum = _mm256_fmadd_ps(left, right, *sum);
        }
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
