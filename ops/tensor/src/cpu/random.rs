//! Kernels that draw random numbers: dropout and the initialisers.

// Coefficients are written with the digits that their source gives.
#![allow(clippy::excessive_precision)]

use super::simd::{self, Isa};
use super::{Cpu, math};
use crate::RandomKey;
use crate::ops::dropout::Dropout;
use crate::rng::{LANES, WORDS, unit};

/// Elements that one task handles, a multiple of [`WORDS`].
const TASK: usize = 1 << 14;

/// What random words become.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Draw {
    /// `low + (high - low) u` for `u` evenly from 0 to 1.
    Uniform { low: f32, high: f32 },
    /// `mean + deviation z` for a standard normal `z`.
    Normal { mean: f32, deviation: f32 },
    /// The same within `low` and `high`; `from` and `to` are twice the probabilities below these, less 1.
    Truncated {
        mean: f32,
        deviation: f32,
        low: f32,
        high: f32,
        from: f32,
        to: f32,
    },
}

fn first_block(task: usize) -> u64 {
    (task * TASK / 4) as u64
}

/// `output = input * scale` where the element's word is at least `threshold`, else 0.
pub(crate) fn dropout(
    cpu: &Cpu,
    input: &[f32],
    output: &mut [f32],
    key: RandomKey,
    threshold: u32,
    scale: f32,
) {
    cpu.threads().chunks_mut(output, TASK, |task, results| {
        let input = &input[task * TASK..][..results.len()];
        dropout_piece(input, results, key, first_block(task), threshold, scale);
    });
}

simd::kernel! {
    fn dropout_piece<I>(input: &[f32], results: &mut [f32], key: RandomKey, first: u64, threshold: u32, scale: f32) {
        let (wholes, rest) = results.as_chunks_mut::<WORDS>();
        let (whole_inputs, rest_input) = input.as_chunks::<WORDS>();
        let mut block = first;
        for (results, input) in wholes.iter_mut().zip(whole_inputs) {
            let words = key.words(block);
            for ((to, &x), word) in results.iter_mut().zip(input).zip(words) {
                *to = if word < threshold { 0.0 } else { x * scale };
            }
            block += LANES as u64;
        }
        if !rest.is_empty() {
            let words = key.words(block);
            for ((to, &x), word) in rest.iter_mut().zip(rest_input).zip(words) {
                *to = if word < threshold { 0.0 } else { x * scale };
            }
        }
    }
}

simd::kernel! {
    /// `sum = input dropped + residual`, where the input's first element has number `first`, a multiple of [`WORDS`].
    pub(super) fn dropout_and_add<I>(input: &[f32], residual: &[f32], sum: &mut [f32], dropout: Dropout, first: usize) {
        let Dropout { key, threshold, scale } = dropout;
        let add = |sum: &mut [f32], input: &[f32], residual: &[f32], words: [u32; WORDS]| {
            for (((to, &x), &residual), word) in sum.iter_mut().zip(input).zip(residual).zip(words) {
                *to = if word < threshold { residual } else { x * scale + residual };
            }
        };
        let (wholes, rest) = sum.as_chunks_mut::<WORDS>();
        let (whole_inputs, rest_input) = input.as_chunks::<WORDS>();
        let (whole_residuals, rest_residual) = residual.as_chunks::<WORDS>();
        let mut block = (first / 4) as u64;
        for ((sum, input), residual) in wholes.iter_mut().zip(whole_inputs).zip(whole_residuals) {
            add(sum, input, residual, key.words(block));
            block += LANES as u64;
        }
        if !rest.is_empty() {
            add(rest, rest_input, rest_residual, key.words(block));
        }
    }
}

/// 1 where the element's word is below `threshold`, else 0; 1 everywhere without one.
pub(crate) fn bernoulli(cpu: &Cpu, output: &mut [u32], key: RandomKey, threshold: Option<u32>) {
    let Some(threshold) = threshold else {
        output.fill(1);
        return;
    };
    cpu.threads().chunks_mut(output, TASK, |task, results| {
        bernoulli_piece(results, key, first_block(task), threshold);
    });
}

simd::kernel! {
    fn bernoulli_piece<I>(results: &mut [u32], key: RandomKey, first: u64, threshold: u32) {
        for (results, place) in results.chunks_mut(WORDS).zip(0..) {
            let words = key.words(first + place * LANES as u64);
            for (to, word) in results.iter_mut().zip(words) {
                *to = u32::from(word < threshold);
            }
        }
    }
}

/// Fills `output` with what is drawn.
pub(crate) fn draw(cpu: &Cpu, output: &mut [f32], key: RandomKey, draw: Draw) {
    cpu.threads().chunks_mut(output, TASK, |task, results| {
        draw_piece(results, key, first_block(task), draw);
    });
}

