//! Cross entropy of logits and classes, in one pass forward and one back.

mod rows;

pub(super) use rows::Rows;

use crate::loss::batch;
use crate::op::Op;
use crate::{DType, Reduction, Result, Tensor, TensorError};

/// How cross entropy is meant.
#[derive(Clone, Copy, Debug, Default)]
pub struct CrossEntropy<'a> {
    /// The target of rows that do not count. A negative one is compared as a signed number of 32 bits, also with targets of
    /// type u32.
    pub ignore_index: Option<i64>,
    /// The share, from 0 to 1, of the target that all classes get alike (Szegedy et al. 2016), as PyTorch defines it.
    pub label_smoothing: f32,
    /// A weight for each class, `[classes]`; no gradient flows to it.
    pub class_weights: Option<&'a Tensor>,
    /// What becomes of the rows' losses. A mean is weighted with the weights of the targets.
    pub reduction: Reduction,
}

/// The weights of classes with their sum.
pub(super) fn weights_of(options: &CrossEntropy<'_>) -> Result<Option<[Tensor; 2]>> {
    options
        .class_weights
        .map(|weights| {
            if weights.is_tracked() && crate::autograd::is_recording() {
                return Err(TensorError::NoGradient {
                    op: "cross_entropy",
                    input: 2,
                });
            }
            let weights = weights.detach().cast(DType::F32)?;
            let total = weights.sum_all()?;
            Ok([weights, total])
        })
        .transpose()
}

/// What a sum of losses is divided by.
pub(super) fn divisor(
    reduction: Reduction,
    shares: &Tensor,
    rows: usize,
) -> Result<Option<Tensor>> {
    match reduction {
        // Without any row that counts the loss is 0, not 0 / 0.
        Reduction::Mean => Ok(Some(shares.clamp(f32::MIN_POSITIVE, f32::MAX)?)),
        Reduction::BatchMean => Ok(Some(shares.full_like(rows.max(1) as f32)?)),
        Reduction::Sum | Reduction::None => Ok(None),
    }
}

impl Tensor {
    /// The cross entropy of these logits, `[.., classes]`, and `targets`, `[..]` of type u32 or i32; of type f32. Without
    /// smoothing and weights, `logsumexp(logits) - logits[target]`. Where no row counts a mean is 0, and so are its
    /// gradients (PyTorch's is not a number).
    ///
    /// # Errors
    /// [`TensorError::Shape`] for shapes that do not fit and for no classes; [`TensorError::Argument`] for smoothing beyond 0
    /// to 1; [`TensorError::NoGradient`] for class weights that require one; [`TensorError::Index`] for a target past the
    /// last class, as for [`Tensor::index_select`].
    pub fn cross_entropy(&self, targets: &Self, options: &CrossEntropy<'_>) -> Result<Self> {
        let op = Rows::new(options)?;
        let Some((&classes, outer)) = self
            .shape()
            .split_last()
            .filter(|(_, outer)| **outer == targets.shape()[..])
        else {
            return Err(op.misfit(
                &[self.spec(), targets.spec()],
                "logits [.., classes] need targets [..]",
            ));
        };
        let rows = outer.iter().product();
        let logits = self.reshape([rows, classes])?;
        let weights = weights_of(options)?;
        let [losses, _, shares] =
            op.forward(&logits, &targets.reshape([rows])?, weights.as_ref())?;
        if options.reduction == Reduction::None {
            return losses.reshape(targets.shape());
        }
        let sum = losses.sum_all()?;
        match divisor(options.reduction, &shares.sum_all()?, batch(targets))? {
            Some(divisor) => sum.div(&divisor),
            None => Ok(sum),
        }
    }
}

#[cfg(test)]
pub(super) mod reference {
    use crate::conformance::Array;

    /// The mean, or else the losses, in double precision.
    pub fn cross_entropy(
        logits: &Array,
        targets: &[f64],
        ignored: f64,
        smoothing: f64,
        weights: Option<&[f64]>,
    ) -> (Vec<f64>, f64) {
        let classes = logits.shape.last().copied().unwrap_or(1);
        let weight = |class: usize| weights.map_or(1.0, |weights| weights[class]);
        let mut losses = Vec::new();
        let mut total = 0.0;
        for (row, &target) in logits.data.chunks(classes).zip(targets) {
            if target == ignored {
                losses.push(0.0);
                continue;
            }
            let log = row.iter().map(|x| x.exp()).sum::<f64>().ln();
            let target = target as usize;
            let all: f64 = row
                .iter()
                .enumerate()
                .map(|(class, x)| weight(class) * (log - x))
                .sum();
            let own = weight(target) * (log - row[target]);
            losses.push((1.0 - smoothing) * own + smoothing * all / classes as f64);
            total += weight(target);
        }
        let mean = losses.iter().sum::<f64>() / if total == 0.0 { 1.0 } else { total };
        (losses, mean)
    }
}

