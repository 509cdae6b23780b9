//! Vectors as they come from callers: checked, and normalised where the metric asks for it.

use std::borrow::Cow;

use crate::chunk::Facts;
use crate::kernels;
use crate::{IndexError, Metric, Result};

/// Lengths above it have squares that come near the largest `f32`.
const MOST_LENGTH: f64 = 1e18;

/// The vectors `[n, dimension]`, all finite, at length 1 for [`Metric::Cosine`].
pub(crate) fn checked<'a>(
    doing: &'static str,
    vectors: &'a [f32],
    dimension: usize,
    metric: Metric,
) -> Result<Cow<'a, [f32]>> {
    if dimension == 0 {
        return Err(IndexError::NoDimensions);
    }
    if !vectors.len().is_multiple_of(dimension) {
        return Err(IndexError::Dimension {
            doing,
            values: vectors.len(),
            dimension,
        });
    }
    for (row, vector) in vectors.chunks_exact(dimension).enumerate() {
        let square = kernels::square(vector);
        if square.is_finite() && square.sqrt() <= MOST_LENGTH {
            continue;
        }
        if let Some(component) = vector.iter().position(|x| !x.is_finite()) {
            return Err(IndexError::NotFinite {
                doing,
                row,
                component,
                value: vector[component],
            });
        }
        return Err(IndexError::TooLong {
            doing,
            row,
            length: square.sqrt(),
        });
    }
    if metric == Metric::Cosine {
        return normalised(doing, vectors, dimension).map(Cow::Owned);
    }
    Ok(Cow::Borrowed(vectors))
}

/// Whether vectors that were read from codes are finite, and their squares numbers.
pub(crate) fn are_sound(facts: &[Facts]) -> bool {
    let is_sound = |facts: &Facts| f64::from(facts.length) <= MOST_LENGTH;
    facts.iter().all(is_sound)
}

fn normalised(doing: &'static str, vectors: &[f32], dimension: usize) -> Result<Vec<f32>> {
    let mut normalised = vectors.to_vec();
    for (row, vector) in normalised.chunks_exact_mut(dimension).enumerate() {
        let length = kernels::square(vector).sqrt();
        if length == 0.0 {
            return Err(IndexError::Zero { doing, row });
        }
        let factor = 1.0 / length;
        for x in vector {
            *x = (f64::from(*x) * factor) as f32;
        }
    }
    Ok(normalised)
}
