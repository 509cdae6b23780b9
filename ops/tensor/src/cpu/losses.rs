//! Kernels of the losses: cross entropy row by row, the others element by element.

use super::reduce::{max_of, sum_of};
use super::rows::dot;
use super::simd::{self, Isa};
use super::{Cpu, Walk, math};
use crate::op::CpuInput;
use crate::shape::Shape;

/// Elements that one task handles.
const TASK: usize = 1 << 14;
/// Elements of a row that are brought together where they do not lie side by side.
const BLOCK: usize = 64;

/// What cross entropy knows besides logits and targets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CrossEntropyRows<'a> {
    /// The target of rows that do not count.
    pub ignored: Option<u32>,
    pub smoothing: f32,
    /// A weight for each class.
    pub weights: Option<&'a [f32]>,
    /// The sum of the weights.
    pub total: f32,
}

impl CrossEntropyRows<'_> {
    #[inline(always)]
    fn weight(&self, class: usize) -> f32 {
        self.weights.map_or(1.0, |weights| weights[class])
    }
}

/// The loss of each row of logits, the logarithm of the sum of its exponentials, and its weight in a mean.
pub(crate) fn cross_entropy(
    cpu: &Cpu,
    logits: &[f32],
    targets: &[u32],
    [losses, logsumexp, shares]: [&mut [f32]; 3],
    of: CrossEntropyRows<'_>,
) {
    if targets.is_empty() {
        return;
    }
    let classes = logits.len() / targets.len();
    let rows = (TASK / classes).max(1);
    let tasks = losses
        .chunks_mut(rows)
        .zip(logsumexp.chunks_mut(rows))
        .zip(shares.chunks_mut(rows))
        .zip(targets.chunks(rows))
        .zip(logits.chunks(rows * classes));
    cpu.threads().each(
        tasks.collect(),
        |((((losses, logsumexp), shares), targets), logits)| {
            cross_entropy_rows(logits, targets, losses, logsumexp, shares, of);
        },
    );
}

simd::kernel! {
    fn cross_entropy_rows<I>(logits: &[f32], targets: &[u32], losses: &mut [f32], logsumexp: &mut [f32], shares: &mut [f32], of: CrossEntropyRows<'_>) {
        let classes = logits.len() / targets.len();
        let results = losses.iter_mut().zip(logsumexp).zip(shares);
        for ((((loss, logsumexp), share), row), &target) in results.zip(logits.chunks_exact(classes)).zip(targets) {
            if Some(target) == of.ignored {
                (*loss, *logsumexp, *share) = (0.0, 0.0, 0.0);
                continue;
            }
            let top = max_of(row);
            let sum = sum_of(row, |x| math::exp::<I>(x - top));
            let log = (f64::from(top) + sum.ln()) as f32;
            let target = target as usize;
            let weight = of.weight(target);
            *loss = weight * (log - row[target]);
            if of.smoothing > 0.0 {
                let all = match of.weights {
                    None => sum_of(row, |x| log - x),
                    Some(weights) => -dot(weights, row, log),
                };
                let spread = of.smoothing * (all / classes as f64) as f32;
                *loss = (1.0 - of.smoothing) * *loss + spread;
            }
            (*logsumexp, *share) = (log, weight);
        }
    }
}

/// The gradient of the logits, from that of each row's loss.
pub(crate) fn cross_entropy_gradient(
    cpu: &Cpu,
    logits: &[f32],
    targets: &[u32],
    [logsumexp, upstream]: [&[f32]; 2],
    gradient: &mut [f32],
    of: CrossEntropyRows<'_>,
) {
    if gradient.is_empty() {
        return;
    }
    let classes = gradient.len() / targets.len();
    let rows = (TASK / classes).max(1);
    cpu.threads()
        .chunks_mut(gradient, rows * classes, |task, results| {
            let rows = task * rows..task * rows + results.len() / classes;
            let logits = &logits[rows.start * classes..];
            let [logsumexp, upstream] = [logsumexp, upstream].map(|x| &x[rows.clone()]);
            cross_entropy_gradient_rows(logits, &targets[rows], logsumexp, upstream, results, of);
        });
}

