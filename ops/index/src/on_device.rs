//! [`FlatOnDevice`]: exhaustive search by tensor ops, on whatever device.

use tensor::{Device, Tensor};

use crate::candidates::{Best, Rows};
use crate::{FlatIndex, Metric, Neighbours, Result};

/// Vectors and queries that are multiplied at a time: 64 MiB of scores.
const VECTORS: usize = 16 * 1024;
const QUERIES: usize = 1024;

/// Neighbours taken beyond k, so that rounding on the device does not cost one.
const SPARE: usize = 8;

/// The vectors of a flat index on a device, a graphics adapter say.
///
/// The device finds somewhat more than k neighbours by products in single precision; their scores are then computed as [`FlatIndex`]
/// computes them. Neighbours can differ from its own only among vectors that the device's rounding can't tell apart.
#[derive(Debug)]
pub struct FlatOnDevice<'a> {
    index: &'a FlatIndex,
    device: Device,
    pieces: Vec<Piece>,
}

#[derive(Debug)]
struct Piece {
    /// `[dimension, vectors]`.
    vectors: Tensor,
    /// `[1, vectors]`, half the squares of their lengths, for L2.
    half_squares: Option<Tensor>,
    first: u32,
}

impl FlatIndex {
    /// Copies the vectors to a device. Those that are added later are not there.
    ///
    /// # Errors
    /// [`IndexError::Tensor`](crate::IndexError::Tensor) if they do not fit, or the device fails.
    pub fn on(&self, device: &Device) -> Result<FlatOnDevice<'_>> {
        let dimension = self.dimension();
        let mut pieces = Vec::new();
        for (index, vectors) in self.vectors().chunks(VECTORS * dimension).enumerate() {
            let count = vectors.len() / dimension;
            let half_squares = (self.metric() == Metric::L2)
                .then(|| {
                    let first = index * VECTORS;
                    Tensor::new(&self.half_squares(first..first + count), [1, count], device)
                })
                .transpose()?;
            pieces.push(Piece {
                vectors: Tensor::new(vectors, [count, dimension], device)?.transpose(0, 1)?,
                half_squares,
                first: (index * VECTORS) as u32,
            });
        }
        Ok(FlatOnDevice {
            index: self,
            device: device.clone(),
            pieces,
        })
    }
}

impl FlatOnDevice<'_> {
    /// The k nearest of each of the queries `[n, dimension]`.
    ///
    /// # Errors
    /// As [`FlatIndex::search`], and [`IndexError::Tensor`](crate::IndexError::Tensor) if the device fails.
    pub fn search(&self, queries: &[f32], k: usize) -> Result<Neighbours> {
        let dimension = self.index.dimension();
        let queries = self.index.check_search(queries, k)?;
        let mut found = Vec::new();
        for queries in queries.chunks(QUERIES * dimension) {
            let count = queries.len() / dimension;
            let left = Tensor::new(queries, [count, dimension], &self.device)?;
            let mut places: Vec<Vec<(f32, u32)>> = vec![Vec::new(); count];
            for piece in &self.pieces {
                let mut scores = left.matmul(&piece.vectors)?;
                if let Some(half_squares) = &piece.half_squares {
                    scores = scores.sub(half_squares)?;
                }
                let taken = (k + SPARE).min(scores.shape()[1]);
                let (values, indices) = scores.top_k(taken, 1)?;
                let (values, indices) = (values.to_vec::<f32>()?, indices.to_vec::<u32>()?);
                for (query, places) in places.iter_mut().enumerate() {
                    let row = query * taken..(query + 1) * taken;
                    let here = indices[row.clone()].iter().map(|index| piece.first + index);
                    places.extend(values[row].iter().copied().zip(here));
                }
            }
            for (mut places, query) in places.into_iter().zip(queries.chunks_exact(dimension)) {
                places.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
                places.truncate(k + SPARE);
                let places: Vec<u32> = places.into_iter().map(|(_, place)| place).collect();
                let mut scores = vec![0.0; places.len()];
                self.index.scores(query, &places, &mut scores);
                let mut best: Vec<Best> = scores
                    .into_iter()
                    .zip(places)
                    .map(|(score, place)| Best {
                        score,
                        id: self.index.id(place),
                    })
                    .collect();
                best.sort_unstable_by(Best::order);
                best.truncate(k);
                found.push(best);
            }
        }
        Ok(Neighbours::of(found, self.index.metric()))
    }
}
