//! The penalised logistic loss, its gradient and its curvature.

use crate::CsrMatrix;
use crate::linear::{sigmoid, softmax};

/// Training rows over the features that occur in them, the most frequent first: the weights that most products touch
/// lie together in the cache.
pub(super) struct CompactRows {
    /// The feature behind each compact column.
    pub(super) columns: Vec<u32>,
    offsets: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f64>,
}

impl CompactRows {
    pub(super) fn new(x: &CsrMatrix) -> Self {
        let mut occurrences = vec![0_u32; x.columns()];
        x.indices()
            .iter()
            .for_each(|&column| occurrences[column as usize] += 1);
        let mut columns: Vec<u32> = (0..x.columns() as u32)
            .filter(|&c| occurrences[c as usize] > 0)
            .collect();
        columns.sort_by_key(|&column| std::cmp::Reverse(occurrences[column as usize]));
        let mut place = vec![0; x.columns()];
        for (at, &column) in (0..).zip(&columns) {
            place[column as usize] = at;
        }
        Self {
            offsets: x.offsets().to_vec(),
            indices: x
                .indices()
                .iter()
                .map(|&column| place[column as usize])
                .collect(),
            values: x.values().to_vec(),
            columns,
        }
    }

    fn rows(&self) -> impl Iterator<Item = (&[u32], &[f64])> {
        let bounds = self.offsets.windows(2);
        bounds.map(|pair| {
            (
                &self.indices[pair[0]..pair[1]],
                &self.values[pair[0]..pair[1]],
            )
        })
    }
}

/// `1/2 |W|^2 + sum over rows of weight * loss(x W + b, target)`, with the logistic loss of one output for two
/// classes and the cross-entropy of the softmax for more. Parameters are `W [columns, outputs]`, then `b [outputs]`.
pub(super) struct Objective<'a> {
    rows: &'a CompactRows,
    targets: &'a [u32],
    row_weights: Vec<f64>,
    outputs: usize,
    intercept: bool,
    /// Decision values of the present parameters, `[rows, outputs]`.
    z: Vec<f64>,
    /// Decision values of the present direction.
    z_step: Vec<f64>,
    /// Probabilities at the present parameters.
    p: Vec<f64>,
    buffer: Vec<f64>,
}

impl<'a> Objective<'a> {
    pub(super) fn new(
        rows: &'a CompactRows,
        targets: &'a [u32],
        row_weights: Vec<f64>,
        classes: usize,
        intercept: bool,
    ) -> Self {
        let outputs = if classes == 2 { 1 } else { classes };
        let cells = targets.len() * outputs;
        Self {
            rows,
            targets,
            row_weights,
            outputs,
            intercept,
            z: vec![0.0; cells],
            z_step: vec![0.0; cells],
            p: vec![0.0; cells],
            buffer: vec![0.0; cells],
        }
    }

    /// The number of parameters.
    pub(super) fn len(&self) -> usize {
        (self.rows.columns.len() + 1) * self.outputs
    }

    fn penalised(&self) -> usize {
        self.rows.columns.len() * self.outputs
    }

    /// The value at the present parameters `w`.
    pub(super) fn value(&self, w: &[f64]) -> f64 {
        let penalised = &w[..self.penalised()];
        0.5 * dot(penalised, penalised) + self.loss(|cell| self.z[cell])
    }

    fn loss(&self, z: impl Fn(usize) -> f64) -> f64 {
        let k = self.outputs;
        let mut sum = 0.0;
        for (row, (&target, weight)) in self.targets.iter().zip(&self.row_weights).enumerate() {
            let loss = if k == 1 {
                let z = z(row);
                softplus(if target == 1 { -z } else { z })
            } else {
                let cells = row * k..(row + 1) * k;
                let max = cells.clone().map(&z).fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = cells.map(|cell| (z(cell) - max).exp()).sum();
                sum.ln() + max - z(row * k + target as usize)
            };
            sum += weight * loss;
        }
        sum
    }

    /// The gradient at the present parameters `w`; [`curvature_product`](Self::curvature_product) and
    /// [`diagonal`](Self::diagonal) then speak of the same point.
    pub(super) fn gradient(&mut self, w: &[f64], gradient: &mut [f64]) {
        let k = self.outputs;
        self.p.copy_from_slice(&self.z);
        if k == 1 {
            self.p.iter_mut().for_each(|p| *p = sigmoid(*p));
        } else {
            self.p.chunks_exact_mut(k).for_each(softmax);
        }
        let mut residual = std::mem::take(&mut self.buffer);
        residual.copy_from_slice(&self.p);
        for (row, &target) in self.targets.iter().enumerate() {
            if k > 1 {
                residual[row * k + target as usize] -= 1.0;
            } else if target == 1 {
                residual[row] -= 1.0;
            }
            residual[row * k..(row + 1) * k]
                .iter_mut()
                .for_each(|r| *r *= self.row_weights[row]);
        }
        self.backward(&residual, w, gradient);
        self.buffer = residual;
    }

