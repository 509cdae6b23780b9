//! [`Lanes`]: a vector of numbers, for kernels that hold a tile of a result in registers, which no compiler finds by itself.

#[cfg(target_arch = "x86_64")]
mod x86;

use super::simd::{Baseline, Isa, Level};

/// A vector register of `f32`. A value exists only in code that [`dispatch`] runs, on a processor that has the instructions.
/// Whatever works with vectors must be inlined into the kernel that `dispatch` or [`Lanes::call`] runs.
pub(crate) trait Lanes: Copy {
    /// The numbers in a vector.
    const COUNT: usize;

    /// The same number in every lane.
    fn splat(x: f32) -> Self;

    /// # Safety
    /// `COUNT` numbers can be read.
    unsafe fn load(from: *const f32) -> Self;

    /// # Safety
    /// `COUNT` numbers can be written.
    unsafe fn store(self, to: *mut f32);

    /// `self * b + c`, in one rounding where the processor can.
    fn mul_add(self, b: Self, c: Self) -> Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;

    /// The larger one; `other` if either is not a number.
    fn max(self, other: Self) -> Self;

    /// 2^x within 2 ulp for x up to 126, and 0 below the exponents of normal numbers, or where it rounds to that.
    fn exp2(self) -> Self;

    /// The sum of the lanes, by halves.
    fn sum(self) -> f32;

    /// The largest lane.
    fn top(self) -> f32;

    /// Stores the transpose of `COUNT` rows of `COUNT` numbers, which lie `row_stride` apart: column `i` at `to + i * stride`.
    ///
    /// # Safety
    /// All of these numbers can be read and written.
    unsafe fn transpose(rows: *const f32, row_stride: usize, to: *mut f32, stride: usize);

    /// Runs a part of a kernel as a function of its own, so that it has all registers.
    ///
    /// # Safety
    /// The kernel's own requirements.
    unsafe fn call<K: LaneKernel>(kernel: K);
}

/// A kernel over vectors.
pub(crate) trait LaneKernel {
    /// The body for tiles of up to `ROWS` rows of two vectors. Mark it `#[inline(always)]`.
    fn run<L: Lanes, const ROWS: usize>(self);
}

/// Runs a kernel as compiled for the best instruction set of this processor.
pub(crate) fn dispatch<K: LaneKernel>(kernel: K) {
    dispatch_at(Level::best(), kernel);
}

/// The same for an instruction set that this processor has.
pub(crate) fn dispatch_at<K: LaneKernel>(level: Level, kernel: K) {
    #[cfg(target_arch = "x86_64")]
    match level {
        // SAFETY: the processor has these features.
        Level::Avx512 => return unsafe { x86::Wide::call(kernel) },
        // SAFETY: the processor has these features.
        Level::Avx2 => return unsafe { x86::Narrow::call(kernel) },
        Level::Baseline => {}
    }
    let _ = level;
    // SAFETY: every processor has what this needs.
    unsafe { Portable::call(kernel) };
}

/// What 2^r - 1 is on [-1/2, 1/2], divided by r; highest power first. Fitted as in [`math`](super::math); within 2e-9.
const EXP2: [f32; 6] = [
    1.535_336e-4,
    0.001_339_887_5,
    0.009_618_437,
    0.055_503_324,
    0.240_226_48,
    std::f32::consts::LN_2,
];

/// 2^r for r in [-1/2, 1/2].
#[inline(always)]
fn exp2_fraction<L: Lanes>(r: L) -> L {
    let mut sum = L::splat(EXP2[0]);
    for coefficient in &EXP2[1..] {
        sum = sum.mul_add(r, L::splat(*coefficient));
    }
    sum.mul_add(r, L::splat(1.0))
}

/// Four lanes of whatever the compiler makes of them: NEON on aarch64, SSE2 on x86-64.
#[derive(Clone, Copy)]
struct Portable([f32; 4]);

impl Portable {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|lane| f(self.0[lane], other.0[lane])))
    }
}

