//! Kernels for x86-64 with AVX-512.

use std::arch::x86_64::*;

use half::{bf16, f16};

use super::table;
use crate::cpu::gemm::format::{Format, Out, Precision};
use crate::cpu::gemm::pack;

/// `f32`: 12 rows of two vectors, which leaves registers for B and for A's broadcasts.
pub(in crate::cpu::gemm) static F32: Format = Format {
    precision: Precision::F32,
    rows: 12,
    columns: 32,
    step: 1,
    bytes_a: 4,
    bytes_b: 4,
    steps: 768,
    tiles: table!(
        [f32, f32_tile],
        2,
        1,
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    ),
    pack_a: pack::avx512::f32_panel,
    pack_b: pack::avx512::f32_panel,
};

/// `bf16` for processors that have no instruction for it: half the memory, the speed of `f32`.
pub(in crate::cpu::gemm) static WIDENED_BF16: Format = Format {
    precision: Precision::Bf16,
    bytes_b: 2,
    tiles: table!(
        [bf16, f32_tile],
        2,
        1,
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    ),
    pack_b: pack::bf16_panel,
    ..F32
};

/// `f16` for processors that can only convert it: half the memory, the speed of `f32`.
pub(in crate::cpu::gemm) static WIDENED_F16: Format = Format {
    precision: Precision::F16,
    bytes_b: 2,
    tiles: table!(
        [f16, f32_tile],
        2,
        1,
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    ),
    pack_b: pack::avx512::f16_panel,
    ..F32
};

/// `bf16` by dot products of pairs.
pub(in crate::cpu::gemm) static BF16: Format = Format {
    precision: Precision::Bf16,
    step: 2,
    steps: 512,
    tiles: table!([bf16_tile], 2, 1, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    pack_a: pack::avx512::bf16_pair_panel,
    pack_b: pack::avx512::bf16_pair_panel,
    ..F32
};

/// Vectors of a panel of B.
const VECTORS_OF_B: usize = 2;

/// An element of B that becomes `f32` when it is loaded.
trait Widen {
    /// # Safety
    /// The processor has AVX-512, and sixteen elements exist.
    unsafe fn load(pointer: *const Self) -> __m512;
}

impl Widen for f32 {
    #[inline(always)]
    unsafe fn load(pointer: *const Self) -> __m512 {
        // SAFETY: the caller vouches for the elements.
        unsafe { _mm512_loadu_ps(pointer) }
    }
}

impl Widen for bf16 {
    #[inline(always)]
    unsafe fn load(pointer: *const Self) -> __m512 {
        // SAFETY: the caller vouches for the elements.
        unsafe {
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(
                _mm256_loadu_si256(pointer.cast()),
            )))
        }
    }
}

impl Widen for f16 {
    #[inline(always)]
    unsafe fn load(pointer: *const Self) -> __m512 {
        // SAFETY: the caller vouches for the elements.
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(pointer.cast())) }
    }
}

/// # Safety
/// As [`Tile`](crate::cpu::gemm::format::Tile).
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
unsafe fn f32_tile<B: Widen, const ROWS: usize, const VECTORS: usize, const PART: bool>(
    steps: usize,
    a: *const u8,
    b: *const u8,
    out: &Out,
) {
    let mut a = a.cast::<f32>();
    let mut b = b.cast::<B>();
    let mut sums = [[_mm512_setzero_ps(); VECTORS]; ROWS];
    fetch::<ROWS>(out);
    // SAFETY: the caller vouches for the panels and for the tile.
    unsafe {
        for _ in 0..steps {
            let mut right = [_mm512_setzero_ps(); VECTORS];
            for (vector, right) in right.iter_mut().enumerate() {
                *right = B::load(b.add(16 * vector));
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                let left = _mm512_set1_ps(*a.add(row));
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = _mm512_fmadd_ps(left, right, *sum);
                }
            }
            a = a.add(ROWS);
            b = b.add(16 * VECTORS_OF_B);
        }
        store::<ROWS, VECTORS, PART>(&sums, out);
    }
}

/// # Safety
/// As [`Tile`](crate::cpu::gemm::format::Tile).
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c")]
unsafe fn bf16_tile<const ROWS: usize, const VECTORS: usize, const PART: bool>(
    steps: usize,
    a: *const u8,
    b: *const u8,
    out: &Out,
) {
    let mut a = a.cast::<i32>();
    let mut b = b.cast::<i32>();
    let mut sums = [[_mm512_setzero_ps(); VECTORS]; ROWS];
    fetch::<ROWS>(out);
    // SAFETY: the caller vouches for the panels and for the tile; types of the same size, for which all bits are valid.
    unsafe {
        let pairs = |bits| std::mem::transmute::<__m512i, __m512bh>(bits);
        for _ in 0..steps {
            let mut right = [_mm512_setzero_si512(); VECTORS];
            for (vector, right) in right.iter_mut().enumerate() {
                *right = _mm512_loadu_si512(b.add(16 * vector).cast());
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                let left = pairs(_mm512_set1_epi32(*a.add(row)));
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = _mm512_dpbf16_ps(*sum, left, pairs(right));
                }
            }
            a = a.add(ROWS);
            b = b.add(16 * VECTORS_OF_B);
        }
        store::<ROWS, VECTORS, PART>(&sums, out);
    }
}

/// Asks for the lines of the tile.
#[inline(always)]
fn fetch<const ROWS: usize>(out: &Out) {
    for row in 0..ROWS {
        let c = out.c.wrapping_add(row * out.row_stride);
        // SAFETY: a prefetch of any address is harmless.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(c.cast());
            _mm_prefetch::<_MM_HINT_T0>(c.wrapping_add(16).cast());
        }
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
    for (row, sums) in sums.iter().enumerate() {
        for (vector, sum) in sums.iter().enumerate() {
            // SAFETY: the caller vouches for the tile.
            unsafe { store_vector::<PART>(*sum, row, vector, out) };
        }
    }
}

/// # Safety
/// `out` describes elements that exist and that nobody else uses.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
pub(super) unsafe fn store_vector<const PART: bool>(
    sum: __m512,
    row: usize,
    vector: usize,
    out: &Out,
) {
    let alpha = _mm512_set1_ps(out.alpha);
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
            _mm512_mask_storeu_ps(c, mask, _mm512_fmadd_ps(alpha, sum, old));
        } else {
            let old = if out.accumulate {
                _mm512_loadu_ps(c)
            } else {
                _mm512_setzero_ps()
            };
            _mm512_storeu_ps(c, _mm512_fmadd_ps(alpha, sum, old));
        }
    }
}
