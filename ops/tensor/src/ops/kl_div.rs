//! The Kullback-Leibler divergence of probabilities from log-probabilities.

use smallvec::smallvec;

use crate::autograd::Pass;
use crate::cpu::{Cpu, losses};
use crate::gpu::{Gpu, Kernel};
use crate::launch::{groups, layout_params};
use crate::op::{
    CpuInput, CpuOutput, Cut, GpuInput, GpuOutput, Gradients, Keeps, Op, Spec, Specs, apply_one,
};
use crate::{DType, Reduction, Result, Shape, Tensor};

/// Inputs: log-probabilities and targets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KlDiv {
    log_target: bool,
}

/// The gradient of one of the inputs. Inputs: log-probabilities, targets and the upstream gradient.
#[derive(Debug)]
struct KlDivGradient {
    log_target: bool,
    of_target: bool,
}

const KERNEL: Kernel = Kernel {
    label: "divergence",
    source: include_str!("../../../../shaders/kl_div.wgsl"),
    entry: "main",
};

/// The last of `inputs` is the upstream gradient, or stands in for it.
fn launch(
    gpu: &Gpu,
    function: &str,
    log_target: bool,
    inputs: [&GpuInput<'_>; 3],
    output: &GpuOutput<'_>,
) -> Result<()> {
    let elements = output.shape.elements();
    let mut params = vec![elements as u32];
    params.extend(layout_params(inputs.map(|input| input.layout)));
    let [x, t, g] = inputs.map(GpuInput::binding);
    let defines = [
        ("FUNCTION", function.to_owned()),
        ("LOG_TARGET", log_target.to_string()),
    ];
    gpu.launch(
        &KERNEL,
        &defines,
        &[x, t, g, output.binding()],
        &params,
        groups(elements),
    )
}

impl Op for KlDiv {
    fn name(&self) -> &'static str {
        "kl_div"
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        self.expect_float(&inputs[0])?;
        self.expect_float(&inputs[1])?;
        if inputs[0].shape != inputs[1].shape {
            return Err(self.misfit(inputs, "every log-probability needs one target"));
        }
        Ok(smallvec![Spec::new(inputs[0].shape.clone(), DType::F32)])
    }

    fn takes_strides(&self) -> bool {
        true
    }

    fn keeps(&self) -> Keeps {
        Keeps::inputs(&[0, 1])
    }

    fn cuts(&self, inputs: &[Spec], outputs: &[Spec]) -> Vec<Cut> {
        Cut::elements(inputs, &outputs[0])
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        let shape: &Shape = outputs[0].shape;
        losses::kl_div(cpu, inputs, shape, outputs[0].slice(), self.log_target);
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        let inputs = [&inputs[0], &inputs[1], &inputs[0]];
        launch(gpu, "divergence", self.log_target, inputs, &outputs[0])
    }

    fn gradient(&self, pass: &Pass) -> Result<Gradients> {
        let inputs = [pass.input(0)?, pass.input(1)?, pass.upstream()?];
        let of = |place: usize, of_target: bool| {
            let op = KlDivGradient {
                log_target: self.log_target,
                of_target,
            };
            let gradient = || apply_one(op, &inputs)?.cast(pass.input_specs[place].dtype);
            pass.wants(place).then(gradient).transpose()
        };
        Ok(smallvec![of(0, false)?, of(1, true)?])
    }
}

impl Op for KlDivGradient {
    fn name(&self) -> &'static str {
        "gradient of kl_div"
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        Ok(smallvec![Spec::new(inputs[0].shape.clone(), DType::F32)])
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
        losses::kl_div_gradient(
            cpu,
            inputs,
            shape,
            outputs[0].slice(),
            self.log_target,
            self.of_target,
        );
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        let function = if self.of_target {
            "of_target"
        } else {
            "of_input"
        };
        let inputs = [&inputs[0], &inputs[1], &inputs[2]];
        launch(gpu, function, self.log_target, inputs, &outputs[0])
    }

    fn gradient(&self, _pass: &Pass) -> Result<Gradients> {
        Ok(Gradients::new())
    }
}