simd::kernel! {
    fn cross_entropy_gradient_rows<I>(logits: &[f32], targets: &[u32], logsumexp: &[f32], upstream: &[f32], results: &mut [f32], of: CrossEntropyRows<'_>) {
        let classes = results.len() / targets.len();
        let rows = results.chunks_exact_mut(classes).zip(logits.chunks_exact(classes));
        for (((result, row), &target), (&log, &upstream)) in rows.zip(targets).zip(logsumexp.iter().zip(upstream)) {
            if Some(target) == of.ignored {
                result.fill(0.0);
                continue;
            }
            let target = target as usize;
            let sharp = upstream * (1.0 - of.smoothing) * of.weight(target);
            let spread = upstream * of.smoothing / classes as f32;
            let scale = sharp + spread * of.total;
            match of.weights {
                Some(weights) if spread != 0.0 => {
                    for ((to, &x), &weight) in result.iter_mut().zip(row).zip(weights) {
                        *to = scale * math::exp::<I>(x - log) - spread * weight;
                    }
                }
                _ => {
                    for (to, &x) in result.iter_mut().zip(row) {
                        *to = scale * math::exp::<I>(x - log) - spread;
                    }
                }
            }
            result[target] -= sharp;
        }
    }
}

/// Calls `f` with pieces of `output` and what stretched inputs have there.
fn each_piece<const N: usize>(
    cpu: &Cpu,
    inputs: [&CpuInput<'_>; N],
    shape: &Shape,
    output: &mut [f32],
    f: impl Fn([&[f32]; N], &mut [f32]) + Sync,
) {
    let layouts = inputs.map(|input| input.layout.broadcast(shape));
    let all = inputs.map(|input| input.all::<f32>());
    let walk = Walk::new(std::array::from_fn(|input| &layouts[input]));
    walk.each_row(cpu, output, |row, starts, strides| {
        if strides == [1; N] {
            let pieces = std::array::from_fn(|input| &all[input][starts[input]..][..row.len()]);
            f(pieces, row);
            return;
        }
        let mut gathered = [[0.0; BLOCK]; N];
        for (block, results) in row.chunks_mut(BLOCK).enumerate() {
            for (input, piece) in gathered.iter_mut().enumerate() {
                let start = starts[input] + block * BLOCK * strides[input];
                for (place, to) in piece[..results.len()].iter_mut().enumerate() {
                    *to = all[input][start + place * strides[input]];
                }
            }
            let pieces = std::array::from_fn(|input| &gathered[input][..results.len()]);
            f(pieces, results);
        }
    });
}

/// `ln(1 + e^-|x|)`, exact where it is small: twice the series of the inverse hyperbolic tangent of `e / (2 + e)`.
#[inline(always)]
fn softplus_of_minus_abs<I: Isa>(x: f32) -> f32 {
    let e = math::exp::<I>(-x.abs());
    let s = e / (2.0 + e);
    let square = s * s;
    let mut sum = I::mul_add(square, 2.0 / 13.0, 2.0 / 11.0);
    for coefficient in [2.0 / 9.0, 2.0 / 7.0, 2.0 / 5.0, 2.0 / 3.0, 2.0] {
        sum = I::mul_add(square, sum, coefficient);
    }
    s * sum
}

/// The binary cross entropy of a logit, whose positive side has a weight.
#[inline(always)]
fn bce<I: Isa>(x: f32, y: f32, weight: f32) -> f32 {
    let softplus = softplus_of_minus_abs::<I>(x) + if x < 0.0 { -x } else { 0.0 };
    (1.0 - y) * x + (1.0 + (weight - 1.0) * y) * softplus
}

#[inline(always)]
fn bce_slope<I: Isa>(x: f32, y: f32, weight: f32) -> f32 {
    (1.0 - y) - (1.0 + (weight - 1.0) * y) * math::sigmoid::<I>(-x)
}

/// Inputs: logits, targets and perhaps the weights of positive sides.
pub(crate) fn bce_with_logits(
    cpu: &Cpu,
    inputs: &[CpuInput<'_>],
    shape: &Shape,
    output: &mut [f32],
) {
    match inputs {
        [x, y] => each_piece(cpu, [x, y], shape, output, |[x, y], to| bce_piece(x, y, to)),
        [x, y, weight, ..] => {
            each_piece(cpu, [x, y, weight], shape, output, |[x, y, w], to| {
                weighted_bce_piece(x, y, w, to);
            });
        }
        _ => {}
    }
}

/// Inputs: the upstream gradient, then as for [`bce_with_logits`].
pub(crate) fn bce_with_logits_gradient(
    cpu: &Cpu,
    inputs: &[CpuInput<'_>],
    shape: &Shape,
    output: &mut [f32],
) {
    match inputs {
        [g, x, y] => {
            each_piece(cpu, [g, x, y], shape, output, |[g, x, y], to| {
                bce_gradient_piece(g, x, y, to);
            });
        }
        [g, x, y, weight, ..] => {
            each_piece(cpu, [g, x, y, weight], shape, output, |[g, x, y, w], to| {
                weighted_bce_gradient_piece(g, x, y, w, to);
            });
        }
        _ => {}
    }
}

simd::kernel! {
    fn bce_piece<I>(x: &[f32], y: &[f32], results: &mut [f32]) {
        for ((to, &x), &y) in results.iter_mut().zip(x).zip(y) {
            *to = bce::<I>(x, y, 1.0);
        }
    }
}

simd::kernel! {
    fn weighted_bce_piece<I>(x: &[f32], y: &[f32], weight: &[f32], results: &mut [f32]) {
        for (((to, &x), &y), &weight) in results.iter_mut().zip(x).zip(y).zip(weight) {
            *to = bce::<I>(x, y, weight);
        }
    }
}

simd::kernel! {
    fn bce_gradient_piece<I>(g: &[f32], x: &[f32], y: &[f32], results: &mut [f32]) {
        for (((to, &x), &y), &g) in results.iter_mut().zip(x).zip(y).zip(g) {
            *to = g * bce_slope::<I>(x, y, 1.0);
        }
    }
}

simd::kernel! {
    fn weighted_bce_gradient_piece<I>(g: &[f32], x: &[f32], y: &[f32], weight: &[f32], results: &mut [f32]) {
        for ((((to, &x), &y), &weight), &g) in results.iter_mut().zip(x).zip(y).zip(weight).zip(g) {
            *to = g * bce_slope::<I>(x, y, weight);
        }
    }
}

/// Inputs: log-probabilities and targets, which are log-probabilities too where `log_target` says so.
pub(crate) fn kl_div(
    cpu: &Cpu,
    inputs: &[CpuInput<'_>],
    shape: &Shape,
    output: &mut [f32],
    log_target: bool,
) {
    if let [x, t] = inputs {
        each_piece(cpu, [x, t], shape, output, |[x, t], to| {
            kl_piece(x, t, to, log_target);
        });
    }
}

/// The gradient of the target, or of the input. Inputs: as for [`kl_div`], then the upstream gradient.
pub(crate) fn kl_div_gradient(
    cpu: &Cpu,
    inputs: &[CpuInput<'_>],
    shape: &Shape,
    output: &mut [f32],
    log_target: bool,
    of_target: bool,
) {
    if let [x, t, g] = inputs {
        each_piece(
            cpu,
            [x, t, g],
            shape,
            output,
            |[x, t, g], to| match of_target {
                true => kl_target_gradient_piece(x, t, g, to, log_target),
                false => kl_input_gradient_piece(t, g, to, log_target),
            },
        );
    }
}

/// A probability and its logarithm; both 0 where there is none, so that it adds nothing.
#[inline(always)]
fn probability<I: Isa>(target: f32, log_target: bool) -> (f32, f32) {
    let (p, log) = match log_target {
        true => (math::exp::<I>(target), target),
        false => (target, math::ln::<I>(target)),
    };
    (p, if p == 0.0 { 0.0 } else { log })
}

simd::kernel! {
    fn kl_piece<I>(x: &[f32], t: &[f32], results: &mut [f32], log_target: bool) {
        for ((to, &x), &t) in results.iter_mut().zip(x).zip(t) {
            let (p, log) = probability::<I>(t, log_target);
            let loss = p * (log - x);
            *to = if p == 0.0 { 0.0 } else { loss };
        }
    }
}

simd::kernel! {
    fn kl_input_gradient_piece<I>(t: &[f32], g: &[f32], results: &mut [f32], log_target: bool) {
        for ((to, &t), &g) in results.iter_mut().zip(t).zip(g) {
            *to = -g * probability::<I>(t, log_target).0;
        }
    }
}

simd::kernel! {
    fn kl_target_gradient_piece<I>(x: &[f32], t: &[f32], g: &[f32], results: &mut [f32], log_target: bool) {
        for (((to, &x), &t), &g) in results.iter_mut().zip(x).zip(t).zip(g) {
            let (p, log) = probability::<I>(t, log_target);
            let slope = (log - x + 1.0) * if log_target { p } else { 1.0 };
            *to = if p == 0.0 { 0.0 } else { g * slope };
        }
    }
}
