//! The solver: truncated Newton steps (Nocedal and Wright 2006, algorithm 7.1), each found by conjugate gradients
//! under a diagonal preconditioner and shortened by backtracking.

use super::objective::{Objective, dot};
use crate::Result;

/// Backtracking halves a step at most this often; a step that is still too long then is lost in rounding.
const HALVINGS: usize = 40;
/// The share of the predicted decrease that a step has to yield (Armijo).
const SUFFICIENT: f64 = 1e-4;

/// Moves `w`, which must be zero, to the minimum. False when the gradient's norm is still above `tolerance` times its
/// norm at zero after `max_steps`.
///
/// # Errors
/// Whatever `go_on` returns; it is asked before every product with the curvature.
pub(super) fn minimise(
    objective: &mut Objective,
    w: &mut [f64],
    tolerance: f64,
    max_steps: usize,
    go_on: impl Fn() -> Result<()>,
) -> Result<bool> {
    let len = objective.len();
    let mut gradient = vec![0.0; len];
    let mut solver = ConjugateGradients::new(len);
    objective.gradient(w, &mut gradient);
    let first = norm(&gradient);
    let mut present = first;
    let mut value = objective.value(w);
    for _ in 0..max_steps {
        if present <= tolerance * first {
            return Ok(true);
        }
        // Loose far from the minimum and ever tighter towards it, which makes the outer steps superlinear.
        let forcing = (present / first).sqrt().min(0.25);
        solver.solve(objective, &gradient, forcing * present, &go_on)?;
        let step = &solver.step;
        let slope = dot(&gradient, step);
        objective.set_direction(step);
        let rounding = 1e-13 * value.abs();
        let mut length = 1.0;
        let mut next = objective.value_along(w, step, length);
        let mut halvings = 0;
        while next > value + SUFFICIENT * length * slope + rounding {
            if halvings == HALVINGS {
                return Ok(false);
            }
            halvings += 1;
            length *= 0.5;
            next = objective.value_along(w, step, length);
        }
        w.iter_mut()
            .zip(step)
            .for_each(|(w, step)| *w += length * step);
        objective.advance(length);
        value = next;
        objective.gradient(w, &mut gradient);
        present = norm(&gradient);
    }
    Ok(present <= tolerance * first)
}

/// Solves `H step = -gradient` roughly.
struct ConjugateGradients {
    step: Vec<f64>,
    residual: Vec<f64>,
    direction: Vec<f64>,
    image: Vec<f64>,
    diagonal: Vec<f64>,
}

impl ConjugateGradients {
    fn new(len: usize) -> Self {
        let zeros = || vec![0.0; len];
        Self {
            step: zeros(),
            residual: zeros(),
            direction: zeros(),
            image: zeros(),
            diagonal: zeros(),
        }
    }

    fn solve(
        &mut self,
        objective: &mut Objective,
        gradient: &[f64],
        target: f64,
        go_on: impl Fn() -> Result<()>,
    ) -> Result<()> {
        let Self {
            step,
            residual,
            direction,
            image,
            diagonal,
        } = self;
        objective.diagonal(diagonal);
        // A row set so well separated that an intercept's curvature underflows must not divide by zero.
        diagonal.iter_mut().for_each(|d| *d = d.max(1e-12));
        step.fill(0.0);
        residual.iter_mut().zip(gradient).for_each(|(r, g)| *r = -g);
        direction
            .iter_mut()
            .zip(&*residual)
            .zip(&*diagonal)
            .for_each(|((d, r), m)| *d = r / m);
        let mut rho = dot(residual, direction);
        for _ in 0..gradient.len() {
            go_on()?;
            objective.curvature_product(direction, image);
            let curvature = dot(direction, image);
            if curvature <= 0.0 {
                break;
            }
            let alpha = rho / curvature;
            let mut squares = 0.0;
            for (((s, d), r), i) in step
                .iter_mut()
                .zip(&*direction)
                .zip(residual.iter_mut())
                .zip(&*image)
            {
                *s += alpha * d;
                *r -= alpha * i;
                squares += *r * *r;
            }
            if squares.sqrt() <= target {
                break;
            }
            let next: f64 = residual
                .iter()
                .zip(&*diagonal)
                .map(|(r, m)| r * r / m)
                .sum();
            let beta = next / rho;
            rho = next;
            for ((d, r), m) in direction.iter_mut().zip(&*residual).zip(&*diagonal) {
                *d = r / m + beta * *d;
            }
        }
        Ok(())
    }
}

fn norm(v: &[f64]) -> f64 {
    dot(v, v).sqrt()
}