impl Tensor {
    /// `t (ln t - x)` of these log-probabilities `x` and the target probabilities `t` of the same shape, or with
    /// `log_target` log-probabilities, as `torch.nn.functional.kl_div` has it; of type f32. A target of probability 0 adds
    /// nothing and gets no gradient. Gradients flow to both. [`Reduction::BatchMean`] is the divergence's mathematical
    /// definition for rows of distributions.
    ///
    /// # Errors
    /// [`TensorError::Shape`](crate::TensorError::Shape) if the shapes differ;
    /// [`TensorError::DType`](crate::TensorError::DType) for integers and masks.
    pub fn kl_div(&self, target: &Self, log_target: bool, reduction: Reduction) -> Result<Self> {
        reduction.of(&apply_one(KlDiv { log_target }, &[self, target])?)
    }
}

#[cfg(test)]
pub(crate) fn cases() -> Vec<crate::conformance::Case> {
    use crate::conformance::{Array, Case, between, these};
    let shapes: [(&[usize], Reduction); 4] = [
        (&[3, 5], Reduction::BatchMean),
        (&[2, 3, 70], Reduction::Sum),
        (&[1], Reduction::None),
        (&[2, 2], Reduction::Mean),
    ];
    let mut cases = Vec::new();
    for log_target in [false, true] {
        for (shape, reduction) in shapes {
            let target = match log_target {
                true => between(shape, -4.0, 0.0),
                false => between(shape, 0.05, 1.0),
            };
            cases.push(
                Case::new(
                    format!("divergence of {shape:?}, log target {log_target}, {reduction:?}"),
                    [between(shape, -4.0, 0.0), target],
                    move |x| x[0].kl_div(&x[1], log_target, reduction),
                    move |x: &[Array]| {
                        let losses = x[0].zip(&x[1], |x, t| match log_target {
                            true => t.exp() * (t - x),
                            false => t * (t.ln() - x),
                        });
                        let sum: f64 = losses.data.iter().sum();
                        match reduction {
                            Reduction::None => losses,
                            Reduction::Sum => Array::new((), vec![sum]),
                            Reduction::Mean => Array::new((), vec![sum / losses.data.len() as f64]),
                            Reduction::BatchMean => {
                                Array::new((), vec![sum / losses.shape[0] as f64])
                            }
                        }
                    },
                )
                .tolerance(5e-6),
            );
        }
    }
    cases.push(Case::new(
        "divergence of nothing",
        [between([0, 3], -1.0, 0.0), between([0, 3], 0.0, 1.0)],
        |x| x[0].kl_div(&x[1], false, Reduction::Sum),
        |_| Array::new((), vec![0.0]),
    ));
    cases.push(Case::new(
        "divergence where a target has no probability",
        [
            between([4], -3.0, 0.0),
            these([4], &[0.0, 0.5, 0.0, 0.5]).without_gradient(),
        ],
        |x| x[0].kl_div(&x[1], false, Reduction::None),
        |x| x[0].zip(&x[1], |x, t| if t == 0.0 { 0.0 } else { t * (t.ln() - x) }),
    ));
    cases
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Device, TensorError};

    #[test]
    fn a_target_without_probability_has_a_gradient_of_zero() -> Result<()> {
        let check = |device: &Device| -> Result<()> {
            let log_probabilities =
                Tensor::new(&[-1.0_f32, f32::NEG_INFINITY], [2], device)?.requires_grad()?;
            let target =
                Tensor::new(&[0.0_f32, f32::NEG_INFINITY], [2], device)?.requires_grad()?;
            let loss = log_probabilities.kl_div(&target, true, Reduction::Sum)?;
            assert_eq!(loss.item()?, 1.0);
            let gradients = loss.backward()?;
            let of = |tensor| gradients.get(tensor).map(Tensor::to_vec::<f32>).transpose();
            assert_eq!(of(&log_probabilities)?, Some(vec![-1.0, 0.0]));
            assert_eq!(of(&target)?, Some(vec![2.0, 0.0]));
            Ok(())
        };
        check(&Device::cpu())?;
        crate::conformance::gpu().as_ref().map_or(Ok(()), check)
    }

    #[test]
    fn shapes_that_differ_are_refused() -> Result<()> {
        let device = Device::cpu();
        let refused = Tensor::zeros([2, 3], &device)?.kl_div(
            &Tensor::zeros([3], &device)?,
            false,
            Reduction::Mean,
        );
        assert!(matches!(
            refused,
            Err(TensorError::Shape { op: "kl_div", .. })
        ));
        Ok(())
    }
}
