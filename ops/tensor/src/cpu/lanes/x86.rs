//! Vectors of x86-64. What the intrinsics need holds wherever a value of these types exists: see [`Lanes`].

// Registers are counted where their places matter.
#![allow(clippy::needless_range_loop)]

use std::arch::x86_64::*;

use super::{LaneKernel, Lanes, exp2_fraction};

/// AVX-512.
#[derive(Clone, Copy)]
pub(super) struct Wide(__m512);

impl Lanes for Wide {
    const COUNT: usize = 16;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        // SAFETY: see the module.
        Self(unsafe { _mm512_set1_ps(x) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see the module; the caller vouches for the place.
        Self(unsafe { _mm512_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see the module; the caller vouches for the place.
        unsafe { _mm512_storeu_ps(to, self.0) };
    }

    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        // SAFETY: see the module.
        Self(unsafe { _mm512_fmadd_ps(self.0, b.0, c.0) })
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: see the module.
        Self(unsafe { _mm512_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: see the module.
        Self(unsafe { _mm512_sub_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: see the module.
        Self(unsafe { _mm512_mul_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: see the module.
        Self(unsafe { _mm512_max_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn exp2(self) -> Self {
        // 2^-160 is zero, and infinities would not survive the subtraction.
        let x = Self::splat(-160.0).max(self);
        // SAFETY: see the module.
        let whole = Self(unsafe {
            _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x.0)
        });
        let fraction = exp2_fraction(x.sub(whole));
        // SAFETY: see the module.
        Self(unsafe { _mm512_scalef_ps(fraction.0, whole.0) })
    }

    #[inline(always)]
    unsafe fn transpose(rows: *const f32, row_stride: usize, to: *mut f32, stride: usize) {
        // SAFETY: see the module; the caller vouches for the places.
        unsafe {
            let low = |a, b| {
                _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)))
            };
            let high = |a, b| {
                _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)))
            };
            // Of four rows, the four columns of each quarter.
            let mut fours = [[_mm512_setzero_ps(); 4]; 4];
            for (group, four) in fours.iter_mut().enumerate() {
                let row =
                    |index: usize| _mm512_loadu_ps(rows.add((4 * group + index) * row_stride));
                let [a, b, c, d] = [row(0), row(1), row(2), row(3)];
                let (ab, cd) = (_mm512_unpacklo_ps(a, b), _mm512_unpacklo_ps(c, d));
                let (ab_high, cd_high) = (_mm512_unpackhi_ps(a, b), _mm512_unpackhi_ps(c, d));
                *four = [
                    low(ab, cd),
                    high(ab, cd),
                    low(ab_high, cd_high),
                    high(ab_high, cd_high),
                ];
            }
            for column in 0..4 {
                let [a, b, c, d] = [0, 1, 2, 3].map(|group: usize| fours[group][column]);
                let even = [
                    _mm512_shuffle_f32x4::<0x88>(a, b),
                    _mm512_shuffle_f32x4::<0x88>(c, d),
                ];
                let odd = [
                    _mm512_shuffle_f32x4::<0xdd>(a, b),
                    _mm512_shuffle_f32x4::<0xdd>(c, d),
                ];
                let put = |at: usize, column| _mm512_storeu_ps(to.add(at * stride), column);
                put(column, _mm512_shuffle_f32x4::<0x88>(even[0], even[1]));
                put(column + 4, _mm512_shuffle_f32x4::<0x88>(odd[0], odd[1]));
                put(column + 8, _mm512_shuffle_f32x4::<0xdd>(even[0], even[1]));
                put(column + 12, _mm512_shuffle_f32x4::<0xdd>(odd[0], odd[1]));
            }
        }
    }

    #[inline]
    unsafe fn call<K: LaneKernel>(kernel: K) {
        #[inline(never)]
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
        fn call<K: LaneKernel>(kernel: K) {
            kernel.run::<Wide, 8>();
        }
        // SAFETY: see the module.
        unsafe { call(kernel) };
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        // SAFETY: see the module.
        unsafe { _mm512_reduce_add_ps(self.0) }
    }

    #[inline(always)]
    fn top(self) -> f32 {
        // SAFETY: see the module.
        unsafe { _mm512_reduce_max_ps(self.0) }
    }
}

/// AVX2 with FMA.
#[derive(Clone, Copy)]
pub(super) struct Narrow(__m256);

impl Narrow {
    /// The four lanes that `join` leaves of both halves, and then of those by halves.
    #[inline(always)]
    fn fold(self, join: impl Fn(__m128, __m128) -> __m128) -> f32 {
        // SAFETY: see the module.
        unsafe {
            let four = join(
                _mm256_castps256_ps128(self.0),
                _mm256_extractf128_ps::<1>(self.0),
            );
            let two = join(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(join(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }
}

impl Lanes for Narrow {
    const COUNT: usize = 8;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        // SAFETY: see the module.
        Self(unsafe { _mm256_set1_ps(x) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see the module; the caller vouches for the place.
        Self(unsafe { _mm256_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see the module; the caller vouches for the place.
        unsafe { _mm256_storeu_ps(to, self.0) };
    }

    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        // SAFETY: see the module.
        Self(unsafe { _mm256_fmadd_ps(self.0, b.0, c.0) })
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: see the module.
        Self(unsafe { _mm256_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: see the module.
        Self(unsafe { _mm256_sub_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: see the module.
        Self(unsafe { _mm256_mul_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: see the module.
        Self(unsafe { _mm256_max_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn exp2(self) -> Self {
        let x = Self::splat(-127.0).max(self);
        // SAFETY: see the module.
        unsafe {
            let whole = _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x.0);
            let fraction = exp2_fraction(x.sub(Self(whole)));
            let exponent = _mm256_slli_epi32::<23>(_mm256_cvtps_epi32(whole));
            let power = _mm256_add_epi32(_mm256_castps_si256(fraction.0), exponent);
            let normal = _mm256_cmp_ps::<_CMP_NLT_UQ>(self.0, _mm256_set1_ps(-126.0));
            Self(_mm256_and_ps(_mm256_castsi256_ps(power), normal))
        }
    }

    #[inline(always)]
    unsafe fn transpose(rows: *const f32, row_stride: usize, to: *mut f32, stride: usize) {
        // SAFETY: see the module; the caller vouches for the places.
        unsafe {
            let low = |a, b| {
                _mm256_castpd_ps(_mm256_unpacklo_pd(_mm256_castps_pd(a), _mm256_castps_pd(b)))
            };
            let high = |a, b| {
                _mm256_castpd_ps(_mm256_unpackhi_pd(_mm256_castps_pd(a), _mm256_castps_pd(b)))
            };
            // Of four rows, the four columns of each half.
            let mut fours = [[_mm256_setzero_ps(); 4]; 2];
            for (group, four) in fours.iter_mut().enumerate() {
                let row =
                    |index: usize| _mm256_loadu_ps(rows.add((4 * group + index) * row_stride));
                let [a, b, c, d] = [row(0), row(1), row(2), row(3)];
                let (ab, cd) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
                let (ab_high, cd_high) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
                *four = [
                    low(ab, cd),
                    high(ab, cd),
                    low(ab_high, cd_high),
                    high(ab_high, cd_high),
                ];
            }
            for column in 0..4 {
                let [a, b] = [fours[0][column], fours[1][column]];
                let put = |at: usize, column| _mm256_storeu_ps(to.add(at * stride), column);
                put(column, _mm256_permute2f128_ps::<0x20>(a, b));
                put(column + 4, _mm256_permute2f128_ps::<0x31>(a, b));
            }
        }
    }

    #[inline]
    unsafe fn call<K: LaneKernel>(kernel: K) {
        #[inline(never)]
        #[target_feature(enable = "avx2,fma,f16c")]
        fn call<K: LaneKernel>(kernel: K) {
            kernel.run::<Narrow, 6>();
        }
        // SAFETY: see the module.
        unsafe { call(kernel) };
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        // SAFETY: see the module.
        self.fold(|a, b| unsafe { _mm_add_ps(a, b) })
    }

    #[inline(always)]
    fn top(self) -> f32 {
        // SAFETY: see the module.
        self.fold(|a, b| unsafe { _mm_max_ps(a, b) })
    }
}
