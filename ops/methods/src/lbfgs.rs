//! L-BFGS (Liu & Nocedal 1989; Nocedal & Wright 2006, algorithm 7.4) for small convex problems, in double precision.

/// Steps that the curvature is remembered of.
const MEMORY: usize = 10;

/// The point where `function` is smallest, beginning at `x`: `function` gives its value and writes its gradient. Ends when no
/// part of the gradient is above `tolerance`, or no step leads further down, or after `most` steps.
pub(crate) fn minimize(
    mut x: Vec<f64>,
    tolerance: f64,
    most: usize,
    mut function: impl FnMut(&[f64], &mut [f64]) -> f64,
) -> Vec<f64> {
    let mut gradient = vec![0.0; x.len()];
    let mut value = function(&x, &mut gradient);
    let mut memory: Vec<[Vec<f64>; 2]> = Vec::new();
    let (mut next, mut next_gradient) = (x.clone(), gradient.clone());
    for _ in 0..most {
        if gradient.iter().all(|g| g.abs() <= tolerance) {
            break;
        }
        let direction = direction(&gradient, &memory);
        let slope = dot(&direction, &gradient);
        if slope >= 0.0 {
            // Rounding spoilt what is remembered.
            if memory.is_empty() {
                break;
            }
            memory.clear();
            continue;
        }
        // The first step has no scale yet.
        let mut size = match memory.is_empty() {
            true => 1.0 / dot(&gradient, &gradient).sqrt().max(1.0),
            false => 1.0,
        };
        let found = (0..60).find_map(|_| {
            for ((next, x), d) in next.iter_mut().zip(&x).zip(&direction) {
                *next = x + size * d;
            }
            let found = function(&next, &mut next_gradient);
            if found <= value + 1e-4 * size * slope {
                return Some(found);
            }
            size *= 0.5;
            None
        });
        let Some(found) = found else { break };
        let step: Vec<f64> = next.iter().zip(&x).map(|(a, b)| a - b).collect();
        let change: Vec<f64> = (next_gradient.iter().zip(&gradient))
            .map(|(a, b)| a - b)
            .collect();
        if dot(&step, &change) > 1e-12 * dot(&change, &change) {
            if memory.len() == MEMORY {
                memory.remove(0);
            }
            memory.push([step, change]);
        }
        value = found;
        std::mem::swap(&mut x, &mut next);
        std::mem::swap(&mut gradient, &mut next_gradient);
    }
    x
}

/// Minus the gradient times what is known of the inverse of the second derivatives.
fn direction(gradient: &[f64], memory: &[[Vec<f64>; 2]]) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut shares = Vec::with_capacity(memory.len());
    for [step, change] in memory.iter().rev() {
        let share = dot(step, &direction) / dot(step, change);
        add(&mut direction, -share, change);
        shares.push(share);
    }
    if let Some([step, change]) = memory.last() {
        let scale = dot(step, change) / dot(change, change);
        direction.iter_mut().for_each(|d| *d *= scale);
    }
    for ([step, change], share) in memory.iter().zip(shares.into_iter().rev()) {
        let back = dot(change, &direction) / dot(step, change);
        add(&mut direction, share - back, step);
    }
    direction
}

fn add(to: &mut [f64], scale: f64, what: &[f64]) {
    to.iter_mut().zip(what).for_each(|(to, x)| *to += scale * x);
}

/// In several sums at once, which do not wait for each other.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    const SUMS: usize = 8;
    let length = a.len().min(b.len());
    let (a, b) = (
        a[..length].chunks_exact(SUMS),
        b[..length].chunks_exact(SUMS),
    );
    let rest = a.remainder().iter().zip(b.remainder());
    let rest: f64 = rest.map(|(a, b)| a * b).sum();
    let mut sums = [0.0; SUMS];
    for (a, b) in a.zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_point_of_a_skewed_bowl_is_found() {
        // Σ k (x_k - k)² + (Σ x_k - 15)²/100, whose lowest point is x_k = k where the sum is 15.
        let found = minimize(vec![7.0; 5], 1e-9, 200, |x, gradient| {
            let rest = x.iter().sum::<f64>() - 15.0;
            let mut value = rest * rest / 100.0;
            for (place, (g, x)) in (1..).zip(gradient.iter_mut().zip(x)) {
                let k = f64::from(place);
                value += k * (x - k).powi(2);
                *g = 2.0 * k * (x - k) + rest / 50.0;
            }
            value
        });
        for (place, x) in (1..).zip(found) {
            assert!((x - f64::from(place)).abs() < 1e-8, "{x}");
        }
    }
}
