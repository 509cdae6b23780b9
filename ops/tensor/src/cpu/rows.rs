//! Kernels that work on one row at a time: softmax and layer normalisation, and their gradients.

use super::reduce::{sum_of, sum_of_terms, top_of};
use super::simd::{self, Isa};
use super::{Cpu, math, random, scratch};
use crate::ops::dropout::Dropout;
use crate::rng::WORDS;

/// Elements that one task handles.
const TASK: usize = 1 << 14;

fn rows_per_task(length: usize) -> usize {
    (TASK / length.max(1)).max(1)
}

/// `output = softmax(input)`, or its logarithm, for each row of `length`.
pub(crate) fn softmax(
    cpu: &Cpu,
    input: &[f32],
    output: &mut [f32],
    length: usize,
    logarithm: bool,
) {
    if output.is_empty() {
        return;
    }
    let chunk = rows_per_task(length) * length;
    cpu.threads().chunks_mut(output, chunk, |task, results| {
        softmax_rows(&input[task * chunk..], results, length, logarithm);
    });
}

simd::kernel! {
    fn softmax_rows<I>(input: &[f32], results: &mut [f32], length: usize, logarithm: bool) {
        for (result, row) in results.chunks_exact_mut(length).zip(input.chunks_exact(length)) {
            softmax_row::<I>(row, result, logarithm);
        }
    }
}

#[inline(always)]
fn softmax_row<I: Isa>(row: &[f32], result: &mut [f32], logarithm: bool) {
    let top = top_of(row);
    if logarithm {
        let sum = sum_of_terms::<I>(row, top).ln() as f32;
        for (to, &x) in result.iter_mut().zip(row) {
            *to = x - top - sum;
        }
    } else {
        for (to, &x) in result.iter_mut().zip(row) {
            *to = math::exp::<I>(x - top);
        }
        let scale = (1.0 / sum_of(result, |x| x)) as f32;
        for to in result {
            *to *= scale;
        }
    }
}

/// The gradient of [`softmax`]'s input: `y (g - Σ g y)`, or `g - exp(y) Σ g` for its logarithm.
pub(crate) fn softmax_gradient(
    cpu: &Cpu,
    result: &[f32],
    upstream: &[f32],
    output: &mut [f32],
    length: usize,
    logarithm: bool,
) {
    if output.is_empty() {
        return;
    }
    let chunk = rows_per_task(length) * length;
    cpu.threads().chunks_mut(output, chunk, |task, gradients| {
        let (result, upstream) = (&result[task * chunk..], &upstream[task * chunk..]);
        softmax_gradient_rows(result, upstream, gradients, length, logarithm);
    });
}

simd::kernel! {
    fn softmax_gradient_rows<I>(result: &[f32], upstream: &[f32], gradients: &mut [f32], length: usize, logarithm: bool) {
        let rows = result.chunks_exact(length).zip(upstream.chunks_exact(length));
        for (to, (y, g)) in gradients.chunks_exact_mut(length).zip(rows) {
            if logarithm {
                let sum = sum_of(g, |g| g) as f32;
                for ((to, &y), &g) in to.iter_mut().zip(y).zip(g) {
                    *to = g - math::exp::<I>(y) * sum;
                }
            } else {
                for ((to, &y), &g) in to.iter_mut().zip(y).zip(g) {
                    *to = g * y;
                }
                let sum = sum_of(to, |x| x) as f32;
                for (to, &y) in to.iter_mut().zip(y) {
                    *to -= y * sum;
                }
            }
        }
    }
}

/// Normalises each row of `x`, `[rows, hidden]`, and notes its mean and reciprocal deviation, `[rows, 2]`.
pub(crate) fn layer_norm(
    cpu: &Cpu,
    [x, weight, bias]: [&[f32]; 3],
    result: &mut [f32],
    statistics: &mut [f32],
    epsilon: f32,
) {
    let hidden = weight.len();
    if result.is_empty() {
        return;
    }
    let rows = rows_per_task(hidden);
    let tasks = (result.chunks_mut(rows * hidden))
        .zip(statistics.chunks_mut(rows * 2))
        .zip(x.chunks(rows * hidden));
    cpu.threads()
        .each(tasks.collect(), |((result, statistics), x)| {
            layer_norm_rows(x, weight, bias, result, statistics, epsilon);
        });
}

simd::kernel! {
    fn layer_norm_rows<I>(x: &[f32], weight: &[f32], bias: &[f32], result: &mut [f32], statistics: &mut [f32], epsilon: f32) {
        let hidden = weight.len();
        let rows = result.chunks_exact_mut(hidden).zip(x.chunks_exact(hidden));
        for ((to, x), statistics) in rows.zip(statistics.chunks_exact_mut(2)) {
            let mean = (sum_of(x, |x| x) / hidden as f64) as f32;
            let variance = sum_of(x, |x| (x - mean) * (x - mean)) / hidden as f64;
            let scale = (1.0 / (variance + f64::from(epsilon)).sqrt()) as f32;
            statistics.copy_from_slice(&[mean, scale]);
            for (((to, &x), &weight), &bias) in to.iter_mut().zip(x).zip(weight).zip(bias) {
                *to = (x - mean) * scale * weight + bias;
            }
        }
    }
}

/// What [`add_layer_norm`] writes.
pub(crate) struct Normalised<'a> {
    pub result: &'a mut [f32],
    /// As those of [`layer_norm`].
    pub statistics: &'a mut [f32],
    /// What was normalised, where somebody needs it.
    pub sum: Option<&'a mut [f32]>,
}

