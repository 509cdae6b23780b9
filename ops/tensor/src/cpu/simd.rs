//! One generic kernel, compiled for every instruction set and dispatched at run time.
//!
//! A kernel is plain Rust over slices of `f32`, written so that the compiler vectorises it: no branches that depend on values, no
//! calls that it can't inline. [`kernel!`](crate::cpu::simd::kernel) makes a function of it; [`Kernel`] and [`dispatch`] do the
//! same where the kernel itself has parameters that are types, such as the operation of an elementwise kernel.
//! Reductions add in [`LANES`] fixed lanes, so every instruction set gives the same order of sums.

use std::fmt;
use std::sync::OnceLock;

/// The number of partial results of a reduction, on whatever processor.
pub const LANES: usize = 16;

/// What differs between instruction sets for code that is otherwise the compiler's affair.
pub trait Isa: Copy + Send + Sync + 'static {
    /// `a * b + c`, in one rounding where the processor has such an instruction.
    fn mul_add(a: f32, b: f32, c: f32) -> f32;
}

/// A kernel with parameters of its own, for [`dispatch`].
pub trait Kernel {
    /// What it gives back.
    type Output;

    /// The body. Mark it `#[inline(always)]`: it must become part of the function that is compiled for the instruction set.
    fn run<I: Isa>(self) -> Self::Output;
}

/// The instruction sets that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// What every processor of the architecture has (NEON on aarch64).
    Baseline,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512 F, BW, DQ and VL.
    Avx512,
}

/// Code for any processor of the architecture.
#[derive(Clone, Copy, Debug)]
pub struct Baseline;

/// Code for x86-64 with AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
pub struct Avx2;

/// Code for x86-64 with AVX-512.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
pub struct Avx512;

impl Isa for Baseline {
    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        // On x86-64 without FMA a fused multiply-add is a call of some hundred cycles.
        if cfg!(target_arch = "aarch64") {
            a.mul_add(b, c)
        } else {
            a * b + c
        }
    }
}

#[cfg(target_arch = "x86_64")]
impl Isa for Avx2 {
    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
}

#[cfg(target_arch = "x86_64")]
impl Isa for Avx512 {
    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Baseline if cfg!(target_arch = "aarch64") => "NEON",
            Self::Baseline => "baseline",
            Self::Avx2 => "AVX2",
            Self::Avx512 => "AVX-512",
        })
    }
}

impl Level {
    /// The best of this processor, found once.
    #[inline]
    pub fn best() -> Self {
        static BEST: OnceLock<Level> = OnceLock::new();
        *BEST.get_or_init(|| *Self::available().last().unwrap_or(&Self::Baseline))
    }

    /// All that this processor has, the best last.
    pub fn available() -> Vec<Self> {
        #[cfg_attr(not(target_arch = "x86_64"), allow(unused_mut))]
        let mut levels = vec![Self::Baseline];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("f16c")
            {
                levels.push(Self::Avx2);
                if is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                {
                    levels.push(Self::Avx512);
                }
            }
        }
        levels
    }
}

/// Runs the kernel as compiled for the best instruction set of this processor.
#[inline]
pub fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
        fn avx512<K: Kernel>(kernel: K) -> K::Output {
            kernel.run::<Avx512>()
        }
        #[target_feature(enable = "avx2,fma,f16c")]
        fn avx2<K: Kernel>(kernel: K) -> K::Output {
            kernel.run::<Avx2>()
        }
        match Level::best() {
            // SAFETY: the processor has these features.
            Level::Avx512 => return unsafe { avx512(kernel) },
            // SAFETY: the processor has these features.
            Level::Avx2 => return unsafe { avx2(kernel) },
            Level::Baseline => {}
        }
    }
    kernel.run::<Baseline>()
}