#[cfg(test)]
pub(crate) fn cases() -> Vec<crate::conformance::Case> {
    use crate::conformance::{Array, Case, between, indices};
    let mut cases = Vec::new();
    let shapes: [(&[usize], &[u32]); 6] = [
        (&[4, 3], &[2, 0, 9, 1]),
        (&[2, 2, 5], &[4, 9, 0, 3]),
        (&[1, 1], &[0]),
        (&[0, 3], &[]),
        (&[2, 3], &[9, 9]),
        (&[3, 700], &[699, 9, 0]),
    ];
    for (shape, targets) in shapes {
        for (smoothing, weighted, reduction) in [
            (0.0, false, Reduction::Mean),
            (0.1, false, Reduction::Sum),
            (0.0, true, Reduction::BatchMean),
            (0.2, true, Reduction::Mean),
            (0.1, true, Reduction::None),
        ] {
            let (classes, outer) = shape.split_last().expect("classes");
            let input = between(shape, -4.0, 4.0);
            let input = if *classes > 100 {
                input.without_gradient()
            } else {
                input
            };
            let inputs = [
                input,
                indices(outer, targets),
                between([*classes], 0.5, 2.0).without_gradient(),
            ];
            let first = outer[0];
            cases.push(
                Case::new(
                    format!("cross entropy of {shape:?}, smoothing {smoothing}, weighted {weighted}, {reduction:?}"),
                    inputs,
                    move |x| {
                        let options = CrossEntropy {
                            ignore_index: Some(9),
                            label_smoothing: smoothing,
                            class_weights: weighted.then_some(&x[2]),
                            reduction,
                        };
                        x[0].cross_entropy(&x[1], &options)
                    },
                    move |x: &[Array]| {
                        let weights = weighted.then_some(&x[2].data[..]);
                        let (losses, mean) =
                            reference::cross_entropy(&x[0], &x[1].data, 9.0, smoothing.into(), weights);
                        let sum = losses.iter().sum::<f64>();
                        match reduction {
                            Reduction::Mean => Array::new((), vec![mean]),
                            Reduction::BatchMean => Array::new((), vec![sum / first.max(1) as f64]),
                            Reduction::Sum => Array::new((), vec![sum]),
                            Reduction::None => Array::new(&x[1].shape, losses),
                        }
                    },
                )
                .tolerance(5e-6),
            );
        }
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Device;

    #[test]
    fn extreme_logits_give_finite_losses_and_gradients() -> Result<()> {
        let check = |device: &Device| -> Result<()> {
            let logits = Tensor::new(&[1e4_f32, -1e4, 0.0, -300.0, 300.0, 0.0], [2, 3], device)?
                .requires_grad()?;
            let targets = Tensor::new(&[0_u32, 0], [2], device)?;
            let options = CrossEntropy {
                reduction: Reduction::Sum,
                ..CrossEntropy::default()
            };
            let loss = logits.cross_entropy(&targets, &options)?;
            assert_eq!(loss.item()?, 600.0);
            let gradients = loss.backward()?;
            let gradient = gradients
                .get(&logits)
                .map(Tensor::to_vec::<f32>)
                .transpose()?;
            assert_eq!(gradient, Some(vec![0.0, 0.0, 0.0, -1.0, 1.0, 0.0]));
            Ok(())
        };
        check(&Device::cpu())?;
        crate::conformance::gpu().as_ref().map_or(Ok(()), check)
    }

    #[test]
    fn what_does_not_fit_is_named() -> Result<()> {
        let device = Device::cpu();
        let logits = Tensor::zeros([2, 3], &device)?;
        let options = CrossEntropy::default();
        let targets = |values: &[u32]| Tensor::new(values, values.len(), &device);
        let misfit = logits.cross_entropy(&targets(&[0, 1, 2])?, &options);
        assert!(matches!(
            misfit,
            Err(TensorError::Shape {
                op: "cross_entropy",
                ..
            })
        ));
        let past = logits.cross_entropy(&targets(&[0, 3])?, &options);
        assert!(matches!(
            past,
            Err(TensorError::Index {
                op: "cross_entropy",
                index: 3,
                size: 3
            })
        ));
        let empty = Tensor::zeros([2, 0], &device)?.cross_entropy(&targets(&[0, 0])?, &options);
        assert!(matches!(
            empty,
            Err(TensorError::Shape {
                op: "cross_entropy",
                ..
            })
        ));
        let no_classes = logits.cross_entropy(&Tensor::zeros([2], &device)?, &options);
        assert!(matches!(
            no_classes,
            Err(TensorError::DType {
                op: "cross_entropy",
                ..
            })
        ));
        let smooth = CrossEntropy {
            label_smoothing: 1.5,
            ..options
        };
        let refused = logits.cross_entropy(&targets(&[0, 1])?, &smooth);
        assert!(matches!(
            refused,
            Err(TensorError::Argument {
                op: "cross_entropy",
                ..
            })
        ));
        let weights = Tensor::zeros([3], &device)?.requires_grad()?;
        let weighted = CrossEntropy {
            class_weights: Some(&weights),
            ..options
        };
        let refused = logits.cross_entropy(&targets(&[0, 1])?, &weighted);
        assert!(matches!(
            refused,
            Err(TensorError::NoGradient {
                op: "cross_entropy",
                ..
            })
        ));
        Ok(())
    }

    #[test]
    fn a_negative_index_is_ignored_as_signed_targets_have_it() -> Result<()> {
        let device = Device::cpu();
        let logits = Tensor::zeros([2, 4], &device)?;
        let options = CrossEntropy {
            ignore_index: Some(-100),
            ..CrossEntropy::default()
        };
        let targets = Tensor::new(&[-100_i32, 2], [2], &device)?;
        let loss = logits.cross_entropy(&targets, &options)?.item()?;
        assert!((loss - 4.0_f32.ln()).abs() < 1e-6);
        let negative = Tensor::new(&[-100_i32, -1], [2], &device)?;
        let refused = logits.cross_entropy(&negative, &options);
        assert!(matches!(refused, Err(TensorError::Index { index: -1, .. })));
        Ok(())
    }
}
