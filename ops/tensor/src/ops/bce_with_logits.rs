//! Binary cross entropy of logits: labels that do not exclude each other.

use smallvec::{SmallVec, smallvec};

use crate::autograd::Pass;
use crate::cpu::{Cpu, losses};
use crate::gpu::{Gpu, Kernel};
use crate::launch::{groups, layout_params};
use crate::op::{
    CpuInput, CpuOutput, Cut, GpuInput, GpuOutput, Gradients, Keeps, Op, Spec, Specs, apply_one,
};
use crate::shape::Layout;
use crate::{DType, Reduction, Result, Shape, Tensor};

/// Inputs: logits, targets, and perhaps weights of the positive side that broadcast to them.
#[derive(Debug)]
pub(crate) struct BceWithLogits;

/// Inputs: the upstream gradient, then as above.
#[derive(Debug)]
struct BceWithLogitsGradient;

const FORWARD: Kernel = Kernel {
    label: "binary cross entropy",
    source: include_str!("../../../../shaders/bce_with_logits.wgsl"),
    entry: "losses",
};

const BACKWARD: Kernel = Kernel {
    label: "binary cross entropy gradient",
    entry: "slopes",
    ..FORWARD
};

/// Of `inputs` the first ones are logits, targets and perhaps weights.
fn launch(
    gpu: &Gpu,
    kernel: &Kernel,
    inputs: &[GpuInput<'_>],
    upstream: &GpuInput<'_>,
    output: &GpuOutput<'_>,
) -> Result<()> {
    let weights = inputs.get(2).unwrap_or(&inputs[0]);
    let views = [&inputs[0], &inputs[1], weights, upstream];
    let layouts = views.map(|view| view.layout.broadcast(output.shape));
    let [x, y, w, g]: [&Layout; 4] = std::array::from_fn(|view| &layouts[view]);
    let elements = output.shape.elements();
    let mut params = vec![elements as u32];
    params.extend(layout_params([x, y, w, g]));
    let [x, y, w, g] = views.map(GpuInput::binding);
    let defines = [("WEIGHTED", (inputs.len() > 2).to_string())];
    gpu.launch(
        kernel,
        &defines,
        &[x, y, w, g, output.binding()],
        &params,
        groups(elements),
    )
}

impl Op for BceWithLogits {
    fn name(&self) -> &'static str {
        "bce_with_logits"
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        for input in inputs {
            self.expect_float(input)?;
        }
        let shape = &inputs[0].shape;
        if &inputs[1].shape != shape {
            return Err(self.misfit(inputs, "every logit needs one target"));
        }
        if let Some(weights) = inputs.get(2)
            && weights.shape.broadcast(shape).as_ref() != Some(shape)
        {
            return Err(self.misfit(
                inputs,
                "the positive weights do not broadcast to the logits",
            ));
        }
        Ok(smallvec![Spec::new(shape.clone(), DType::F32)])
    }

    fn takes_strides(&self) -> bool {
        true
    }

    fn has_gradient(&self, input: usize) -> bool {
        input == 0
    }

    fn keeps(&self) -> Keeps {
        Keeps::inputs(&[0, 1, 2])
    }

    fn cuts(&self, inputs: &[Spec], outputs: &[Spec]) -> Vec<Cut> {
        Cut::elements(inputs, &outputs[0])
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        let shape: &Shape = outputs[0].shape;
        losses::bce_with_logits(cpu, inputs, shape, outputs[0].slice());
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        launch(gpu, &FORWARD, inputs, &inputs[0], &outputs[0])
    }

    fn gradient(&self, pass: &Pass) -> Result<Gradients> {
        let mut inputs: SmallVec<[&Tensor; 4]> = smallvec![pass.upstream()?];
        for input in 0..pass.input_specs.len() {
            inputs.push(pass.input(input)?);
        }
        let mut gradients: Gradients = smallvec![Some(apply_one(BceWithLogitsGradient, &inputs)?)];
        gradients.resize(pass.input_specs.len(), None);
        Ok(gradients)
    }
}

impl Op for BceWithLogitsGradient {
    fn name(&self) -> &'static str {
        "gradient of bce_with_logits"
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        Ok(smallvec![inputs[1].clone()])
    }

    fn takes_strides(&self) -> bool {
        true
    }

    fn has_gradient(&self, _input: usize) -> bool {
        false
    }

    fn cuts(&self, inputs: &[Spec], outputs: &[Spec]) -> Vec<Cut> {
        Cut::elements(inputs, &outputs[0])
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        let shape: &Shape = outputs[0].shape;
        losses::bce_with_logits_gradient(cpu, inputs, shape, outputs[0].slice());
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        launch(gpu, &BACKWARD, &inputs[1..], &inputs[0], &outputs[0])
    }

    fn gradient(&self, _pass: &Pass) -> Result<Gradients> {
        Ok(Gradients::new())
    }
}