/// Makes a function that is compiled for every instruction set and picks one when it is called.
///
/// ```
/// tensor::cpu::simd::kernel! {
///     /// `y += a * x`.
///     pub fn add_scaled<I>(a: f32, x: &[f32], y: &mut [f32]) {
///         for (y, x) in y.iter_mut().zip(x) {
///             *y = I::mul_add(a, *x, *y);
///         }
///     }
/// }
/// let mut y = [1.0, 2.0];
/// add_scaled(2.0, &[10.0, 20.0], &mut y);
/// assert_eq!(y, [21.0, 42.0]);
/// ```
///
/// The body is a function of its own, generic over `I: Isa`, so it sees its parameters and nothing else.
#[macro_export]
macro_rules! simd_kernel {
    ($(#[$meta:meta])* $visibility:vis fn $name:ident<$isa:ident>($($argument:ident : $kind:ty),* $(,)?) $(-> $output:ty)? $body:block) => {
        $(#[$meta])*
        $visibility fn $name($($argument: $kind),*) $(-> $output)? {
            #[inline(always)]
            #[allow(clippy::extra_unused_type_parameters)]
            fn body<$isa: $crate::cpu::simd::Isa>($($argument: $kind),*) $(-> $output)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
                fn avx512($($argument: $kind),*) $(-> $output)? {
                    body::<$crate::cpu::simd::Avx512>($($argument),*)
                }
                #[target_feature(enable = "avx2,fma,f16c")]
                fn avx2($($argument: $kind),*) $(-> $output)? {
                    body::<$crate::cpu::simd::Avx2>($($argument),*)
                }
                match $crate::cpu::simd::Level::best() {
                    // SAFETY: the processor has these features.
                    $crate::cpu::simd::Level::Avx512 => return unsafe { avx512($($argument),*) },
                    // SAFETY: the processor has these features.
                    $crate::cpu::simd::Level::Avx2 => return unsafe { avx2($($argument),*) },
                    $crate::cpu::simd::Level::Baseline => {}
                }
            }
            body::<$crate::cpu::simd::Baseline>($($argument),*)
        }
    };
}

pub use crate::simd_kernel as kernel;

/// Reduces `map` of the elements in [`LANES`] lanes, each in the order of the slice, and then the lanes by halves.
///
/// `map` sees the partial result of its lane and one element; `join` two partial results. For a kernel's body.
#[inline(always)]
pub fn reduce(
    x: &[f32],
    start: f32,
    map: impl Fn(f32, f32) -> f32,
    join: impl Fn(f32, f32) -> f32,
) -> f32 {
    // Two blocks of lanes hide some of the latency of an addition.
    let mut lanes = [[start; LANES]; 2];
    let mut pairs = x.chunks_exact(2 * LANES);
    for pair in &mut pairs {
        for (block, lanes) in lanes.iter_mut().enumerate() {
            for (lane, value) in lanes.iter_mut().enumerate() {
                *value = map(*value, pair[block * LANES + lane]);
            }
        }
    }
    for (index, &element) in pairs.remainder().iter().enumerate() {
        let lane = &mut lanes[index / LANES][index % LANES];
        *lane = map(*lane, element);
    }
    let [mut left, right] = lanes;
    for (left, right) in left.iter_mut().zip(right) {
        *left = join(*left, right);
    }
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            left[lane] = join(left[lane], left[lane + width]);
        }
        width /= 2;
    }
    left[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(x: &[f32]) -> f32 {
        reduce(x, 0.0, |sum, x| sum + x, |left, right| left + right)
    }

    kernel! {
        fn compiled_sum<I>(x: &[f32]) -> f32 {
            reduce(x, 0.0, |sum, x| sum + x, |left, right| left + right)
        }
    }

    #[test]
    fn reductions_of_any_length_equal_those_of_exact_numbers() {
        for length in [0, 1, 15, 16, 17, 31, 32, 33, 100, 1000] {
            let x: Vec<f32> = (0..length)
                .map(|i| ((i * 37) % 101) as f32 - 50.0)
                .collect();
            let wide: f64 = x.iter().map(|&x| f64::from(x)).sum();
            assert_eq!(f64::from(sum(&x)), wide, "{length}");
            let most = reduce(&x, f32::NEG_INFINITY, f32::max, f32::max);
            let expected = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            assert_eq!(most, expected, "{length}");
        }
    }

    #[test]
    fn a_sum_has_the_same_bits_on_every_instruction_set() {
        let x: Vec<f32> = (1..5000).map(|i| (i as f32).sin() * 1e3).collect();
        assert_eq!(compiled_sum(&x).to_bits(), sum(&x).to_bits());
    }
}
