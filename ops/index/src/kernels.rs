//! Loops over vectors, compiled for every instruction set.
//!
//! The score of a pair is computed by one kernel whatever the way that led to the pair, so its bits are always the same.

use tensor::cpu::simd::LANES;
pub(crate) use tensor::cpu::simd::kernel;

/// Vectors of lanes that a score is summed in.
const ACCUMULATORS: usize = 4;

kernel! {
    /// The inner products of `query` with some rows of `rows`, or with `squared` the negated squares of their distances.
    pub(crate) fn scores<I>(query: &[f32], rows: &[f32], places: &[u32], squared: bool, scores: &mut [f32]) {
        let dimension = query.len();
        for (place, score) in places.iter().zip(scores) {
            let begin = *place as usize * dimension;
            let row = &rows[begin..begin + dimension];
            let mut sums = [[0.0_f32; LANES]; ACCUMULATORS];
            let mut left = query.chunks_exact(LANES * ACCUMULATORS);
            let mut right = row.chunks_exact(LANES * ACCUMULATORS);
            if squared {
                for (x, y) in left.by_ref().zip(right.by_ref()) {
                    for (part, sums) in sums.iter_mut().enumerate() {
                        for (lane, sum) in sums.iter_mut().enumerate() {
                            let difference = x[part * LANES + lane] - y[part * LANES + lane];
                            *sum = I::mul_add(difference, difference, *sum);
                        }
                    }
                }
            } else {
                for (x, y) in left.by_ref().zip(right.by_ref()) {
                    for (part, sums) in sums.iter_mut().enumerate() {
                        for (lane, sum) in sums.iter_mut().enumerate() {
                            *sum = I::mul_add(x[part * LANES + lane], y[part * LANES + lane], *sum);
                        }
                    }
                }
            }
            let (left, right) = (left.remainder(), right.remainder());
            for (lane, (x, y)) in left.iter().zip(right).enumerate() {
                let sum = &mut sums[lane / LANES][lane % LANES];
                *sum = if squared {
                    I::mul_add(x - y, x - y, *sum)
                } else {
                    I::mul_add(*x, *y, *sum)
                };
            }
            let mut total = [0.0_f32; LANES];
            for (lane, total) in total.iter_mut().enumerate() {
                *total = (sums[0][lane] + sums[1][lane]) + (sums[2][lane] + sums[3][lane]);
            }
            let mut width = LANES / 2;
            while width > 0 {
                for lane in 0..width {
                    total[lane] += total[lane + width];
                }
                width /= 2;
            }
            *score = if squared { -total[0] } else { total[0] };
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
