//! Cross entropy of a linear layer's outputs, which are never all there at once.

use std::sync::{Arc, Mutex, PoisonError};

use smallvec::{SmallVec, smallvec};

use super::cross_entropy::{CrossEntropy, Rows, divisor, weights_of};
use crate::autograd::{self, Backward, Node, Pass, no_grad};
use crate::loss::batch;
use crate::op::Gradients;
use crate::{Activation, DType, Device, Reduction, Result, Tensor, TensorError};

const NAME: &str = "linear_cross_entropy";

/// Logits that are there at once, at most: 64 MB, and as much for their gradients.
const LOGITS: usize = 1 << 24;

/// Rows of a chunk are a multiple of this where there are enough: products of whole tiles.
const TILE: usize = 32;

/// The step on the tape: gradients are computed chunk by chunk in the forward pass, when the logits are at hand, and only
/// scaled in the backward pass.
#[derive(Debug)]
struct Chunked {
    /// Of the sum of all losses.
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    /// Of hidden states, weight and bias, in f32 as far as they are wanted.
    gradients: [Option<Tensor>; 3],
    /// The rows that the hidden states' gradient has, where these are not all.
    rows: Option<Tensor>,
    /// What the loss is divided by.
    divisor: Option<Tensor>,
}

impl Backward for Chunked {
    fn name(&self) -> &'static str {
        NAME
    }

    fn gradient(&self, pass: &Pass) -> Result<Gradients> {
        let kept = self
            .kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let kept = kept.ok_or_else(|| TensorError::Backward {
            reason: format!("{NAME} was differentiated before, and what it kept is gone; compute the result again"),
        })?;
        let mut factor = pass.upstream()?.clone();
        if let Some(divisor) = &kept.divisor {
            factor = factor.div(divisor)?;
        }
        // On an adapter a look at the factor would wait for all work.
        let is_one = matches!(factor.device(), Device::Cpu(_)) && factor.item()? == 1.0;
        let mut gradients = Gradients::new();
        for (place, gradient) in kept.gradients.into_iter().enumerate() {
            let Some(gradient) = gradient else {
                gradients.push(None);
                continue;
            };
            let mut gradient = if is_one {
                gradient
            } else {
                gradient.mul(&factor)?
            };
            if place == 0
                && let Some(rows) = &kept.rows
            {
                gradient = gradient.sum_by_index(0, rows, pass.input_specs[0].shape[0])?;
            }
            gradients.push(Some(gradient.cast(pass.input_specs[place].dtype)?));
        }
        Ok(gradients)
    }
}

/// What is added up over chunks.
#[derive(Default)]
struct Sum(Option<Tensor>);

impl Sum {
    fn add(&mut self, part: &Tensor) -> Result<()> {
        // Half precision would lose what is small beside the sum.
        let part = part.cast(DType::F32)?;
        self.0 = Some(match self.0.take() {
            Some(sum) => sum.add(&part)?,
            None => part,
        });
        Ok(())
    }

    fn or_zeros(self, like: &Tensor) -> Result<Tensor> {
        self.0
            .map_or_else(|| Tensor::zeros(like.shape(), like.device()), Ok)
    }
}

/// Hidden states `[rows, hidden]` with their targets, and the layer.
struct Inputs<'a> {
    hidden: &'a Tensor,
    weight: &'a Tensor,
    bias: Option<&'a Tensor>,
    targets: &'a Tensor,
}

