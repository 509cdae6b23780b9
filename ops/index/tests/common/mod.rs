//! Vectors that are the same in every run.
#![allow(dead_code)]

/// Numbers between 0 and 1 by SplitMix64 (Steele et al. 2014).
pub fn uniform(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (0..count)
        .map(|_| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 40) as f32 / (1 << 24) as f32
        })
        .collect()
}

/// About normal: sums of twelve.
pub fn normal(count: usize, seed: u64) -> Vec<f32> {
    uniform(count * 12, seed)
        .chunks_exact(12)
        .map(|part| part.iter().sum::<f32>() - 6.0)
        .collect()
}

/// Vectors that lie so close together, far from the origin, that half precision can't tell them apart.
pub fn clustered(count: usize, dimension: usize, seed: u64) -> Vec<f32> {
    let mut vectors = normal(count * dimension, seed);
    let centre = normal(dimension, seed + 1);
    for vector in vectors.chunks_exact_mut(dimension) {
        for (x, c) in vector.iter_mut().zip(&centre) {
            *x = 3.0 + c + *x * 1e-3;
        }
    }
    vectors
}

/// Few vectors, again and again.
pub fn duplicates(count: usize, dimension: usize, seed: u64) -> Vec<f32> {
    normal(dimension * 50, seed)
        .into_iter()
        .cycle()
        .take(count * dimension)
        .collect()
}
