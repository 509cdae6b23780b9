//! Functions of one `f32` that vectorise: no branches, no tables, no calls.
//!
//! Each is inlined into a kernel and generic over its [`Isa`], so that a loop over a slice becomes vector code. The polynomials
//! were fitted for these intervals by reweighted least squares on Chebyshev nodes. Largest errors: exp and ln 1 ulp; tanh, sigmoid
//! and erf 3 ulp; GELU, whose left tail is a small number through a large exponent, 2e-6 relative down to -6. What is not a number stays so, and infinities go to their limits.

// Constants are written with the digits that the fit gave.
#![allow(clippy::excessive_precision)]

use crate::cpu::simd::Isa;

/// 1.5 * 2^23: adding it to a number below 2^22 rounds that to an integer, which the low bits then hold.
const ROUND: f32 = 12_582_912.0;
/// ln 2 in two parts, of which the first has so few bits that its multiples by an exponent are exact.
const LN_2_HIGH: f32 = 0.693_359_375;
const LN_2_LOW: f32 = -2.121_944_4e-4;
const INV_SQRT_2_PI: f32 = 0.398_942_28;
const SQRT_2_BY_PI: f32 = 0.797_884_56;
/// The cubic term of the tanh form of GELU (Hendrycks & Gimpel 2016).
const GELU_CUBIC: f32 = 0.044_715;
/// Standard deviations beyond which the normal distribution has no weight to speak of: e^(-a^2 / 2) is still a normal number.
const FAR: f32 = 13.2;

/// The polynomial with these coefficients, highest power first.
#[inline(always)]
fn polynomial<I: Isa, const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut sum = coefficients[0];
    for coefficient in &coefficients[1..] {
        sum = I::mul_add(sum, x, *coefficient);
    }
    sum
}

#[inline(always)]
fn at_most(x: f32, limit: f32) -> f32 {
    if x > limit { limit } else { x }
}

#[inline(always)]
fn at_least(x: f32, limit: f32) -> f32 {
    if x < limit { limit } else { x }
}

/// 2^n for the exponents of normal numbers.
#[inline(always)]
fn power_of_2(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) << 23) as u32)
}

