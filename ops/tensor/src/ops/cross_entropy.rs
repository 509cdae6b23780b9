//! Cross entropy of logits and classes, in one pass forward and one back.

use smallvec::{SmallVec, smallvec};

use super::index_select::expect_indices;
use crate::autograd::Pass;
use crate::cpu::losses::{self, CrossEntropyRows};
use crate::cpu::{Cpu, index};
use crate::gpu::{Binding, Gpu, Kernel, noted};
use crate::loss::batch;
use crate::op::{
    CpuInput, CpuOutput, Cut, GpuInput, GpuOutput, Gradients, Keeps, Onto, Op, Spec, Specs, apply,
    apply_one,
};
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

/// Inputs: logits `[rows, classes]`, targets `[rows]`, and perhaps the weights `[classes]` and their sum. Outputs, each
/// `[rows]`: losses, log-sum-exps and the weights of the rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows {
    ignored: Option<u32>,
    smoothing: f32,
}

/// Inputs: logits, targets, log-sum-exps, the upstream gradient `[rows]`, and perhaps the weights and their sum.
#[derive(Debug)]
struct RowsGradient(Rows);

const FORWARD: Kernel = Kernel {
    label: "cross entropy",
    source: include_str!("../../../../shaders/cross_entropy.wgsl"),
    entry: "main",
};

const BACKWARD: Kernel = Kernel {
    label: "cross entropy gradient",
    source: include_str!("../../../../shaders/cross_entropy_gradient.wgsl"),
    entry: "main",
};

/// Losses, log-sum-exps and weights of rows.
pub(super) type OfRows = [Tensor; 3];

impl Rows {
    fn of<'a>(&self, weights: &[CpuInput<'a>], classes: usize) -> CrossEntropyRows<'a> {
        CrossEntropyRows {
            ignored: self.ignored,
            smoothing: self.smoothing,
            weights: weights.first().map(CpuInput::slice),
            total: weights
                .get(1)
                .map_or(classes as f32, |total| total.slice::<f32>()[0]),
        }
    }

    fn params(&self, rows: usize, classes: usize, targets: DType) -> [u32; 6] {
        [
            rows as u32,
            classes as u32,
            u32::from(self.ignored.is_some()),
            // In the places where shaders that note indices have the size and the op.
            classes as u32,
            noted("cross_entropy", targets),
            self.ignored.unwrap_or(0),
        ]
    }

    fn defines(&self, weights: &[GpuInput<'_>]) -> [(&'static str, String); 2] {
        [
            ("WEIGHTED", (!weights.is_empty()).to_string()),
            ("SMOOTHING", format!("{:e}", self.smoothing)),
        ]
    }

    /// Checks what may be checked without values.
    pub fn new(options: &CrossEntropy<'_>) -> Result<Self> {
        if !(0.0..=1.0).contains(&options.label_smoothing) {
            return Err(TensorError::Argument {
                op: "cross_entropy",
                reason: format!(
                    "label smoothing of {} is not from 0 to 1",
                    options.label_smoothing
                ),
            });
        }
        let ignored = options
            .ignore_index
            .map(|index| match u32::try_from(index) {
                Ok(index) => Some(index),
                Err(_) => i32::try_from(index).ok().map(|index| index as u32),
            });
        let Some(ignored) = ignored.map_or(Some(None), |found| found.map(Some)) else {
            return Err(TensorError::Argument {
                op: "cross_entropy",
                reason: "the index to ignore is no number of 32 bits".to_owned(),
            });
        };
        Ok(Self {
            ignored,
            smoothing: options.label_smoothing,
        })
    }

    pub fn ignored(&self) -> Option<u32> {
        self.ignored
    }

    /// The losses of logits `[rows, classes]`; weights come with their sum.
    pub fn forward(
        self,
        logits: &Tensor,
        targets: &Tensor,
        weights: Option<&[Tensor; 2]>,
    ) -> Result<OfRows> {
        let mut inputs: SmallVec<[&Tensor; 4]> = smallvec![logits, targets];
        inputs.extend(weights.into_iter().flatten());
        let mut outputs = apply(self, &inputs)?.into_iter();
        match (outputs.next(), outputs.next(), outputs.next()) {
            (Some(losses), Some(logsumexp), Some(shares)) => {
                Ok([losses, logsumexp.detach(), shares.detach()])
            }
            _ => Err(TensorError::Backward {
                reason: "cross_entropy has too few outputs".to_owned(),
            }),
        }
    }

    /// The gradient of logits, from those of the rows' losses.
    pub fn backward(
        self,
        [logits, targets, logsumexp, upstream]: [&Tensor; 4],
        weights: &[&Tensor],
    ) -> Result<Tensor> {
        let mut inputs: SmallVec<[&Tensor; 6]> = smallvec![logits, targets, logsumexp, upstream];
        inputs.extend(weights.iter().copied());
        apply_one(RowsGradient(self), &inputs)
    }
}