/// The sum of the losses, the sum of the rows' weights, and the gradients that are wanted.
fn chunks(
    inputs: &Inputs<'_>,
    op: Rows,
    weights: Option<&[Tensor; 2]>,
    wanted: [bool; 3],
    logits: usize,
) -> Result<(Tensor, Tensor, [Option<Tensor>; 3])> {
    let Inputs {
        hidden,
        weight,
        bias,
        targets,
    } = inputs;
    let (rows, device) = (hidden.shape()[0], hidden.device());
    let fitting = (logits / weight.shape()[0].max(1)).max(1);
    let chunk = if fitting > TILE {
        fitting / TILE * TILE
    } else {
        fitting
    };
    let of_class: SmallVec<[&Tensor; 2]> = weights.into_iter().flatten().collect();
    let (mut losses, mut shares) = (Sum::default(), Sum::default());
    let (mut of_weight, mut of_bias) = (Sum::default(), Sum::default());
    let mut of_hidden = Vec::new();
    for start in (0..rows).step_by(chunk) {
        let count = chunk.min(rows - start);
        let hidden = hidden.narrow(0, start, count)?;
        let targets = targets.narrow(0, start, count)?;
        let logits = hidden.linear(weight, *bias, Activation::None)?;
        let [loss, logsumexp, share] = op.forward(&logits, &targets, weights)?;
        losses.add(&loss.sum_all()?)?;
        shares.add(&share.sum_all()?)?;
        if !wanted.contains(&true) {
            continue;
        }
        let one = Tensor::full(1.0, [count], DType::F32, device)?;
        let gradient = op.backward([&logits, &targets, &logsumexp, &one], &of_class)?;
        drop(logits);
        if wanted[0] {
            of_hidden.push(gradient.matmul(weight)?.cast(DType::F32)?);
        }
        if wanted[1] {
            of_weight.add(&gradient.transpose(0, 1)?.matmul(&hidden)?)?;
        }
        if wanted[2] {
            of_bias.add(&gradient.sum(&[0])?)?;
        }
    }
    let of_hidden = wanted[0].then(|| match of_hidden.is_empty() {
        true => Tensor::zeros(hidden.shape(), device),
        false => Tensor::concat(&of_hidden.iter().collect::<Vec<_>>(), 0),
    });
    let of_weight = wanted[1].then(|| of_weight.or_zeros(weight));
    let of_bias = match bias {
        Some(bias) if wanted[2] => Some(of_bias.or_zeros(bias)?),
        _ => None,
    };
    let nothing = Tensor::zeros((), device)?;
    let gradients = [of_hidden.transpose()?, of_weight.transpose()?, of_bias];
    Ok((
        losses.or_zeros(&nothing)?,
        shares.or_zeros(&nothing)?,
        gradients,
    ))
}

/// The places of the targets that count, unless all do.
fn counting(targets: &Tensor, ignored: Option<u32>) -> Result<Option<Tensor>> {
    let Some(ignored) = ignored else {
        return Ok(None);
    };
    let words: Vec<u32> = bytemuck::pod_collect_to_vec(&targets.bytes()?);
    let places: Vec<u32> = (0..)
        .zip(&words)
        .filter(|(_, word)| **word != ignored)
        .map(|(place, _)| place)
        .collect();
    match places.len() == words.len() {
        true => Ok(None),
        false => Tensor::new(&places, places.len(), targets.device()).map(Some),
    }
}

impl Tensor {
    /// `hidden.linear(weight, bias).cross_entropy(targets, options)` for hidden states `[.., hidden]`, a weight
    /// `[vocabulary, hidden]` and a bias `[vocabulary]`, without ever holding all logits or all their gradients: both come
    /// in chunks of rows, of 64 MB each at most. Rows whose target is ignored are not multiplied at all, for which an
    /// adapter's targets are read back; leave out [`CrossEntropy::ignore_index`] where none is.
    ///
    /// # Errors
    /// Those of [`Tensor::linear`] and [`Tensor::cross_entropy`]; [`TensorError::Argument`] for [`Reduction::None`].
    pub fn linear_cross_entropy(
        &self,
        weight: &Self,
        bias: Option<&Self>,
        targets: &Self,
        options: &CrossEntropy<'_>,
    ) -> Result<Self> {
        self.chunked_cross_entropy(weight, bias, targets, options, LOGITS)
    }

