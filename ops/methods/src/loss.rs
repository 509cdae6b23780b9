//! The supervised losses: binary cross entropy where a text may have several labels, cross entropy where it has one.

use nn::Result;
use tensor::{CrossEntropy, DType, Device, Reduction, Tensor};

use crate::Targets;

/// The labels of a batch on the device.
#[derive(Clone, Debug)]
pub enum Goal {
    /// 1 and 0, `[texts, labels]`.
    Multi(Tensor),
    /// Classes, `[texts]` of u32.
    Single(Tensor),
}

impl Goal {
    /// The labels of some texts.
    ///
    /// # Errors
    /// [`tensor::TensorError::OutOfMemory`].
    pub fn new(targets: &Targets, texts: &[usize], device: &Device) -> Result<Self> {
        Ok(match targets {
            Targets::Multi(rows) => {
                let labels = texts.first().map_or(0, |&text| rows[text].len());
                let values: Vec<f32> = (texts.iter())
                    .flat_map(|&text| rows[text].iter().map(|&has| f32::from(u8::from(has))))
                    .collect();
                Self::Multi(Tensor::new(&values, [texts.len(), labels], device)?)
            }
            Targets::Single(classes) => {
                let values: Vec<u32> = texts.iter().map(|&text| classes[text]).collect();
                Self::Single(Tensor::new(&values, [values.len()], device)?)
            }
        })
    }

    /// The loss of each decision: `[texts, labels]` of binary cross entropies, or `[texts]` of cross entropies.
    ///
    /// # Errors
    /// [`tensor::TensorError::Shape`] for logits of other shapes than `[texts, labels]`.
    pub fn losses(&self, logits: &Tensor) -> Result<Tensor> {
        let logits = logits.cast(DType::F32)?;
        Ok(match self {
            Self::Multi(values) => logits.bce_with_logits(values, None, Reduction::None)?,
            Self::Single(classes) => {
                let each = CrossEntropy {
                    reduction: Reduction::None,
                    ..CrossEntropy::default()
                };
                logits.cross_entropy(classes, &each)?
            }
        })
    }

    /// Their mean, as `transformers` computes it for `multi_label_classification` and `single_label_classification`. With
    /// weights, of the losses' shape or `[texts, 1]`, the mean of the losses times these.
    ///
    /// # Errors
    /// As [`Goal::losses`].
    pub fn loss(&self, logits: &Tensor, weights: Option<&Tensor>) -> Result<Tensor> {
        let losses = self.losses(logits)?;
        Ok(match weights {
            Some(weights) => losses.mul(weights)?.mean_all()?,
            None => losses.mean_all()?,
        })
    }
}

/// The sum of the losses of known labels in double precision, from logits `[texts * labels]`, divided by their number.
pub(crate) fn mean_loss(targets: &Targets, logits: &[f32], labels: usize) -> f64 {
    let rows = logits.chunks(labels.max(1)).enumerate();
    let (mut sum, mut count) = (0.0, 0_usize);
    for (text, row) in rows {
        match targets {
            Targets::Multi(known) => {
                for (&logit, &has) in row.iter().zip(&known[text]) {
                    let logit = f64::from(if has { -logit } else { logit });
                    // ln(1 + e^x), exact for large x.
                    sum += logit.max(0.0) + (-logit.abs()).exp().ln_1p();
                    count += 1;
                }
            }
            Targets::Single(known) => {
                sum += logsumexp(row) - f64::from(row[known[text] as usize]);
                count += 1;
            }
        }
    }
    sum / count.max(1) as f64
}

/// `ln Σ e^x`.
pub(crate) fn logsumexp(row: &[f32]) -> f64 {
    let largest = row
        .iter()
        .fold(f32::NEG_INFINITY, |largest, x| largest.max(*x));
    let sum: f64 = row.iter().map(|x| f64::from(x - largest).exp()).sum();
    f64::from(largest) + sum.ln()
}