impl Tensor {
    /// Binary cross entropy of these logits and targets from 0 to 1 (numbers or a mask) of the same shape; of type f32:
    /// `-p y ln σ(x) - (1 - y) ln(1 - σ(x))`, exact for large logits, with `positive_weight` p (1 without) broadcast to
    /// the logits, `[labels]` say. Gradients flow to the logits only.
    ///
    /// # Errors
    /// [`TensorError::Shape`](crate::TensorError::Shape) for shapes that do not fit;
    /// [`TensorError::NoGradient`](crate::TensorError::NoGradient) for targets or weights that require one.
    pub fn bce_with_logits(
        &self,
        targets: &Self,
        positive_weight: Option<&Self>,
        reduction: Reduction,
    ) -> Result<Self> {
        let numbers;
        let targets = match targets.dtype().is_float() {
            true => targets,
            false => {
                numbers = targets.cast(DType::F32)?;
                &numbers
            }
        };
        let inputs: SmallVec<[&Self; 3]> =
            [self, targets].into_iter().chain(positive_weight).collect();
        reduction.of(&apply_one(BceWithLogits, &inputs)?)
    }
}

#[cfg(test)]
pub(crate) fn cases() -> Vec<crate::conformance::Case> {
    use crate::conformance::{Array, Case, between, mask};
    let loss = |x: f64, y: f64, weight: f64| {
        let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
        weight * y * softplus(-x) + (1.0 - y) * softplus(x)
    };
    let reduced = |losses: Array, reduction: Reduction| {
        let sum: f64 = losses.data.iter().sum();
        match reduction {
            Reduction::None => losses,
            Reduction::Sum => Array::new((), vec![sum]),
            Reduction::Mean => Array::new((), vec![sum / losses.data.len() as f64]),
            Reduction::BatchMean => Array::new((), vec![sum / losses.shape[0] as f64]),
        }
    };
    let shapes: [(&[usize], &[usize]); 4] = [
        (&[3, 5], &[5]),
        (&[2, 3, 70], &[3, 1]),
        (&[1], &[1]),
        (&[4, 2], &[4, 2]),
    ];
    let mut cases = Vec::new();
    for ((shape, weights), reduction) in shapes.into_iter().zip([
        Reduction::Mean,
        Reduction::Sum,
        Reduction::None,
        Reduction::BatchMean,
    ]) {
        let inputs = || {
            [
                between(shape, -9.0, 9.0),
                between(shape, 0.0, 1.0).without_gradient(),
                between(weights, 0.5, 3.0).without_gradient(),
            ]
        };
        cases.push(
            Case::new(
                format!("binary cross entropy of {shape:?}, {reduction:?}"),
                inputs(),
                move |x| x[0].bce_with_logits(&x[1], None, reduction),
                move |x| reduced(x[0].zip(&x[1], |x, y| loss(x, y, 1.0)), reduction),
            )
            .tolerance(4e-6),
        );
        cases.push(
            Case::new(
                format!(
                    "binary cross entropy of {shape:?} with weights {weights:?}, {reduction:?}"
                ),
                inputs(),
                move |x| x[0].bce_with_logits(&x[1], Some(&x[2]), reduction),
                move |x| {
                    let losses = Array::from_fn(&x[0].shape, |at| {
                        loss(x[0].at(at), x[1].at(at), x[2].at(at))
                    });
                    reduced(losses, reduction)
                },
            )
            .tolerance(4e-6),
        );
    }
    cases.push(Case::new(
        "binary cross entropy of a mask and of nothing",
        [between([0, 3], -1.0, 1.0), mask([0, 3])],
        |x| x[0].bce_with_logits(&x[1], None, Reduction::Sum),
        |_| Array::new((), vec![0.0]),
    ));
    cases
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Device, TensorError};

    #[test]
    fn large_logits_keep_their_losses() -> Result<()> {
        let check = |device: &Device| -> Result<()> {
            let logits = Tensor::new(&[200.0_f32, -200.0, 20.0, -1e30], [4], device)?;
            let targets = Tensor::from_bools(&[false, false, true, false], [4], device)?;
            let losses = logits
                .bce_with_logits(&targets, None, Reduction::None)?
                .to_vec::<f32>()?;
            // ln(1 + e^-20) = 2.0611536e-9.
            assert_eq!((losses[0], losses[1], losses[3]), (200.0, 0.0, 0.0));
            assert!((losses[2] / 2.061_153_6e-9 - 1.0).abs() < 1e-5);
            Ok(())
        };
        check(&Device::cpu())?;
        crate::conformance::gpu().as_ref().map_or(Ok(()), check)
    }

    #[test]
    fn what_does_not_fit_is_named() -> Result<()> {
        let device = Device::cpu();
        let logits = Tensor::zeros([2, 3], &device)?;
        let refused = |targets: &Tensor, weights: Option<&Tensor>| {
            logits
                .bce_with_logits(targets, weights, Reduction::Mean)
                .err()
        };
        let misfit = |error| {
            matches!(
                error,
                Some(TensorError::Shape {
                    op: "bce_with_logits",
                    ..
                })
            )
        };
        assert!(misfit(refused(&Tensor::zeros([3], &device)?, None)));
        assert!(misfit(refused(
            &logits,
            Some(&Tensor::zeros([2], &device)?)
        )));
        let tracked = logits.requires_grad()?;
        assert!(matches!(
            refused(&tracked, None),
            Some(TensorError::NoGradient { input: 1, .. })
        ));
        Ok(())
    }
}