    fn chunked_cross_entropy(
        &self,
        weight: &Self,
        bias: Option<&Self>,
        targets: &Self,
        options: &CrossEntropy<'_>,
        logits: usize,
    ) -> Result<Self> {
        if options.reduction == Reduction::None {
            return Err(TensorError::Argument {
                op: NAME,
                reason: "gives one number: choose a mean or the sum, or call `linear` and `cross_entropy`".to_owned(),
            });
        }
        let op = Rows::new(options)?;
        let misfit = |reason: &str| TensorError::Shape {
            op: NAME,
            reason: reason.to_owned(),
            shapes: vec![
                self.shape().clone(),
                weight.shape().clone(),
                targets.shape().clone(),
            ],
        };
        let outer = self
            .shape()
            .split_last()
            .map(|(columns, outer)| (*columns, outer));
        let Some((columns, _)) = outer.filter(|(_, outer)| *outer == &targets.shape()[..]) else {
            return Err(misfit("hidden states [.., hidden] need targets [..]"));
        };
        match weight.shape()[..] {
            [classes, hidden] if hidden == columns && (classes > 0 || targets.elements() == 0) => {}
            _ => {
                return Err(misfit(
                    "the weight must be [vocabulary, hidden] with at least one row",
                ));
            }
        }
        let flat = self.reshape([targets.elements(), columns])?;
        let weights = weights_of(options)?;
        let sources: SmallVec<[&Self; 3]> = [&flat, weight].into_iter().chain(bias).collect();
        let mut wanted = [false; 3];
        if autograd::is_recording() {
            for (wanted, source) in wanted.iter_mut().zip(&sources) {
                *wanted = source.is_tracked();
            }
        }
        let (loss, kept) = no_grad(|| -> Result<(Self, Kept)> {
            let mut labels = targets.detach().reshape([targets.elements()])?;
            let mut hidden = flat.detach();
            let rows = counting(&labels, op.ignored())?;
            if let Some(rows) = &rows {
                labels = labels.index_select(0, rows)?;
                hidden = hidden.index_select(0, rows)?;
            }
            let bias = bias.map(Self::detach);
            let inputs = Inputs {
                hidden: &hidden,
                weight: &weight.detach(),
                bias: bias.as_ref(),
                targets: &labels,
            };
            let (sum, share, gradients) = chunks(&inputs, op, weights.as_ref(), wanted, logits)?;
            let divisor = divisor(options.reduction, &share, batch(targets))?;
            let loss = match &divisor {
                Some(divisor) => sum.div(divisor)?,
                None => sum,
            };
            let kept = Kept {
                gradients,
                rows,
                divisor,
            };
            Ok((loss, kept))
        })?;
        if !wanted.contains(&true) {
            return Ok(loss);
        }
        let step = Chunked {
            kept: Mutex::new(Some(kept)),
        };
        let node = Node::bare(Arc::new(step), &sources, smallvec![loss.spec()]);
        Ok(loss.with_node(&node, 0))
    }
}

