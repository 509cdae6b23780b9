//! Kernels for x86-64 with AVX-512 FP16: multiply-adds of halves, twice as many an instruction as of `f32`.
//!
//! A sum of halves loses its small terms, so it is carried to `f32` every few steps.

use std::arch::x86_64::*;

use super::avx512::store_vector;
use super::table;
use crate::cpu::gemm::format::{Format, Out, Precision};
use crate::cpu::gemm::pack;

/// Steps that are summed in halves. The carry takes about as long as ten.
const CARRY: usize = 96;

/// Vectors of a panel of B.
const VECTORS_OF_B: usize = 2;

/// `f16`: 12 rows of two vectors of 32.
pub(in crate::cpu::gemm) static F16: Format = Format {
    precision: Precision::F16,
    rows: 12,
    columns: 64,
    step: 1,
    bytes_a: 2,
    bytes_b: 2,
    steps: 8 * CARRY,
    tiles: table!(
        [Fp16, f16_tile],
        2,
        1,
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    ),
    pack_a: pack::avx512::f16_panel,
    pack_b: pack::avx512::f16_panel,
};

/// Thirty-two halves.
pub(super) trait Lanes: Copy {
    /// # Safety
    /// The processor has the instructions.
    unsafe fn zero() -> Self;

    /// # Safety
    /// As [`Lanes::zero`], and so many elements exist.
    unsafe fn load(pointer: *const u16) -> Self;

    /// # Safety
    /// As [`Lanes::zero`], and the element exists.
    unsafe fn splat(pointer: *const u16) -> Self;

    /// `self + left * right`.
    ///
    /// # Safety
    /// As [`Lanes::zero`].
    unsafe fn add_product(self, left: Self, right: Self) -> Self;

    /// The lower sixteen, or the upper.
    ///
    /// # Safety
    /// As [`Lanes::zero`].
    unsafe fn widen(self, upper: bool) -> __m512;
}

#[derive(Clone, Copy)]
struct Fp16(__m512h);

impl Lanes for Fp16 {
    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller vouches for the processor.
        unsafe { Self(_mm512_castsi512_ph(_mm512_setzero_si512())) }
    }

    #[inline(always)]
    unsafe fn load(pointer: *const u16) -> Self {
        // SAFETY: the caller vouches for the elements.
        unsafe { Self(_mm512_castsi512_ph(_mm512_loadu_si512(pointer.cast()))) }
    }

    #[inline(always)]
    unsafe fn splat(pointer: *const u16) -> Self {
        // SAFETY: the caller vouches for the element.
        unsafe { Self(_mm512_castsi512_ph(_mm512_set1_epi16(*pointer as i16))) }
    }

    #[inline(always)]
    unsafe fn add_product(self, left: Self, right: Self) -> Self {
        // SAFETY: the caller vouches for the processor.
        unsafe { Self(_mm512_fmadd_ph(left.0, right.0, self.0)) }
    }

    #[inline(always)]
    unsafe fn widen(self, upper: bool) -> __m512 {
        // SAFETY: the caller vouches for the processor.
        unsafe {
            let bits = _mm512_castph_si512(self.0);
            _mm512_cvtph_ps(if upper {
                _mm512_extracti64x4_epi64::<1>(bits)
            } else {
                _mm512_castsi512_si256(bits)
            })
        }
    }
}

/// # Safety
/// As [`Tile`](crate::cpu::gemm::format::Tile).
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512fp16,avx2,fma,f16c")]
unsafe fn f16_tile<L: Lanes, const ROWS: usize, const VECTORS: usize, const PART: bool>(
    steps: usize,
    a: *const u8,
    b: *const u8,
    out: &Out,
) {
    // SAFETY: the caller vouches for all.
    unsafe { tile::<L, ROWS, VECTORS, PART>(steps, a, b, out) };
}

/// # Safety
/// As [`Tile`](crate::cpu::gemm::format::Tile).
#[inline(always)]
unsafe fn tile<L: Lanes, const ROWS: usize, const VECTORS: usize, const PART: bool>(
    steps: usize,
    a: *const u8,
    b: *const u8,
    out: &Out,
) {
    let mut a = a.cast::<u16>();
    let mut b = b.cast::<u16>();
    // SAFETY: the caller vouches for the panels, for the tile and for the processor.
    unsafe {
        let mut sums = [[[_mm512_setzero_ps(); 2]; VECTORS]; ROWS];
        for begin in (0..steps).step_by(CARRY) {
            let mut halves = [[L::zero(); VECTORS]; ROWS];
            for _ in begin..steps.min(begin + CARRY) {
                let mut right = [L::zero(); VECTORS];
                for (vector, right) in right.iter_mut().enumerate() {
                    *right = L::load(b.add(32 * vector));
                }
                for (row, halves) in halves.iter_mut().enumerate() {
                    let left = L::splat(a.add(row));
                    for (half, right) in halves.iter_mut().zip(right) {
                        *half = half.add_product(left, right);
                    }
                }
                a = a.add(ROWS);
                b = b.add(32 * VECTORS_OF_B);
            }
            for (sums, halves) in sums.iter_mut().zip(halves) {
                for (sums, half) in sums.iter_mut().zip(halves) {
                    sums[0] = _mm512_add_ps(sums[0], half.widen(false));
                    sums[1] = _mm512_add_ps(sums[1], half.widen(true));
                }
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            for (vector, sum) in sums.as_flattened().iter().enumerate() {
                store_vector::<PART>(*sum, row, vector, out);
            }
        }
    }
}

/// The same loops with halves that are computed one by one, which any processor with AVX-512 can test.
#[cfg(test)]
pub(in crate::cpu::gemm) mod emulated {
    use super::*;
    use half::f16;

    pub(in crate::cpu::gemm) static F16: Format = Format {
        tiles: table!(
            [Emulated, emulated_tile],
            2,
            1,
            [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
        ),
        ..super::F16
    };

    #[derive(Clone, Copy)]
    struct Emulated([f16; 32]);

    impl Lanes for Emulated {
        unsafe fn zero() -> Self {
            Self([f16::ZERO; 32])
        }

        unsafe fn load(pointer: *const u16) -> Self {
            // SAFETY: the caller vouches for the elements.
            Self(unsafe { pointer.cast::<[f16; 32]>().read_unaligned() })
        }

        unsafe fn splat(pointer: *const u16) -> Self {
            // SAFETY: the caller vouches for the element.
            Self([f16::from_bits(unsafe { *pointer }); 32])
        }

        unsafe fn add_product(self, left: Self, right: Self) -> Self {
            Self(std::array::from_fn(|i| {
                f16::from_f32(
                    left.0[i]
                        .to_f32()
                        .mul_add(right.0[i].to_f32(), self.0[i].to_f32()),
                )
            }))
        }

        unsafe fn widen(self, upper: bool) -> __m512 {
            // SAFETY: sixteen elements exist; the test has looked for AVX-512.
            unsafe {
                _mm512_cvtph_ps(_mm256_loadu_si256(
                    self.0.as_ptr().add(if upper { 16 } else { 0 }).cast(),
                ))
            }
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
    unsafe fn emulated_tile<L: Lanes, const ROWS: usize, const VECTORS: usize, const PART: bool>(
        steps: usize,
        a: *const u8,
        b: *const u8,
        out: &Out,
    ) {
        // SAFETY: the caller vouches for all.
        unsafe { tile::<L, ROWS, VECTORS, PART>(steps, a, b, out) };
    }
}