impl Op for Rows {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        self.expect_float(&inputs[0])?;
        expect_indices(self, &inputs[1])?;
        let (rows, classes) = (inputs[0].shape[0], inputs[0].shape[1]);
        if inputs[1].shape[..] != [rows] {
            return Err(self.misfit(inputs, "every row of logits needs one target"));
        }
        if classes == 0 && rows > 0 {
            return Err(self.misfit(inputs, "there are no classes"));
        }
        if let Some(weights) = inputs.get(2) {
            self.expect_float(weights)?;
            if weights.shape[..] != [classes] {
                return Err(self.misfit(inputs, "every class needs one weight"));
            }
        }
        let of_row = Spec::new([rows].into(), DType::F32);
        Ok(smallvec![of_row.clone(), of_row.clone(), of_row])
    }

    fn has_gradient(&self, input: usize) -> bool {
        input == 0
    }

    fn keeps(&self) -> Keeps {
        Keeps {
            inputs: &[0, 1, 2, 3],
            outputs: &[1],
        }
    }

    fn cuts(&self, inputs: &[Spec], outputs: &[Spec]) -> Vec<Cut> {
        // Weights of classes are the same for all rows.
        let cut = |place| (place < 2).then_some(0);
        let outputs = outputs.iter().map(|_| Onto::Along(0));
        vec![Cut::new((0..inputs.len()).map(cut), outputs)]
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        let (targets, classes) = (inputs[1].slice::<u32>(), inputs[0].layout.shape[1]);
        index::check_but(
            "cross_entropy",
            targets,
            inputs[1].dtype,
            classes,
            self.ignored,
        )?;
        if let [losses, logsumexp, shares] = outputs {
            let outputs = [losses.slice(), logsumexp.slice(), shares.slice()];
            losses::cross_entropy(
                cpu,
                inputs[0].slice(),
                targets,
                outputs,
                self.of(&inputs[2..], classes),
            );
        }
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        let shape = &inputs[0].layout.shape;
        let params = self.params(shape[0], shape[1], inputs[1].dtype);
        let bindings = [
            inputs[0].binding(),
            inputs[1].binding(),
            inputs.get(2).unwrap_or(&inputs[0]).binding(),
            Binding::read_write(gpu.index_note()?),
            outputs[0].binding(),
            outputs[1].binding(),
            outputs[2].binding(),
        ];
        let grid = [shape[0] as u32, 1, 1];
        gpu.launch(
            &FORWARD,
            &self.defines(&inputs[2..]),
            &bindings,
            &params,
            grid,
        )
    }

    fn gradient(&self, pass: &Pass) -> Result<Gradients> {
        let inputs = [
            pass.input(0)?,
            pass.input(1)?,
            pass.output(1)?,
            pass.upstream()?,
        ];
        let weights: SmallVec<[&Tensor; 2]> = (2..pass.input_specs.len())
            .map(|input| pass.input(input))
            .collect::<Result<_>>()?;
        let mut gradients: Gradients = smallvec![Some(self.backward(inputs, &weights)?)];
        gradients.resize(pass.input_specs.len(), None);
        Ok(gradients)
    }
}

impl Op for RowsGradient {
    fn name(&self) -> &'static str {
        "gradient of cross_entropy"
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        Ok(smallvec![inputs[0].clone()])
    }

    fn has_gradient(&self, _input: usize) -> bool {
        false
    }

    fn cuts(&self, inputs: &[Spec], _outputs: &[Spec]) -> Vec<Cut> {
        let cut = |place| (place < 4).then_some(0);
        vec![Cut::new((0..inputs.len()).map(cut), [Onto::Along(0)])]
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        let of = self.0.of(&inputs[4..], inputs[0].layout.shape[1]);
        let of_rows = [inputs[2].slice(), inputs[3].slice()];
        losses::cross_entropy_gradient(
            cpu,
            inputs[0].slice(),
            inputs[1].slice(),
            of_rows,
            outputs[0].slice(),
            of,
        );
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        let shape = &inputs[0].layout.shape;
        let params = self.0.params(shape[0], shape[1], inputs[1].dtype);
        let filler = &inputs[0];
        let bindings = [
            inputs[0].binding(),
            inputs[1].binding(),
            inputs[2].binding(),
            inputs[3].binding(),
            outputs[0].binding(),
            inputs.get(4).unwrap_or(filler).binding(),
            inputs.get(5).unwrap_or(filler).binding(),
        ];
        let grid = [shape[0] as u32, 1, 1];
        gpu.launch(
            &BACKWARD,
            &self.0.defines(&inputs[4..]),
            &bindings,
            &params,
            grid,
        )
    }

    fn gradient(&self, _pass: &Pass) -> Result<Gradients> {
        Ok(Gradients::new())
    }
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
