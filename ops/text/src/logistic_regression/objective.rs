//! The penalised logistic loss, its gradient and its curvature.

use super::lanes::{LANES, Lanes, dot};
use super::rows::{CompactRows, Row};
use crate::linear::{sigmoid, softmax};

/// What the outputs have to do with each other.
pub(super) enum Targets {
    /// Nothing: each lane is its own yes-or-no question with its own answers, 1 or 0 for each row.
    Separate(Vec<Lanes>),
    /// All outputs compete in one softmax over so many classes; the class of each row.
    Competing { classes: usize, of_row: Vec<u32> },
}

/// `1/2 |w|^2 + sum over rows of weight * loss(x w + b, target)`. For separate targets that is one value a lane; for
/// competing ones the sum over lanes is the value of them all.
///
/// Parameters are blocks of eight outputs, one block after the other, each `[columns + 1]` with the intercept last.
pub(super) struct Objective<'a> {
    rows: &'a CompactRows,
    targets: &'a Targets,
    /// `[rows]`; how much each row counts, times C.
    row_weights: Vec<Lanes>,
    intercept: bool,
    blocks: usize,
    /// Decision values of the present parameters, `[rows, blocks]`.
    z: Vec<Lanes>,
    /// Decision values of the present direction.
    z_step: Vec<Lanes>,
    /// Probabilities at the present parameters.
    p: Vec<Lanes>,
    buffer: Vec<Lanes>,
}

impl<'a> Objective<'a> {
    pub(super) fn new(
        rows: &'a CompactRows,
        targets: &'a Targets,
        row_weights: Vec<Lanes>,
        intercept: bool,
    ) -> Self {
        let blocks = match targets {
            Targets::Separate(_) => 1,
            Targets::Competing { classes, .. } => classes.div_ceil(LANES),
        };
        let cells = || vec![Lanes::ZERO; row_weights.len() * blocks];
        Self {
            z: cells(),
            z_step: cells(),
            p: cells(),
            buffer: cells(),
            rows,
            targets,
            row_weights,
            intercept,
            blocks,
        }
    }

    fn block(&self) -> usize {
        self.rows.columns() + 1
    }

    /// The number of parameters, in lanes.
    pub(super) fn len(&self) -> usize {
        self.block() * self.blocks
    }

    /// A sum over parameters or rows: of each lane for itself, or of all when the outputs compete.
    pub(super) fn join(&self, sums: Lanes) -> Lanes {
        match self.targets {
            Targets::Separate(_) => sums,
            Targets::Competing { .. } => Lanes::all(sums.sum()),
        }
    }

    fn penalty(&self, a: &[Lanes], b: &[Lanes]) -> Lanes {
        let mut sum = Lanes::ZERO;
        for (a, b) in a
            .chunks_exact(self.block())
            .zip(b.chunks_exact(self.block()))
        {
            sum.add_scaled(
                &dot(&a[..self.rows.columns()], &b[..self.rows.columns()]),
                1.0,
            );
        }
        self.join(sum)
    }

    /// The value at the present parameters `w` plus `lengths` times the direction `step`.
    pub(super) fn value_along(&self, w: &[Lanes], step: &[Lanes], lengths: &Lanes) -> Lanes {
        let (ww, ws, ss) = (
            self.penalty(w, w),
            self.penalty(w, step),
            self.penalty(step, step),
        );
        let loss = self.loss(lengths);
        Lanes::new(|lane| {
            let length = lengths.0[lane];
            loss.0[lane]
                + 0.5 * (ww.0[lane] + 2.0 * length * ws.0[lane] + length * length * ss.0[lane])
        })
    }

    fn loss(&self, lengths: &Lanes) -> Lanes {
        let moved = |cell: usize, lane: usize| {
            self.z[cell].0[lane] + lengths.0[lane] * self.z_step[cell].0[lane]
        };
        let mut sum = Lanes::ZERO;
        match self.targets {
            Targets::Separate(answers) => {
                for (row, (answer, weight)) in answers.iter().zip(&self.row_weights).enumerate() {
                    let losses = Lanes::new(|lane| match moved(row, lane) {
                        // Lanes that stand empty have no weight, and need no logarithm.
                        _ if weight.0[lane] == 0.0 => 0.0,
                        z if answer.0[lane] == 1.0 => softplus(-z),
                        z => softplus(z),
                    });
                    sum.add_product(weight, &losses);
                }
            }
            Targets::Competing { classes, of_row } => {
                let mut z = vec![0.0; *classes];
                for (row, (&class, weight)) in of_row.iter().zip(&self.row_weights).enumerate() {
                    for (class, z) in z.iter_mut().enumerate() {
                        *z = moved(row * self.blocks + class / LANES, class % LANES);
                    }
                    let max = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    let total: f64 = z.iter().map(|z| (z - max).exp()).sum();
                    sum.0[0] += weight.0[0] * (total.ln() + max - z[class as usize]);
                }
            }
        }
        self.join(sum)
    }

    /// The gradient at the present parameters `w`; [`curvature_product`](Self::curvature_product) and
    /// [`diagonal`](Self::diagonal) then speak of the same point.
    pub(super) fn gradient(&mut self, w: &[Lanes], gradient: &mut [Lanes]) {
        match self.targets {
            Targets::Separate(_) => self
                .p
                .iter_mut()
                .zip(&self.z)
                .for_each(|(p, z)| *p = Lanes(z.0.map(sigmoid))),
            Targets::Competing { classes, .. } => self.compete(*classes),
        }
        self.start_from(w, gradient);
        for (i, row) in self.rows.iter().enumerate() {
            let weight = &self.row_weights[i];
            for b in 0..self.blocks {
                let p = &self.p[i * self.blocks + b];
                let answer = match self.targets {
                    Targets::Separate(answers) => answers[i],
                    Targets::Competing { of_row, .. } => one_hot(of_row[i] as usize, b),
                };
                let residual = Lanes::new(|lane| weight.0[lane] * (p.0[lane] - answer.0[lane]));
                self.scatter(row, &residual, b, gradient);
            }
        }
    }