/// `(n, e^r - 1)` with `x = n ln 2 + r` and `r` within half of ln 2, for |x| up to 2^20.
#[inline(always)]
fn reduced_expm1<I: Isa>(x: f32) -> (i32, f32) {
    let shifted = I::mul_add(x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    let whole = shifted - ROUND;
    let r = I::mul_add(whole, -LN_2_LOW, I::mul_add(whole, -LN_2_HIGH, x));
    let tail = polynomial::<I, 5>(
        r,
        [
            0.001_381_453_8,
            0.008_368_745,
            0.041_668_39,
            0.166_665_21,
            0.499_999_94,
        ],
    );
    (n, I::mul_add(r * r, tail, r))
}

/// e^x.
#[inline(always)]
pub fn exp<I: Isa>(x: f32) -> f32 {
    let (n, expm1) = reduced_expm1::<I>(at_least(at_most(x, 89.0), -104.0));
    // In two steps, because 2^n alone may be past the largest or the smallest normal number.
    let half = n >> 1;
    (expm1 + 1.0) * power_of_2(half) * power_of_2(n.wrapping_sub(half))
}

/// e^x for x up to 80, and no less than e^-87: for terms of a sum that is 1 at least. Half the work of [`exp`], with an error of
/// 2.4e-7 at most for x up to 0, and of 6 ulp from -1 to 4; half of that with fused instructions.
#[inline(always)]
pub fn exp_of_term<I: Isa>(x: f32) -> f32 {
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    let x = at_least(x, -87.0);
    let shifted = I::mul_add(x, LOG2_E, ROUND);
    let n = shifted.to_bits().wrapping_sub(ROUND.to_bits());
    let fraction = I::mul_add(x, LOG2_E, -(shifted - ROUND));
    let power = polynomial::<I, 6>(
        fraction,
        [
            0.001_326_472_7,
            0.009_671_513,
            0.055_507_336,
            0.240_222_42,
            0.693_146_99,
            1.0,
        ],
    );
    f32::from_bits(power.to_bits().wrapping_add(n << 23))
}

/// The natural logarithm; minus infinity of zero, not a number below.
#[inline(always)]
pub fn ln<I: Isa>(x: f32) -> f32 {
    // Subnormal numbers are scaled into the normal range.
    let small = x < f32::MIN_POSITIVE;
    let scaled = if small { x * 8_388_608.0 } else { x };
    let bits = scaled.to_bits();
    // The exponent that leaves a mantissa between sqrt(1/2) and sqrt(2).
    let n = (bits.wrapping_sub(0x3f35_04f3) as i32) >> 23;
    let r = f32::from_bits(bits.wrapping_sub((n << 23) as u32)) - 1.0;
    let exponent = n as f32 - if small { 23.0 } else { 0.0 };
    let tail = polynomial::<I, 9>(
        r,
        [
            0.067_465_916,
            -0.116_756_387,
            0.118_881_777,
            -0.124_055_92,
            0.142_195_51,
            -0.166_679_96,
            0.200_021_19,
            -0.250_000_09,
            0.333_333_13,
        ],
    );
    let square = r * r;
    let low = I::mul_add(
        exponent,
        LN_2_LOW,
        I::mul_add(square * r, tail, -0.5 * square),
    );
    let value = I::mul_add(exponent, LN_2_HIGH, low + r);
    let value = if x == 0.0 { f32::NEG_INFINITY } else { value };
    let value = if x < 0.0 { f32::NAN } else { value };
    if x < f32::INFINITY { value } else { x }
}

/// The hyperbolic tangent.
#[inline(always)]
pub fn tanh<I: Isa>(x: f32) -> f32 {
    // Through e^2|x| - 1, which keeps its precision near zero.
    let (n, expm1) = reduced_expm1::<I>(at_most(2.0 * x.abs(), 40.0));
    let power = power_of_2(n);
    let expm1 = I::mul_add(power, expm1, power - 1.0);
    (expm1 / (expm1 + 2.0)).copysign(x)
}

/// 1 / (1 + e^-x).
#[inline(always)]
pub fn sigmoid<I: Isa>(x: f32) -> f32 {
    1.0 / (1.0 + exp::<I>(-x))
}

/// e^(-a^2 / 2) for `a` from 0 to [`FAR`]. What the square loses by rounding is added to the small rest of the exponent.
#[inline(always)]
fn bell<I: Isa>(a: f32) -> f32 {
    let square = a * a;
    let lost = I::mul_add(a, a, -square);
    let shifted = I::mul_add(square, -0.5 * std::f32::consts::LOG2_E, ROUND);
    let n = shifted.to_bits().wrapping_sub(ROUND.to_bits());
    let whole = shifted - ROUND;
    let rest = I::mul_add(whole, -LN_2_HIGH, -0.5 * square);
    let rest = I::mul_add(-0.5, lost, I::mul_add(whole, -LN_2_LOW, rest));
    let power = polynomial::<I, 6>(
        rest,
        [
            0.008_290_315,
            0.041_897_93,
            0.166_676_36,
            0.499_991_5,
            0.999_999_7,
            1.0,
        ],
    );
    f32::from_bits(power.to_bits().wrapping_add(n << 23))
}

/// `(P(X < -a) e^(a^2 / 2), e^(-a^2 / 2))` for a standard normal X and `a` from 0 to [`FAR`].
#[inline(always)]
fn mills_and_bell<I: Isa>(a: f32) -> (f32, f32) {
    let bell = bell::<I>(a);
    // Mills' ratio is smooth in this variable.
    let t = 1.0 / I::mul_add(a, 0.25, 1.0);
    let mills = polynomial::<I, 8>(
        t,
        [
            -0.098_254_815,
            0.373_846_9,
            -0.332_151_7,
            0.352_095_66,
            -0.019_881_61,
            0.128_385_4,
            0.095_721_43,
            0.000_238_792_62,
        ],
    );
    (mills, bell)
}

/// The error function.
#[inline(always)]
pub fn erf<I: Isa>(x: f32) -> f32 {
    let square = x * x;
    let near = polynomial::<I, 7>(
        square,
        [
            7.853_854e-5,
            -0.000_801_019_14,
            0.005_188_327_3,
            -0.026_853_811,
            0.112_835_854,
            -0.376_126_26,
            0.128_379_166,
        ],
    );
    let near = I::mul_add(x, near, x);
    let a = at_most(x.abs() * std::f32::consts::SQRT_2, FAR);
    let (mills, bell) = mills_and_bell::<I>(a);
    let far = I::mul_add(-2.0 * bell, mills, 1.0).copysign(x);
    if square < 1.0 { near } else { far }
}

/// `(P(X < x), density at x)` of a standard normal X.
#[inline(always)]
pub fn normal<I: Isa>(x: f32) -> (f32, f32) {
    let (mills, bell) = mills_and_bell::<I>(at_most(x.abs(), FAR));
    let tail = bell * mills;
    (
        if x > 0.0 { 1.0 - tail } else { tail },
        bell * INV_SQRT_2_PI,
    )
}

/// x P(X < x) for a standard normal X: GELU (Hendrycks & Gimpel 2016), exact form.
#[inline(always)]
pub fn gelu<I: Isa>(x: f32) -> f32 {
    // x P(X < x) = x - x P(X < -x): of both signs it is a tail less than the larger of x and 0.
    let a = at_most(x.abs(), FAR);
    let (mills, bell) = mills_and_bell::<I>(a);
    I::mul_add(-a * bell, mills, if x > 0.0 { x } else { 0.0 })
}

/// The derivative of [`gelu`].
#[inline(always)]
pub fn gelu_derivative<I: Isa>(x: f32) -> f32 {
    let x = at_least(at_most(x, 14.5), -14.5);
    let (below, density) = normal::<I>(x);
    I::mul_add(x, density, below)
}

/// GELU by its tanh approximation, 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
#[inline(always)]
pub fn gelu_tanh<I: Isa>(x: f32) -> f32 {
    // (1 + tanh u) / 2 = sigmoid(2 u), which does not cancel below zero.
    let y = at_least(x, -14.5);
    let cubic = I::mul_add(GELU_CUBIC * y * y, y, y);
    y * sigmoid::<I>(2.0 * SQRT_2_BY_PI * cubic)
}

/// The derivative of [`gelu_tanh`].
#[inline(always)]
pub fn gelu_tanh_derivative<I: Isa>(x: f32) -> f32 {
    let x = at_least(at_most(x, 14.5), -14.5);
    let square = x * x;
    let cubic = I::mul_add(GELU_CUBIC * square, x, x);
    // s and s (1 - s) for the sigmoid s, without the cancellation of 1 - s.
    let e = exp::<I>(-2.0 * SQRT_2_BY_PI * cubic.abs());
    let inverse = 1.0 / (1.0 + e);
    let s = if x > 0.0 { inverse } else { e * inverse };
    let slope = 2.0 * SQRT_2_BY_PI * I::mul_add(3.0 * GELU_CUBIC, square, 1.0);
    I::mul_add(x * slope, e * inverse * inverse, s)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::simd::Baseline;
    #[cfg(target_arch = "x86_64")]
    use crate::cpu::simd::{Avx2, Level};

    /// P(X < -a) by the continued fraction of Mills' ratio, or the series of the error function where that converges.
    fn normal_tail_f64(a: f64) -> f64 {
        if a < 3.0 {
            let (mut term, mut sum, mut n) = (a, a, 1.0);
            while term.abs() > 1e-18 {
                term *= -a * a / (2.0 * n);
                sum += term / (2.0 * n + 1.0);
                n += 1.0;
            }
            return 0.5 - sum / (2.0 * std::f64::consts::PI).sqrt();
        }
        let mut ratio = a;
        for n in (1..200).rev() {
            ratio = a + f64::from(n) / ratio;
        }
        (-a * a / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() / ratio
    }

    fn normal_f64(x: f64) -> f64 {
        if x > 0.0 {
            1.0 - normal_tail_f64(x)
        } else {
            normal_tail_f64(-x)
        }
    }

    fn erf_f64(x: f64) -> f64 {
        if x.abs() < 0.5 {
            let (mut term, mut sum, mut n) = (x, x, 1.0);
            while term.abs() > 1e-25 {
                term *= -x * x / n;
                sum += term / (2.0 * n + 1.0);
                n += 1.0;
            }
            return sum * 2.0 / std::f64::consts::PI.sqrt();
        }
        (1.0 - 2.0 * normal_tail_f64(x.abs() * std::f64::consts::SQRT_2)).copysign(x)
    }

    /// Evenly spaced numbers and ever smaller ones.
    fn arguments(from: f32, to: f32) -> impl Iterator<Item = f32> {
        let even = (0..=200_000).map(move |i| from + (to - from) * (i as f32 / 200_000.0));
        let small = (0..2000).map(|i| 1.013_f32.powi(-i)).flat_map(|x| [x, -x]);
        even.chain(small.filter(move |x| (from..=to).contains(x)))
    }

    /// The largest distance in units of the last place of the expected value; where that is subnormal, of the smallest normal.
    fn ulps(range: (f32, f32), ours: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64) -> f64 {
        arguments(range.0, range.1).fold(0.0, |most: f64, x| {
            let expected = exact(f64::from(x));
            let size = expected.abs().max(f64::from(f32::MIN_POSITIVE));
            let unit = 2_f64.powi(size.log2().floor() as i32 - 23);
            let error = (f64::from(ours(x)) - expected).abs() / unit;
            assert!(!error.is_nan(), "at {x}: {} for {expected}", ours(x));
            most.max(error)
        })
    }

    fn functions_are_exact_to<I: Isa>(exp_ulps: f64, ulps_of_others: f64, relative: f64) {
        let unit = f64::from(f32::EPSILON);
        assert!(ulps((-87.0, 88.7), exp::<I>, f64::exp) <= exp_ulps);
        assert!(ulps((-103.0, -87.0), exp::<I>, f64::exp) <= 1.0);
        assert!(ulps((-1.0, 4.0), exp_of_term::<I>, f64::exp) <= 2.0 * ulps_of_others);
        for x in arguments(-87.0, 0.0) {
            let error = f64::from(exp_of_term::<I>(x)) - f64::from(x).exp();
            assert!(error.abs() <= 4e-8 * 2.0 * ulps_of_others, "at {x}");
        }
        assert!(ulps((1e-38, 1e3), ln::<I>, f64::ln) <= 1.0);
        assert!(ulps((1e3, 3e38), ln::<I>, f64::ln) <= 1.0);
        assert!(ulps((-20.0, 20.0), tanh::<I>, f64::tanh) <= ulps_of_others);
        assert!(ulps((-80.0, 80.0), sigmoid::<I>, |x| 1.0 / (1.0 + (-x).exp())) <= ulps_of_others);
        assert!(ulps((-6.0, 6.0), erf::<I>, erf_f64) <= ulps_of_others);
        let density = |x: f64| (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
        assert!(ulps((-6.0, 8.0), gelu::<I>, |x| x * normal_f64(x)) * unit <= relative);
        let tanh_form = |x: f64| {
            x / (1.0
                + (-2.0 * (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x)).exp())
        };
        assert!(ulps((-4.0, 8.0), gelu_tanh::<I>, tanh_form) * unit <= relative);
        // The derivatives have zeros, near which only the absolute error is small.
        for x in arguments(-14.0, 14.0) {
            let y = f64::from(x);
            assert!(
                (f64::from(gelu_derivative::<I>(x)) - (normal_f64(y) + y * density(y))).abs()
                    < 3e-7,
                "at {x}"
            );
            let h = 1e-5;
            let slope = (tanh_form(y + h) - tanh_form(y - h)) / (2.0 * h);
            assert!(
                (f64::from(gelu_tanh_derivative::<I>(x)) - slope).abs() < 6e-7,
                "at {x}"
            );
        }
    }

    #[test]
    fn functions_are_exact_to_a_few_units_without_fused_instructions() {
        functions_are_exact_to::<Baseline>(1.0, 3.0, 3e-6);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn functions_are_exact_to_a_few_units_with_fused_instructions() {
        #[target_feature(enable = "avx2,fma")]
        fn fused() {
            functions_are_exact_to::<Avx2>(1.0, 3.0, 2.5e-6);
        }
        if Level::best() >= Level::Avx2 {
            // SAFETY: the processor has these features.
            unsafe { fused() };
        }
    }

    #[test]
    fn functions_go_to_their_limits_and_keep_what_is_not_a_number() {
        type F = fn(f32) -> f32;
        let limits: [(F, f32, f32); 9] = [
            (exp::<Baseline>, 0.0, f32::INFINITY),
            (tanh::<Baseline>, -1.0, 1.0),
            (sigmoid::<Baseline>, 0.0, 1.0),
            (erf::<Baseline>, -1.0, 1.0),
            (gelu::<Baseline>, 0.0, f32::INFINITY),
            (gelu_tanh::<Baseline>, 0.0, f32::INFINITY),
            (gelu_derivative::<Baseline>, 0.0, 1.0),
            (gelu_tanh_derivative::<Baseline>, 0.0, 1.0),
            (
                |x| ln::<Baseline>(x.max(0.0)),
                f32::NEG_INFINITY,
                f32::INFINITY,
            ),
        ];
        for (index, (function, below, above)) in limits.into_iter().enumerate() {
            for (x, limit) in [(f32::NEG_INFINITY, below), (f32::INFINITY, above)] {
                let y = function(x);
                assert!(
                    y == limit || (y - limit).abs() < 1e-6,
                    "function {index} at {x}: {y}"
                );
            }
            assert!(
                index == 8 || function(f32::NAN).is_nan(),
                "function {index}"
            );
        }
        assert!(ln::<Baseline>(-1.0).is_nan() && ln::<Baseline>(f32::NAN).is_nan());
        assert_eq!(
            (
                exp::<Baseline>(0.0),
                tanh::<Baseline>(0.0),
                erf::<Baseline>(0.0),
                ln::<Baseline>(1.0)
            ),
            (1.0, 0.0, 0.0, 0.0)
        );
    }
}
