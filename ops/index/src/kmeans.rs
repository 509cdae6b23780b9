//! K-means (Lloyd 1982) with FAISS's defaults.

use tensor::cpu::Threads;

use crate::flat::FlatIndex;
use crate::kernels;
use crate::mersenne::Mersenne;
use crate::{IndexError, Metric, Result};

/// What of a cluster's centre goes to either half when it is split.
const SPLIT: f32 = 1.0 / 1024.0;

/// How centroids are found. The defaults are those of FAISS's `Clustering`; its `IndexIVF` makes 10 iterations only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KMeans {
    /// Rounds of assigning vectors and moving centroids.
    pub iterations: usize,
    /// Vectors used for each centroid; where there are more, a sample is drawn.
    pub points_per_centroid: usize,
    /// Of the sample and the first centroids.
    pub seed: u32,
}

impl Default for KMeans {
    fn default() -> Self {
        Self {
            iterations: 25,
            points_per_centroid: 256,
            seed: 1234,
        }
    }
}

impl KMeans {
    /// Centroids `[clusters, dimension]` of checked vectors. With [`Metric::InnerProduct`] they have length 1, and vectors go to the one
    /// with the largest inner product (spherical k-means, Dhillon & Modha 2001).
    pub(crate) fn train(
        &self,
        threads: &Threads,
        vectors: &[f32],
        dimension: usize,
        clusters: usize,
        metric: Metric,
        what: &'static str,
    ) -> Result<Vec<f32>> {
        let count = vectors.len() / dimension;
        if clusters == 0 || clusters > count {
            return Err(IndexError::Clusters {
                what,
                clusters,
                vectors: count,
            });
        }
        let most = clusters.saturating_mul(self.points_per_centroid.max(1));
        let sample;
        let points = if count > most {
            let order = Mersenne::new(self.seed).permutation(count);
            sample = pick(vectors, dimension, &order[..most]);
            &sample[..]
        } else {
            vectors
        };
        let count = points.len() / dimension;
        if count == clusters {
            return Ok(points.to_vec());
        }
        let order = Mersenne::new(self.seed.wrapping_add(1)).permutation(count);
        let mut centroids = pick(points, dimension, &order[..clusters]);
        if metric != Metric::L2 {
            to_sphere(&mut centroids, dimension);
        }
        for _ in 0..self.iterations {
            let assigned = nearest(threads, points, &centroids, dimension, metric)?;
            let mut sizes = move_centroids(threads, points, &assigned, &mut centroids, dimension);
            split_for_empty(&mut centroids, &mut sizes, count, dimension);
            if metric != Metric::L2 {
                to_sphere(&mut centroids, dimension);
            }
        }
        Ok(centroids)
    }
}

/// The nearest centroid of each vector.
pub(crate) fn nearest(
    threads: &Threads,
    points: &[f32],
    centroids: &[f32],
    dimension: usize,
    metric: Metric,
) -> Result<Vec<u32>> {
    let mut index = FlatIndex::new(dimension, metric)?;
    index.add_checked(centroids)?;
    let found = index.search_checked(threads, points, 1);
    Ok(found
        .iter()
        .map(|best| best.first().map_or(0, |best| best.id as u32))
        .collect())
}

fn pick(vectors: &[f32], dimension: usize, rows: &[u32]) -> Vec<f32> {
    let mut picked = Vec::with_capacity(rows.len() * dimension);
    for row in rows {
        let begin = *row as usize * dimension;
        picked.extend_from_slice(&vectors[begin..begin + dimension]);
    }
    picked
}

fn to_sphere(centroids: &mut [f32], dimension: usize) {
    for centroid in centroids.chunks_exact_mut(dimension) {
        let length = kernels::square(centroid).sqrt() as f32;
        if length > 0.0 {
            centroid.iter_mut().for_each(|x| *x /= length);
        }
    }
}

/// Moves each centroid to the mean of its vectors, in their order, and gives the sizes of the clusters.
fn move_centroids(
    threads: &Threads,
    points: &[f32],
    assigned: &[u32],
    centroids: &mut [f32],
    dimension: usize,
) -> Vec<usize> {
    let clusters = centroids.len() / dimension;
    let mut members: Vec<Vec<u32>> = vec![Vec::new(); clusters];
    for (point, cluster) in assigned.iter().enumerate() {
        members[*cluster as usize].push(point as u32);
    }
    threads.chunks_mut(centroids, dimension, |cluster, centroid| {
        let members = &members[cluster];
        if members.is_empty() {
            return;
        }
        let mut sums = vec![0.0_f64; dimension];
        for member in members {
            let begin = *member as usize * dimension;
            for (sum, x) in sums.iter_mut().zip(&points[begin..begin + dimension]) {
                *sum += f64::from(*x);
            }
        }
        for (x, sum) in centroid.iter_mut().zip(sums) {
            *x = (sum / members.len() as f64) as f32;
        }
    });
    members.iter().map(Vec::len).collect()
}

/// Gives every empty cluster half of another one, which is drawn with a chance that grows with its size.
fn split_for_empty(centroids: &mut [f32], sizes: &mut [usize], count: usize, dimension: usize) {
    let clusters = sizes.len();
    let mut random = Mersenne::new(1234);
    for empty in 0..clusters {
        if sizes[empty] > 0 {
            continue;
        }
        let mut split = 0;
        loop {
            let chance = (sizes[split] as f32 - 1.0) / (count - clusters) as f32;
            if random.uniform() < chance {
                break;
            }
            split = (split + 1) % clusters;
        }
        centroids.copy_within(
            split * dimension..(split + 1) * dimension,
            empty * dimension,
        );
        for component in 0..dimension {
            let sign = if component % 2 == 0 { SPLIT } else { -SPLIT };
            centroids[empty * dimension + component] *= 1.0 + sign;
            centroids[split * dimension + component] *= 1.0 - sign;
        }
        sizes[empty] = sizes[split] / 2;
        sizes[split] -= sizes[empty];
    }
}
