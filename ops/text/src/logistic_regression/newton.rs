//! The solver: truncated Newton steps (Nocedal and Wright 2006, algorithm 7.1), each found by conjugate gradients
//! under a diagonal preconditioner and shortened by backtracking.
//!
//! Lanes walk side by side but decide for themselves: each has its own step lengths and stops when it is done, so
//! what one label comes to does not depend on its neighbours. Competing outputs share every decision, because
//! [`Objective::join`] gives them all the same sums.

use super::lanes::{LANES, Lanes, dot};
use super::objective::Objective;
use crate::Result;

/// Backtracking halves a step at most this often; a step that is still too long then is lost in rounding.
const HALVINGS: usize = 40;
/// The share of the predicted decrease that a step has to yield (Armijo).
const SUFFICIENT: f64 = 1e-4;
/// The least curvature of the preconditioner: an intercept's can underflow on perfectly separated rows.
const LEAST_CURVATURE: f64 = 1e-12;

/// Moves `w`, which must be zero, to the minimum. Says for each lane whether the gradient's norm has fallen to
/// `tolerance` times its norm at zero within `max_steps`.
///
/// # Errors
/// Whatever `go_on` returns; it is asked before every product with the curvature.
pub(super) fn minimise(
    objective: &mut Objective,
    w: &mut [Lanes],
    tolerance: f64,
    max_steps: usize,
    go_on: impl Fn() -> Result<()>,
) -> Result<[bool; LANES]> {
    let mut gradient = vec![Lanes::ZERO; objective.len()];
    let mut solver = ConjugateGradients::new(objective.len());
    objective.gradient(w, &mut gradient);
    let first = norm(objective, &gradient);
    let mut value = objective.value_along(w, w, &Lanes::ZERO);
    let mut stuck = [false; LANES];
    for _ in 0..max_steps {
        let present = norm(objective, &gradient);
        let open: [bool; LANES] =
            std::array::from_fn(|lane| present.0[lane] > tolerance * first.0[lane] && !stuck[lane]);
        if open == [false; LANES] {
            break;
        }
        // Loose far from the minimum and ever tighter towards it, which makes the outer steps superlinear; but no
        // tighter than the end asks for.
        let targets = Lanes::new(|lane| {
            let forcing = (present.0[lane] / first.0[lane]).sqrt().min(0.25);
            (forcing * present.0[lane]).max(0.5 * tolerance * first.0[lane])
        });
        solver.solve(objective, &gradient, &targets, open, &go_on)?;
        let step = &solver.step;
        let slope = objective.join(dot(&gradient, step));
        objective.set_direction(step);
        let mut lengths = Lanes::new(|lane| if open[lane] { 1.0 } else { 0.0 });
        let mut next = objective.value_along(w, step, &lengths);
        for halving in 0..=HALVINGS {
            let long = |lane: usize| {
                let rounding = 1e-13 * value.0[lane].abs();
                next.0[lane]
                    > value.0[lane] + SUFFICIENT * lengths.0[lane] * slope.0[lane] + rounding
            };
            let long: [bool; LANES] = std::array::from_fn(|lane| open[lane] && long(lane));
            if long == [false; LANES] {
                break;
            }
            for lane in (0..LANES).filter(|&lane| long[lane]) {
                lengths.0[lane] = if halving < HALVINGS {
                    0.5 * lengths.0[lane]
                } else {
                    0.0
                };
                stuck[lane] = halving == HALVINGS;
            }
            next = objective.value_along(w, step, &lengths);
        }
        w.iter_mut()
            .zip(step)
            .for_each(|(w, step)| w.add_product(step, &lengths));
        objective.advance(&lengths);
        value = next;
        objective.gradient(w, &mut gradient);
    }
    let last = norm(objective, &gradient);
    Ok(std::array::from_fn(|lane| {
        last.0[lane] <= tolerance * first.0[lane]
    }))
}

/// Solves `H step = -gradient` roughly.
struct ConjugateGradients {
    step: Vec<Lanes>,
    residual: Vec<Lanes>,
    direction: Vec<Lanes>,
    image: Vec<Lanes>,
    /// One over the diagonal of `H`.
    inverse: Vec<Lanes>,
}

impl ConjugateGradients {
    fn new(len: usize) -> Self {
        let zeros = || vec![Lanes::ZERO; len];
        Self {
            step: zeros(),
            residual: zeros(),
            direction: zeros(),
            image: zeros(),
            inverse: zeros(),
        }
    }

    /// Until the residual's norm of every `open` lane has fallen to its target.
    fn solve(
        &mut self,
        objective: &mut Objective,
        gradient: &[Lanes],
        targets: &Lanes,
        mut open: [bool; LANES],
        go_on: impl Fn() -> Result<()>,
    ) -> Result<()> {
        let Self {
            step,
            residual,
            direction,
            image,
            inverse,
        } = self;
        objective.diagonal(inverse);
        inverse
            .iter_mut()
            .for_each(|i| *i = Lanes(i.0.map(|d| 1.0 / d.max(LEAST_CURVATURE))));
        step.fill(Lanes::ZERO);
        residual
            .iter_mut()
            .zip(gradient)
            .for_each(|(r, g)| *r = Lanes(g.0.map(|g| -g)));
        for ((d, r), i) in direction.iter_mut().zip(&*residual).zip(&*inverse) {
            *d = Lanes::new(|lane| r.0[lane] * i.0[lane]);
        }
        let mut rho = objective.join(dot(residual, direction));
        for _ in 0..gradient.len() * LANES {
            go_on()?;
            objective.curvature_product(direction, image);
            let curvature = objective.join(dot(direction, image));
            // False for the zero direction of a lane that stands empty, too.
            let usable: [bool; LANES] =
                std::array::from_fn(|lane| open[lane] && curvature.0[lane] > 0.0);
            open = usable;
            let alpha = Lanes::new(|lane| {
                if open[lane] {
                    rho.0[lane] / curvature.0[lane]
                } else {
                    0.0
                }
            });
            let (mut squares, mut next) = (Lanes::ZERO, Lanes::ZERO);
            let vectors = step
                .iter_mut()
                .zip(residual.iter_mut())
                .zip(&*direction)
                .zip(image.iter().zip(&*inverse));
            for (((step, residual), direction), (image, inverse)) in vectors {
                for lane in 0..LANES {
                    step.0[lane] += alpha.0[lane] * direction.0[lane];
                    residual.0[lane] -= alpha.0[lane] * image.0[lane];
                    let square = residual.0[lane] * residual.0[lane];
                    squares.0[lane] += square;
                    next.0[lane] += square * inverse.0[lane];
                }
            }
            let (squares, next) = (objective.join(squares), objective.join(next));
            for (open, (square, target)) in open.iter_mut().zip(squares.0.iter().zip(targets.0)) {
                *open &= square.sqrt() > target;
            }
            if open == [false; LANES] {
                break;
            }
            let beta = Lanes::new(|lane| {
                if open[lane] {
                    next.0[lane] / rho.0[lane]
                } else {
                    0.0
                }
            });
            for ((d, r), i) in direction.iter_mut().zip(&*residual).zip(&*inverse) {
                *d = Lanes::new(|lane| r.0[lane] * i.0[lane] + beta.0[lane] * d.0[lane]);
            }
            rho = next;
        }
        Ok(())
    }
}

fn norm(objective: &Objective, v: &[Lanes]) -> Lanes {
    Lanes(objective.join(dot(v, v)).0.map(f64::sqrt))
}