impl Lanes for Portable {
    const COUNT: usize = 4;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        Self([x; 4])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: as the caller vouches.
        Self(unsafe { from.cast::<[f32; 4]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as the caller vouches.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(self.0) };
    }

    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        Self(std::array::from_fn(|lane| {
            Baseline::mul_add(self.0[lane], b.0[lane], c.0[lane])
        }))
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn exp2(self) -> Self {
        /// 1.5 * 2^23: adding it rounds to an integer, which the low bits then hold.
        const ROUND: f32 = 12_582_912.0;
        let x = Self::splat(-127.0).max(self);
        let shifted = x.add(Self::splat(ROUND));
        let fraction = exp2_fraction(x.sub(shifted.sub(Self::splat(ROUND))));
        Self(std::array::from_fn(|lane| {
            let n = shifted.0[lane].to_bits().wrapping_sub(ROUND.to_bits());
            let power = f32::from_bits(fraction.0[lane].to_bits().wrapping_add(n << 23));
            if self.0[lane] < -126.0 { 0.0 } else { power }
        }))
    }

    #[inline(always)]
    unsafe fn transpose(rows: *const f32, row_stride: usize, to: *mut f32, stride: usize) {
        for column in 0..Self::COUNT {
            for row in 0..Self::COUNT {
                // SAFETY: as the caller vouches.
                unsafe { *to.add(column * stride + row) = *rows.add(row * row_stride + column) };
            }
        }
    }

    #[inline(never)]
    unsafe fn call<K: LaneKernel>(kernel: K) {
        // As many rows as registers hold: 32 of them on aarch64, 16 on x86-64.
        #[cfg(target_arch = "aarch64")]
        kernel.run::<Self, 8>();
        #[cfg(not(target_arch = "aarch64"))]
        kernel.run::<Self, 4>();
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        let [a, b, c, d] = self.0;
        (a + c) + (b + d)
    }

    #[inline(always)]
    fn top(self) -> f32 {
        let [a, b, c, d] = self.0;
        a.max(c).max(b.max(d))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Powers<'a>(&'a [f32], &'a mut Vec<f32>);

    impl LaneKernel for Powers<'_> {
        #[inline(always)]
        fn run<L: Lanes, const ROWS: usize>(self) {
            for chunk in self.0.chunks_exact(L::COUNT) {
                let mut powers = [0.0; 16];
                // SAFETY: both hold as many numbers.
                unsafe { L::load(chunk.as_ptr()).exp2().store(powers.as_mut_ptr()) };
                self.1.extend(&powers[..L::COUNT]);
            }
        }
    }

    struct Turn<'a>(&'a [f32], &'a mut Vec<f32>);

    impl LaneKernel for Turn<'_> {
        #[inline(always)]
        fn run<L: Lanes, const ROWS: usize>(self) {
            self.1.resize(L::COUNT * L::COUNT, 0.0);
            // SAFETY: rows are 20 numbers apart, columns as long as a vector.
            unsafe { L::transpose(self.0.as_ptr(), 20, self.1.as_mut_ptr(), L::COUNT) };
        }
    }

    #[test]
    fn rows_become_columns_on_every_instruction_set() {
        let x: Vec<f32> = (0..16 * 20).map(|i| i as f32).collect();
        for level in Level::available() {
            let mut found = Vec::new();
            dispatch_at(level, Turn(&x, &mut found));
            let count = found.len().isqrt();
            let expected: Vec<f32> = (0..count * count)
                .map(|i| x[i % count * 20 + i / count])
                .collect();
            assert_eq!(found, expected, "{level:?}");
        }
    }

    #[test]
    fn powers_of_two_are_within_two_units_in_the_last_place_on_every_instruction_set() {
        let mut x: Vec<f32> = (0..20_000).map(|i| -126.0 + i as f32 * 0.006_4).collect();
        x.extend([
            f32::NEG_INFINITY,
            -1e30,
            -200.0,
            -161.0,
            f32::NAN,
            0.0,
            -0.0,
            1.0,
        ]);
        x.extend([0.0; 8]);
        for level in Level::available() {
            let mut found = Vec::new();
            dispatch_at(level, Powers(&x, &mut found));
            assert_eq!(found.len(), x.len());
            for (&x, &found) in x.iter().zip(&found) {
                let expected = f64::from(x).exp2();
                if x.is_nan() {
                    assert!(found.is_nan(), "{level:?}");
                    continue;
                }
                let error = (f64::from(found) - expected).abs();
                assert!(
                    error <= 2.0 * expected * f64::from(f32::EPSILON) / 2.0 + 1e-44,
                    "{level:?}: 2^{x} is {expected}, not {found}"
                );
            }
        }
    }
}
