//! The terms of the loss (Xie et al. 2019).

use nn::Result;
use tensor::{DType, Reduction, Tensor};

use crate::Problem;

/// Training-signal annealing: how the threshold grows above which a label that the model is sure of is not trained any more
/// (section 3.2; figure 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Annealing {
    /// Fast at first: `1 - e^(-5 t/T)`, for many labels or models that overfit little.
    Log,
    /// `t/T`.
    Linear,
    /// Fast in the end: `e^(5 (t/T - 1))`, for few labels or easy tasks.
    Exp,
}

impl Annealing {
    /// η at `progress` t/T from 0 to 1, for K classes: `α (1 - 1/K) + 1/K`.
    pub fn threshold(self, progress: f64, classes: usize) -> f32 {
        let share = match self {
            Self::Log => 1.0 - (-5.0 * progress).exp(),
            Self::Linear => progress,
            Self::Exp => (5.0 * (progress - 1.0)).exp(),
        };
        let start = 1.0 / classes.max(1) as f64;
        (share * (1.0 - start) + start) as f32
    }
}

/// A loss of which only a part of the decisions count.
#[derive(Clone, Debug)]
pub struct Counted {
    /// The loss, one number.
    pub loss: Tensor,
    /// The share of decisions that count, one number.
    pub share: Tensor,
}

/// The mean of cross entropies, over those alone whose right value has a probability `e^-loss` of at most `threshold`; 0 if there
/// is none. All without a threshold.
///
/// # Errors
/// Those of the ops.
pub fn annealed(losses: &Tensor, threshold: Option<f32>) -> Result<Counted> {
    let Some(threshold) = threshold else {
        return Ok(Counted {
            loss: losses.mean_all()?,
            share: Tensor::scalar(1.0_f32, losses.device())?,
        });
    };
    let probability = losses.detach().neg()?.exp()?;
    let mask = probability
        .le(&probability.full_like(threshold)?)?
        .cast(DType::F32)?;
    let count = mask.sum_all()?.clamp(1.0, f32::MAX)?;
    Ok(Counted {
        loss: losses.mul(&mask)?.sum_all()?.div(&count)?,
        share: mask.mean_all()?,
    })
}

/// KL( sharpen(p(y|x)) ‖ p(y|x̂) ) for logits `[texts, labels]` of original and augmented texts, 0 where the largest probability,
/// before sharpening, is not above `confidence`; the mean over texts. No gradient flows to the originals.
///
/// ```text
/// sharpen(p)_k = e^(z_k / τ) / Σ_j e^(z_j / τ)
/// ```
///
/// For labels that do not exclude each other, the mean over texts and labels of
///
/// ```text
/// p ln(p / q) + (1 - p) ln((1 - p) / (1 - q)),   p = σ(z / τ), q = σ(ẑ)
/// ```
///
/// where a label counts if σ(z) or 1 - σ(z) is above `confidence`.
///
/// # Errors
/// Those of the ops.
pub fn consistency(
    problem: Problem,
    original: &Tensor,
    augmented: &Tensor,
    temperature: f32,
    confidence: Option<f32>,
) -> Result<Counted> {
    let original = original.detach().cast(DType::F32)?;
    let augmented = augmented.cast(DType::F32)?;
    let sharp = original.affine(1.0 / temperature, 0.0)?;
    let (divergence, surest) = match problem {
        Problem::Multi => {
            // Cross entropy less entropy, both exact for large logits.
            let target = sharp.sigmoid()?;
            let entropy = sharp.bce_with_logits(&target, None, Reduction::None)?;
            let cross = augmented.bce_with_logits(&target, None, Reduction::None)?;
            let probability = original.sigmoid()?;
            let surest = probability.maximum(&probability.affine(-1.0, 1.0)?)?;
            (cross.sub(&entropy)?, surest)
        }
        Problem::Single => {
            let target = sharp.log_softmax(1)?;
            let terms = augmented
                .log_softmax(1)?
                .kl_div(&target, true, Reduction::None)?;
            (terms.sum(&[1])?, original.softmax(1)?.max(&[1])?)
        }
    };
    let Some(confidence) = confidence else {
        return Ok(Counted {
            loss: divergence.mean_all()?,
            share: Tensor::scalar(1.0_f32, divergence.device())?,
        });
    };
    let mask = surest
        .gt(&surest.full_like(confidence)?)?
        .cast(DType::F32)?;
    Ok(Counted {
        loss: divergence.mul(&mask)?.mean_all()?,
        share: mask.mean_all()?,
    })
}
