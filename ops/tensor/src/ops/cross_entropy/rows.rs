//! The cross entropies of rows, and their gradient.

use smallvec::{SmallVec, smallvec};

use super::super::index_select::expect_indices;
use super::CrossEntropy;
use crate::autograd::Pass;
use crate::cpu::losses::{self, CrossEntropyRows};
use crate::cpu::{Cpu, index};
use crate::gpu::{Binding, Gpu, Kernel, noted};
use crate::op::{
    CpuInput, CpuOutput, Cut, GpuInput, GpuOutput, Gradients, Keeps, Onto, Op, Spec, Specs, apply,
    apply_one,
};
use crate::{DType, Result, Tensor, TensorError};

/// Inputs: logits `[rows, classes]`, targets `[rows]`, and perhaps the weights `[classes]` and their sum. Outputs, each
/// `[rows]`: losses, log-sum-exps and the weights of the rows.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Rows {
    ignored: Option<u32>,
    smoothing: f32,
}

/// Inputs: logits, targets, log-sum-exps, the upstream gradient `[rows]`, and perhaps the weights and their sum.
#[derive(Debug)]
struct RowsGradient(Rows);

const FORWARD: Kernel = Kernel {
    label: "cross entropy",
    source: include_str!("../../../../../shaders/cross_entropy.wgsl"),
    entry: "main",
};

const BACKWARD: Kernel = Kernel {
    label: "cross entropy gradient",
    source: include_str!("../../../../../shaders/cross_entropy_gradient.wgsl"),
    entry: "main",
};

/// Losses, log-sum-exps and weights of rows.
pub(in super::super) type OfRows = [Tensor; 3];

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