#[cfg(test)]
pub(crate) fn cases() -> Vec<crate::conformance::Case> {
    use super::cross_entropy::reference::cross_entropy;
    use crate::conformance::{Array, Case, indices, numbers};
    let shapes: [(&[usize], usize, &[u32], usize); 5] = [
        (&[5, 3], 4, &[3, 9, 0, 1, 1], 8),
        (&[2, 3, 2], 7, &[6, 2, 9, 9, 0, 5], 14),
        (&[1, 4], 3, &[2], 1),
        (&[3, 2], 2, &[9, 9, 9], 4),
        (&[70, 2], 3, &[1; 70], 100),
    ];
    let mut cases = Vec::new();
    for (shape, classes, targets, chunk) in shapes {
        for (ignores, smoothing, with_bias, reduction) in [
            (true, 0.0, true, Reduction::Mean),
            (true, 0.1, false, Reduction::Sum),
            (false, 0.2, true, Reduction::Mean),
        ] {
            if !ignores && targets.contains(&9) {
                continue;
            }
            let (&columns, outer) = shape.split_last().expect("hidden states");
            let mut inputs = vec![
                numbers(shape),
                numbers([classes, columns]),
                indices(outer, targets),
            ];
            if with_bias {
                inputs.push(numbers([classes]));
            }
            cases.push(
                Case::new(
                    format!("linear cross entropy of {shape:?} and {classes} classes, {reduction:?}, smoothing {smoothing}"),
                    inputs,
                    move |x| {
                        let options = CrossEntropy {
                            ignore_index: ignores.then_some(9),
                            label_smoothing: smoothing,
                            reduction,
                            ..CrossEntropy::default()
                        };
                        x[0].chunked_cross_entropy(&x[1], x.get(3), &x[2], &options, chunk)
                    },
                    move |x: &[Array]| {
                        let rows = x[0].data.len() / columns;
                        let logits = Array::from_fn([rows, classes], |at| {
                            let states = &x[0].data[at[0] * columns..][..columns];
                            let products = states.iter().zip(&x[1].data[at[1] * columns..]).map(|(a, b)| a * b);
                            products.sum::<f64>() + x.get(3).map_or(0.0, |bias| bias.data[at[1]])
                        });
                        let (losses, mean) = cross_entropy(&logits, &x[2].data, 9.0, smoothing.into(), None);
                        let loss = if reduction == Reduction::Mean { mean } else { losses.iter().sum() };
                        Array::new((), vec![loss])
                    },
                )
                .tolerance(8e-6),
            );
        }
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_vocabulary_never_has_all_its_logits() -> Result<()> {
        let device = Device::cpu_with_threads(2);
        let (rows, classes, columns) = (600, 4000, 8);
        let hidden = Tensor::full(0.1, [rows, columns], DType::F32, &device)?.requires_grad()?;
        let weight = Tensor::full(0.2, [classes, columns], DType::F32, &device)?.requires_grad()?;
        let targets: Vec<u32> = (0..rows as u32).collect();
        let targets = Tensor::new(&targets, [rows], &device)?;
        let before = device.memory().peak;
        let chunk = 32 * classes;
        let loss = hidden.chunked_cross_entropy(
            &weight,
            None,
            &targets,
            &CrossEntropy::default(),
            chunk,
        )?;
        assert!((loss.item()? - (classes as f32).ln()).abs() < 1e-4);
        loss.backward()?;
        let held = device.memory().peak - before;
        // Logits and gradients of a chunk, some gradients of the weight, and little else; all logits are 9.6 MB.
        let most = 4 * (2 * chunk + 4 * classes * columns + 6 * rows * columns) + (1 << 16);
        assert!(held < most, "{held} bytes, {most} at most");
        assert!(most < 4 * rows * classes / 5);
        Ok(())
    }

    #[test]
    fn half_precision_gives_gradients_in_half_precision() -> Result<()> {
        let device = Device::cpu();
        let half =
            |shape: [usize; 2]| Tensor::full(0.5, shape, DType::BF16, &device)?.requires_grad();
        let (hidden, weight) = (half([3, 2])?, half([4, 2])?);
        let targets = Tensor::new(&[0_u32, 1, 1], [3], &device)?;
        let loss =
            hidden.linear_cross_entropy(&weight, None, &targets, &CrossEntropy::default())?;
        assert_eq!(loss.dtype(), DType::F32);
        let gradients = loss.backward()?;
        assert_eq!(gradients.get(&weight).map(Tensor::dtype), Some(DType::BF16));
        // A row of equal logits: (1/4 - share of the target) / 3 rows, times 0.5.
        let of_weight = gradients
            .get(&weight)
            .map(Tensor::to_f32_vec)
            .transpose()?
            .unwrap_or_default();
        for (found, expected) in
            of_weight
                .iter()
                .step_by(2)
                .zip([-0.25 / 6.0, -1.25 / 6.0, 0.125, 0.125])
        {
            assert!((found - expected).abs() < 1e-3, "{found} is not {expected}");
        }
        Ok(())
    }

    #[test]
    fn what_does_not_fit_is_named() -> Result<()> {
        let device = Device::cpu();
        let hidden = Tensor::zeros([2, 3], &device)?;
        let targets = Tensor::new(&[0_u32, 5], [2], &device)?;
        let options = CrossEntropy::default();
        let narrow = Tensor::zeros([5, 2], &device)?;
        let refused = hidden.linear_cross_entropy(&narrow, None, &targets, &options);
        assert!(matches!(refused, Err(TensorError::Shape { op: NAME, .. })));
        let weight = Tensor::zeros([5, 3], &device)?;
        let refused = hidden.linear_cross_entropy(&weight, None, &targets, &options);
        assert!(matches!(
            refused,
            Err(TensorError::Index {
                op: "cross_entropy",
                index: 5,
                size: 5
            })
        ));
        let none = CrossEntropy {
            reduction: Reduction::None,
            ..options
        };
        let refused = hidden.linear_cross_entropy(&weight, None, &targets, &none);
        assert!(matches!(
            refused,
            Err(TensorError::Argument { op: NAME, .. })
        ));
        Ok(())
    }
}