/// [`layer_norm`] of `x + residual`, where elements of `x` are dropped before.
pub(crate) fn add_layer_norm(
    cpu: &Cpu,
    [x, residual, weight, bias]: [&[f32]; 4],
    dropout: Option<Dropout>,
    to: Normalised<'_>,
    epsilon: f32,
) {
    let hidden = weight.len();
    if to.result.is_empty() {
        return;
    }
    // Whole batches of random words, so that each task begins with one.
    let mut step = 1;
    while !(step * hidden).is_multiple_of(WORDS) {
        step *= 2;
    }
    let rows = rows_per_task(hidden).next_multiple_of(step);
    let chunk = rows * hidden;
    let tasks = to.result.len().div_ceil(chunk);
    let sums: Vec<Option<&mut [f32]>> = match to.sum {
        Some(sum) => sum.chunks_mut(chunk).map(Some).collect(),
        None => (0..tasks).map(|_| None).collect(),
    };
    let tasks = (to.result.chunks_mut(chunk))
        .zip(to.statistics.chunks_mut(rows * 2))
        .zip(sums)
        .enumerate();
    cpu.threads()
        .each(tasks.collect(), |(task, ((result, statistics), sum))| {
            let first = task * chunk;
            let [x, residual] = [x, residual].map(|all| &all[first..first + result.len()]);
            let mut normalise = |sum: &mut [f32]| {
                match dropout {
                    Some(dropout) => random::dropout_and_add(x, residual, sum, dropout, first),
                    None => add(x, residual, sum),
                }
                layer_norm_rows(sum, weight, bias, result, statistics, epsilon);
            };
            match sum {
                Some(sum) => normalise(sum),
                None => scratch::with([x.len()], |[start]| {
                    // SAFETY: the memory is this task's alone, and was set when it came from the system.
                    normalise(unsafe { std::slice::from_raw_parts_mut(start, x.len()) });
                }),
            }
        });
}

simd::kernel! {
    fn add<I>(a: &[f32], b: &[f32], sum: &mut [f32]) {
        for ((sum, a), b) in sum.iter_mut().zip(a).zip(b) {
            *sum = a + b;
        }
    }
}

/// The gradients of [`layer_norm`]'s inputs, `[of x, of weight, of bias]`.
pub(crate) fn layer_norm_gradient(
    cpu: &Cpu,
    [x, weight, statistics, upstream]: [&[f32]; 4],
    [of_x, of_weight, of_bias]: [&mut [f32]; 3],
) {
    let hidden = weight.len();
    of_weight.fill(0.0);
    of_bias.fill(0.0);
    if of_x.is_empty() {
        return;
    }
    let rows = rows_per_task(hidden);
    let tasks = of_x.len().div_ceil(rows * hidden);
    // Each task sums its own rows; the sums are added up in order.
    let mut sums = vec![0.0_f32; tasks * 2 * hidden];
    let work = (of_x.chunks_mut(rows * hidden))
        .zip(sums.chunks_exact_mut(2 * hidden))
        .zip(x.chunks(rows * hidden))
        .zip(upstream.chunks(rows * hidden))
        .zip(statistics.chunks(rows * 2));
    cpu.threads().each(
        work.collect(),
        |((((of_x, sums), x), upstream), statistics)| {
            layer_norm_gradient_rows([x, weight, statistics, upstream], of_x, sums);
        },
    );
    for part in sums.chunks_exact(2 * hidden) {
        let (weights, biases) = part.split_at(hidden);
        for ((total, bias_total), (part, bias)) in of_weight
            .iter_mut()
            .zip(of_bias.iter_mut())
            .zip(weights.iter().zip(biases))
        {
            *total += part;
            *bias_total += bias;
        }
    }
}

simd::kernel! {
    fn layer_norm_gradient_rows<I>(inputs: [&[f32]; 4], of_x: &mut [f32], sums: &mut [f32]) {
        let [x, weight, statistics, upstream] = inputs;
        let hidden = weight.len();
        let (of_weight, of_bias) = sums.split_at_mut(hidden);
        let rows = of_x
            .chunks_exact_mut(hidden)
            .zip(x.chunks_exact(hidden))
            .zip(upstream.chunks_exact(hidden))
            .zip(statistics.as_chunks::<2>().0);
        for (((to, x), g), &[mean, scale]) in rows {
            let sums = of_weight.iter_mut().zip(of_bias.iter_mut());
            let inputs = g.iter().zip(weight).zip(x);
            for ((to, ((&g, &weight), &x)), (of_weight, of_bias)) in to.iter_mut().zip(inputs).zip(sums) {
                *of_weight += g * (x - mean) * scale;
                *of_bias += g;
                *to = g * weight;
            }
            let mean_gradient = (sum_of(to, |g| g) / hidden as f64) as f32;
            let along = (dot(to, x, mean) * f64::from(scale) / hidden as f64) as f32;
            for (to, &x) in to.iter_mut().zip(x) {
                let normal = (x - mean) * scale;
                *to = scale * (*to - mean_gradient - normal * along);
            }
        }
    }
}

/// `Σ a (b - shift)`, in lanes.
#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32], shift: f32) -> f64 {
    let mut lanes = [0.0_f32; 16];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    for (a, b) in a.iter().zip(b) {
        for ((lane, &a), &b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * (b - shift);
        }
    }
    for ((lane, &a), &b) in lanes.iter_mut().zip(a_rest).zip(b_rest) {
        *lane += a * (b - shift);
    }
    lanes.iter().map(|&lane| f64::from(lane)).sum()
}