simd::kernel! {
    fn draw_piece<I>(results: &mut [f32], key: RandomKey, first: u64, draw: Draw) {
        for (results, place) in results.chunks_mut(WORDS).zip(0..) {
            let words = key.words(first + place * LANES as u64);
            let mut drawn = [0.0_f32; WORDS];
            match draw {
                Draw::Uniform { low, high } => {
                    for (to, word) in drawn.iter_mut().zip(words) {
                        *to = low + (high - low) * unit(word);
                    }
                }
                Draw::Normal { mean, deviation } => {
                    let (pairs, _) = drawn.as_chunks_mut::<2>();
                    for ([first, second], [a, b]) in pairs.iter_mut().zip(words.as_chunks::<2>().0) {
                        let (cosine, sine) = box_muller::<I>(*a, *b);
                        *first = mean + deviation * cosine;
                        *second = mean + deviation * sine;
                    }
                }
                Draw::Truncated { mean, deviation, low, high, from, to } => {
                    for (place, word) in drawn.iter_mut().zip(words) {
                        let share = from + (to - from) * unit(word);
                        let x = mean + deviation * std::f32::consts::SQRT_2 * inverse_erf::<I>(share);
                        *place = x.max(low).min(high);
                    }
                }
            }
            results.copy_from_slice(&drawn[..results.len()]);
        }
    }
}

/// Two independent standard normal numbers from two random words (Box & Muller 1958).
#[inline(always)]
fn box_muller<I: Isa>(a: u32, b: u32) -> (f32, f32) {
    // From 2^-24 to 1: the logarithm is finite.
    let radius = (-2.0 * math::ln::<I>(((a >> 8) + 1) as f32 * (1.0 / 16_777_216.0))).sqrt();
    // The nearest quarter of a turn, and what is left of it: exact, up to an eighth of a turn.
    let turn = b >> 8;
    let quarter = (turn + (1 << 21)) >> 22;
    let rest = turn.wrapping_sub(quarter << 22) as i32;
    let x = rest as f32 * (std::f32::consts::TAU / 16_777_216.0);
    let square = x * x;
    // Taylor's series, whose next terms are below 3e-9.
    let mut sine = I::mul_add(square, 1.0 / 362_880.0, -1.0 / 5_040.0);
    sine = I::mul_add(square, sine, 1.0 / 120.0);
    sine = I::mul_add(square, sine, -1.0 / 6.0);
    sine = I::mul_add(square * x, sine, x);
    let mut cosine = I::mul_add(square, -1.0 / 3_628_800.0, 1.0 / 40_320.0);
    cosine = I::mul_add(square, cosine, -1.0 / 720.0);
    cosine = I::mul_add(square, cosine, 1.0 / 24.0);
    cosine = I::mul_add(square, cosine, -0.5);
    cosine = I::mul_add(square, cosine, 1.0);
    let swapped = quarter & 1 == 1;
    let (c, s) = if swapped {
        (sine, cosine)
    } else {
        (cosine, sine)
    };
    let c = if (quarter + 1) & 2 != 0 { -c } else { c };
    let s = if quarter & 2 != 0 { -s } else { s };
    (radius * c, radius * s)
}

/// The inverse error function within 4e-7 relative (Giles 2010, "Approximating the erfinv function", single precision).
#[inline(always)]
fn inverse_erf<I: Isa>(x: f32) -> f32 {
    let w = -math::ln::<I>((1.0 - x) * (1.0 + x));
    let near = polynomial::<I>(
        w - 2.5,
        [
            2.810_226_36e-8,
            3.432_739_39e-7,
            -3.523_387_7e-6,
            -4.391_506_54e-6,
            0.000_218_580_87,
            -0.001_253_725_03,
            -0.004_177_681_64,
            0.246_640_727,
            1.501_409_41,
        ],
    );
    let far = polynomial::<I>(
        w.sqrt() - 3.0,
        [
            -0.000_200_214_257,
            0.000_100_950_558,
            0.001_349_343_22,
            -0.003_673_428_44,
            0.005_739_507_73,
            -0.007_622_461_3,
            0.009_438_870_47,
            1.001_674_06,
            2.832_976_82,
        ],
    );
    // Both ends are infinite.
    let inner = if w < 5.0 { near } else { far };
    let value = inner * x;
    if x >= 1.0 {
        f32::INFINITY
    } else if x <= -1.0 {
        f32::NEG_INFINITY
    } else {
        value
    }
}

#[inline(always)]
fn polynomial<I: Isa>(x: f32, coefficients: [f32; 9]) -> f32 {
    let mut sum = coefficients[0];
    for coefficient in &coefficients[1..] {
        sum = I::mul_add(sum, x, *coefficient);
    }
    sum
}
