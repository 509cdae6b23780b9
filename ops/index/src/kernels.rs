//! Loops over vectors, compiled for every instruction set.
//!
//! The score of a pair is computed by one kernel whatever the way that led to the pair, so its bits are always the same.

pub(crate) use tensor::cpu::simd::kernel;
use tensor::cpu::simd::{Isa, LANES};

/// Adds the products of `x` and `y`, or the squares of their differences, lane by lane.
#[inline(always)]
fn accumulate<I: Isa, const SQUARED: bool>(
    sums: &mut [f32; LANES],
    x: &[f32; LANES],
    y: &[f32; LANES],
) {
    for lane in 0..LANES {
        sums[lane] = if SQUARED {
            let difference = x[lane] - y[lane];
            I::mul_add(difference, difference, sums[lane])
        } else {
            I::mul_add(x[lane], y[lane], sums[lane])
        };
    }
}

/// The inner product, or the square of the distance, summed in four times [`LANES`] lanes.
#[inline(always)]
fn score<I: Isa, const SQUARED: bool>(query: &[f32], row: &[f32]) -> f32 {
    // Arrays of their own: the compiler makes vectors of these, and gathers of an array of arrays.
    let (mut a, mut b, mut c, mut d) = ([0.0; LANES], [0.0; LANES], [0.0; LANES], [0.0; LANES]);
    let ((left, left_rest), (right, right_rest)) =
        (query.as_chunks::<LANES>(), row.as_chunks::<LANES>());
    let ((fours, rest), (right_fours, right_rest_of_fours)) =
        (left.as_chunks::<4>(), right.as_chunks::<4>());
    for (x, y) in fours.iter().zip(right_fours) {
        accumulate::<I, SQUARED>(&mut a, &x[0], &y[0]);
        accumulate::<I, SQUARED>(&mut b, &x[1], &y[1]);
        accumulate::<I, SQUARED>(&mut c, &x[2], &y[2]);
        accumulate::<I, SQUARED>(&mut d, &x[3], &y[3]);
    }
    for (x, y) in rest.iter().zip(right_rest_of_fours) {
        accumulate::<I, SQUARED>(&mut a, x, y);
    }
    let (mut x, mut y) = ([0.0; LANES], [0.0; LANES]);
    x[..left_rest.len()].copy_from_slice(left_rest);
    y[..right_rest.len()].copy_from_slice(right_rest);
    accumulate::<I, SQUARED>(&mut b, &x, &y);
    for lane in 0..LANES {
        a[lane] = (a[lane] + b[lane]) + (c[lane] + d[lane]);
    }
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            a[lane] += a[lane + width];
        }
        width /= 2;
    }
    a[0]
}

kernel! {
    /// The inner products of `query` with some rows of `rows`, or with `squared` the negated squares of their distances.
    pub(crate) fn scores<I>(query: &[f32], rows: &[f32], places: &[u32], squared: bool, scores: &mut [f32]) {
        let dimension = query.len();
        for (place, to) in places.iter().zip(scores) {
            let begin = *place as usize * dimension;
            let row = &rows[begin..begin + dimension];
            *to = if squared {
                -score::<I, true>(query, row)
            } else {
                score::<I, false>(query, row)
            };
        }
    }
}

kernel! {
    /// Appends the places of all that are at least `threshold`.
    pub(crate) fn at_least<I>(values: &[f32], threshold: f32, places: &mut Vec<u32>) {
        for (block, part) in values.chunks(4 * LANES).enumerate() {
            let mut hits = [false; LANES];
            for values in part.chunks(LANES) {
                for (hit, value) in hits.iter_mut().zip(values) {
                    *hit |= *value >= threshold;
                }
            }
            if hits.iter().fold(false, |any, hit| any | hit) {
                for (offset, value) in part.iter().enumerate() {
                    if *value >= threshold {
                        places.push((block * 4 * LANES + offset) as u32);
                    }
                }
            }
        }
    }
}

kernel! {
    /// Adds `y` to `x`.
    pub(crate) fn add<I>(x: &mut [f32], y: &[f32]) {
        for (x, y) in x.iter_mut().zip(y) {
            *x += *y;
        }
    }
}

kernel! {
    /// The largest of the values; minus infinity if there is none.
    pub(crate) fn largest<I>(values: &[f32]) -> f32 {
        let mut best = [f32::NEG_INFINITY; LANES];
        for values in values.chunks(LANES) {
            for (best, value) in best.iter_mut().zip(values) {
                *best = if *value > *best { *value } else { *best };
            }
        }
        best.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b))
    }
}

kernel! {
    /// The square of the vector's length.
    pub(crate) fn square<I>(vector: &[f32]) -> f64 {
        let mut sums = [0.0_f64; LANES];
        for values in vector.chunks(LANES) {
            for (sum, x) in sums.iter_mut().zip(values) {
                *sum += f64::from(*x) * f64::from(*x);
            }
        }
        sums.iter().sum()
    }
}

kernel! {
    /// The square of the length of what is lost by rounding the vector to the upper half of single precision.
    pub(crate) fn lost_square<I>(vector: &[f32]) -> f64 {
        let mut sums = [0.0_f64; LANES];
        for values in vector.chunks(LANES) {
            for (sum, x) in sums.iter_mut().zip(values) {
                let bits = x.to_bits();
                let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) & 0xffff_0000;
                let lost = f64::from(*x) - f64::from(f32::from_bits(rounded));
                *sum += lost * lost;
            }
        }
        sums.iter().sum()
    }
}