    /// The softmax over the classes of each row; lanes past the last class get 0.
    fn compete(&mut self, classes: usize) {
        let mut flat = vec![0.0; classes];
        for (p, z) in self
            .p
            .chunks_exact_mut(self.blocks)
            .zip(self.z.chunks_exact(self.blocks))
        {
            for (class, flat) in flat.iter_mut().enumerate() {
                *flat = z[class / LANES].0[class % LANES];
            }
            softmax(&mut flat);
            for (p, chunk) in p.iter_mut().zip(flat.chunks(LANES)) {
                *p = Lanes::new(|lane| chunk.get(lane).copied().unwrap_or(0.0));
            }
        }
    }

    /// `out = H v`, `H` the matrix of second derivatives.
    pub(super) fn curvature_product(&mut self, v: &[Lanes], out: &mut [Lanes]) {
        let mut all = std::mem::take(&mut self.buffer);
        for ((i, row), u) in self
            .rows
            .iter()
            .enumerate()
            .zip(all.chunks_exact_mut(self.blocks))
        {
            let p = &self.p[i * self.blocks..(i + 1) * self.blocks];
            let weight = &self.row_weights[i];
            u.iter_mut()
                .enumerate()
                .for_each(|(b, u)| *u = self.gather(row, v, b));
            let mean = match self.targets {
                Targets::Separate(_) => Lanes::new(|lane| p[0].0[lane] * u[0].0[lane]),
                Targets::Competing { .. } => Lanes::all(dot(u, p).sum()),
            };
            for (u, p) in u.iter_mut().zip(p) {
                *u = Lanes::new(|lane| weight.0[lane] * p.0[lane] * (u.0[lane] - mean.0[lane]));
            }
        }
        // Scattered in a second go: `v` and `out` together would not fit the cache (tests/bench/REJECTED.md).
        self.start_from(v, out);
        for (row, u) in self.rows.iter().zip(all.chunks_exact(self.blocks)) {
            u.iter()
                .enumerate()
                .for_each(|(b, u)| self.scatter(row, u, b, out));
        }
        self.buffer = all;
    }

    /// The diagonal of the matrix of second derivatives.
    pub(super) fn diagonal(&self, out: &mut [Lanes]) {
        let columns = self.rows.columns();
        for (b, out) in out.chunks_exact_mut(self.block()).enumerate() {
            let (weights, intercept) = out.split_at_mut(columns);
            weights.fill(Lanes::all(1.0));
            intercept[0] = if self.intercept {
                Lanes::ZERO
            } else {
                Lanes::all(1.0)
            };
            for (i, row) in self.rows.iter().enumerate() {
                let (p, weight) = (&self.p[i * self.blocks + b], &self.row_weights[i]);
                let curvature = Lanes::new(|lane| weight.0[lane] * p.0[lane] * (1.0 - p.0[lane]));
                row.scatter_squares(&curvature, weights);
                if self.intercept {
                    intercept[0].add_scaled(&curvature, 1.0);
                }
            }
        }
    }

    /// Makes `step` the direction that [`value_along`](Self::value_along) and [`advance`](Self::advance) speak of.
    pub(super) fn set_direction(&mut self, step: &[Lanes]) {
        for (i, row) in self.rows.iter().enumerate() {
            for b in 0..self.blocks {
                self.z_step[i * self.blocks + b] = self.gather(row, step, b);
            }
        }
    }

    /// Moves the present decision values by `lengths` times the direction.
    pub(super) fn advance(&mut self, lengths: &Lanes) {
        self.z
            .iter_mut()
            .zip(&self.z_step)
            .for_each(|(z, step)| z.add_product(step, lengths));
    }

    /// One block of `x v + b` for one row.
    #[inline]
    fn gather(&self, row: Row, v: &[Lanes], b: usize) -> Lanes {
        let columns = self.rows.columns();
        let block = &v[b * (columns + 1)..(b + 1) * (columns + 1)];
        row.gather(&block[..columns], block[columns])
    }

    /// Adds what one row's `r` means for the weights and the intercept of one block.
    #[inline]
    fn scatter(&self, row: Row, r: &Lanes, b: usize, out: &mut [Lanes]) {
        let columns = self.rows.columns();
        let block = &mut out[b * (columns + 1)..(b + 1) * (columns + 1)];
        row.scatter(r, &mut block[..columns]);
        if self.intercept {
            block[columns].add_scaled(r, 1.0);
        }
    }

    /// What the penalty adds to a gradient or a product with the curvature: `v`, but nothing for intercepts.
    fn start_from(&self, v: &[Lanes], out: &mut [Lanes]) {
        out.copy_from_slice(v);
        let intercepts = out
            .iter_mut()
            .skip(self.rows.columns())
            .step_by(self.block());
        intercepts.for_each(|intercept| *intercept = Lanes::ZERO);
    }
}

/// 1 in the lane of `class` if it lies in block `b`, else 0.
fn one_hot(class: usize, b: usize) -> Lanes {
    Lanes::new(|lane| f64::from(u8::from(class == b * LANES + lane)))
}

/// `ln(1 + exp(z))` without overflow.
fn softplus(z: f64) -> f64 {
    z.max(0.0) + (-z.abs()).exp().ln_1p()
}