    /// `out = H v`, `H` the matrix of second derivatives.
    pub(super) fn curvature_product(&mut self, v: &[f64], out: &mut [f64]) {
        let k = self.outputs;
        let mut u = std::mem::take(&mut self.buffer);
        self.forward(v, &mut u);
        if k == 1 {
            for ((u, p), weight) in u.iter_mut().zip(&self.p).zip(&self.row_weights) {
                *u *= weight * p * (1.0 - p);
            }
        } else {
            let rows = u.chunks_exact_mut(k).zip(self.p.chunks_exact(k));
            for ((u, p), weight) in rows.zip(&self.row_weights) {
                let mean = dot(u, p);
                u.iter_mut()
                    .zip(p)
                    .for_each(|(u, p)| *u = weight * p * (*u - mean));
            }
        }
        self.backward(&u, v, out);
        self.buffer = u;
    }

    /// The diagonal of the matrix of second derivatives.
    pub(super) fn diagonal(&self, out: &mut [f64]) {
        let k = self.outputs;
        let (weights, intercepts) = out.split_at_mut(self.penalised());
        weights.fill(1.0);
        intercepts.fill(if self.intercept { 0.0 } else { 1.0 });
        for (row, (columns, xs)) in self.rows.rows().enumerate() {
            let p = &self.p[row * k..(row + 1) * k];
            let curvature = |p: &f64| self.row_weights[row] * p * (1.0 - p);
            for (&column, x) in columns.iter().zip(xs) {
                let at = column as usize * k;
                let cells = weights[at..at + k].iter_mut().zip(p);
                cells.for_each(|(out, p)| *out += x * x * curvature(p));
            }
            if self.intercept {
                intercepts
                    .iter_mut()
                    .zip(p)
                    .for_each(|(out, p)| *out += curvature(p));
            }
        }
    }

    /// Makes `step` the direction that [`value_along`](Self::value_along) and [`advance`](Self::advance) speak of.
    pub(super) fn set_direction(&mut self, step: &[f64]) {
        let mut z_step = std::mem::take(&mut self.z_step);
        self.forward(step, &mut z_step);
        self.z_step = z_step;
    }

    /// The value at `w + length * step`.
    pub(super) fn value_along(&self, w: &[f64], step: &[f64], length: f64) -> f64 {
        let cells = self.penalised();
        let (w, step) = (&w[..cells], &step[..cells]);
        let penalty = dot(w, w) + 2.0 * length * dot(w, step) + length * length * dot(step, step);
        0.5 * penalty + self.loss(|cell| self.z[cell] + length * self.z_step[cell])
    }

    /// Moves the present decision values by `length` times the direction.
    pub(super) fn advance(&mut self, length: f64) {
        self.z
            .iter_mut()
            .zip(&self.z_step)
            .for_each(|(z, step)| *z += length * step);
    }

    /// `out = X v + b`, `[rows, outputs]`.
    fn forward(&self, v: &[f64], out: &mut [f64]) {
        let k = self.outputs;
        let (weights, intercepts) = v.split_at(self.penalised());
        if k == 1 {
            for (out, (columns, xs)) in out.iter_mut().zip(self.rows.rows()) {
                let products = columns
                    .iter()
                    .zip(xs)
                    .map(|(&column, x)| x * weights[column as usize]);
                *out = intercepts[0] + products.sum::<f64>();
            }
            return;
        }
        for (out, (columns, xs)) in out.chunks_exact_mut(k).zip(self.rows.rows()) {
            out.copy_from_slice(intercepts);
            for (&column, x) in columns.iter().zip(xs) {
                let at = column as usize * k;
                out.iter_mut()
                    .zip(&weights[at..at + k])
                    .for_each(|(out, w)| *out += x * w);
            }
        }
    }

    /// `out = v + X' r` for the weights, `X' r` alone for the intercepts.
    fn backward(&self, r: &[f64], v: &[f64], out: &mut [f64]) {
        let k = self.outputs;
        let (weights, intercepts) = out.split_at_mut(self.penalised());
        weights.copy_from_slice(&v[..weights.len()]);
        intercepts.fill(0.0);
        for (r, (columns, xs)) in r.chunks_exact(k).zip(self.rows.rows()) {
            if k == 1 {
                columns
                    .iter()
                    .zip(xs)
                    .for_each(|(&column, x)| weights[column as usize] += x * r[0]);
            } else {
                for (&column, x) in columns.iter().zip(xs) {
                    let at = column as usize * k;
                    weights[at..at + k]
                        .iter_mut()
                        .zip(r)
                        .for_each(|(out, r)| *out += x * r);
                }
            }
            if self.intercept {
                intercepts.iter_mut().zip(r).for_each(|(out, r)| *out += r);
            }
        }
    }
}

/// `ln(1 + exp(z))` without overflow.
fn softplus(z: f64) -> f64 {
    z.max(0.0) + (-z.abs()).exp().ln_1p()
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
