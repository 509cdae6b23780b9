//! Layer normalisation over the last dimension (Ba et al. 2016).

use smallvec::smallvec;

use crate::autograd::Pass;
use crate::cpu::{Cpu, rows};
use crate::gpu::{Gpu, Kernel};
use crate::launch::groups;
use crate::op::{
    CpuInput, CpuOutput, Cut, GpuInput, GpuOutput, Gradients, Keeps, Onto, Op, Spec, Specs, apply,
};
use crate::{DType, Result, Tensor, TensorError};

/// Inputs: `x`, `weight` and `bias`. Outputs: the result, and for each row its mean and the reciprocal of its standard
/// deviation, `[rows, 2]`.
#[derive(Debug)]
pub(crate) struct LayerNorm {
    epsilon: f32,
}

/// Inputs: `x`, `weight`, the rows' statistics and the upstream gradient. Outputs: the gradients of `x`, `weight` and
/// `bias`.
#[derive(Debug)]
struct LayerNormGradient;

const FORWARD: Kernel = Kernel {
    label: "layer norm",
    source: include_str!("../../../../shaders/layer_norm.wgsl"),
    entry: "main",
};

const BACKWARD: Kernel = Kernel {
    label: "layer norm gradient",
    source: include_str!("../../../../shaders/layer_norm_gradient.wgsl"),
    entry: "rows",
};

const BACKWARD_COLUMNS: Kernel = Kernel {
    label: "layer norm gradient of parameters",
    entry: "columns",
    ..BACKWARD
};

fn sizes(shape: &[usize]) -> (usize, usize) {
    let hidden = shape.last().copied().unwrap_or(1);
    (shape.iter().product::<usize>() / hidden.max(1), hidden)
}

/// Rows that an invocation adds to the gradients of weight and bias in one launch.
const ROWS_AT_ONCE: usize = 1 << 15;

impl Op for LayerNorm {
    fn name(&self) -> &'static str {
        "layer_norm"
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        self.expect_float(&inputs[0])?;
        let last = inputs[0].shape.last();
        let fits = |spec: &Spec| spec.shape.rank() == 1 && spec.shape.last() == last;
        if !inputs[1..].iter().all(fits) {
            return Err(self.misfit(
                inputs,
                "weight and bias must be as long as the last dimension",
            ));
        }
        let (rows, _) = sizes(&inputs[0].shape);
        Ok(smallvec![
            inputs[0].clone(),
            Spec::new([rows, 2].into(), DType::F32)
        ])
    }

    fn keeps(&self) -> Keeps {
        Keeps {
            inputs: &[0, 1],
            outputs: &[1],
        }
    }

    fn cuts(&self, inputs: &[Spec], _outputs: &[Spec]) -> Vec<Cut> {
        let shape = &inputs[0].shape;
        let along = |axis| {
            let outputs = [Onto::Along(axis), Onto::Along(0)];
            Cut::new([Some(axis), None, None], outputs)
        };
        (0..shape.rank() - 1).map(along).collect()
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        let [x, weight, bias] = [0, 1, 2].map(|input| inputs[input].slice());
        let (result, statistics) = outputs.split_at_mut(1);
        rows::layer_norm(
            cpu,
            [x, weight, bias],
            result[0].slice(),
            statistics[0].slice(),
            self.epsilon,
        );
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        let (rows, hidden) = sizes(outputs[0].shape);
        let params = [rows as u32, hidden as u32, self.epsilon.to_bits()];
        let bindings = [
            inputs[0].binding(),
            inputs[1].binding(),
            inputs[2].binding(),
            outputs[0].binding(),
            outputs[1].binding(),
        ];
        gpu.launch(&FORWARD, &[], &bindings, &params, [rows as u32, 1, 1])
    }

    fn gradient(&self, pass: &Pass) -> Result<Gradients> {
        let inputs = [
            pass.input(0)?,
            pass.input(1)?,
            pass.output(1)?,
            pass.upstream()?,
        ];
        Ok(apply(LayerNormGradient, &inputs)?
            .into_iter()
            .map(Some)
            .collect())
    }
}

impl Op for LayerNormGradient {
    fn name(&self) -> &'static str {
        "gradient of layer_norm"
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        Ok(smallvec![
            inputs[0].clone(),
            inputs[1].clone(),
            inputs[1].clone()
        ])
    }

    fn has_gradient(&self, _input: usize) -> bool {
        false
    }

    fn cuts(&self, inputs: &[Spec], _outputs: &[Spec]) -> Vec<Cut> {
        let shape = &inputs[0].shape;
        let last = shape.rank() - 1;
        let along = |axis: usize| {
            // A row of statistics for each row behind this dimension.
            let rows = shape[axis + 1..last].iter().product();
            let outputs = [Onto::Along(axis), Onto::Joined, Onto::Joined];
            let mut cut = Cut::new([Some(axis), None, Some(0), Some(axis)], outputs);
            cut.inputs[2] = Some((0, rows));
            cut
        };
        (0..last).map(along).collect()
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        let inputs = [0, 1, 2, 3].map(|input| inputs[input].slice());
        let (of_x, of_parameters) = outputs.split_at_mut(1);
        let (of_weight, of_bias) = of_parameters.split_at_mut(1);
        rows::layer_norm_gradient(
            cpu,
            inputs,
            [of_x[0].slice(), of_weight[0].slice(), of_bias[0].slice()],
        );
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        let (rows, hidden) = sizes(outputs[0].shape);
        let params = [rows as u32, hidden as u32];
        let [x, weight, statistics, upstream] = [0, 1, 2, 3].map(|input| inputs[input].binding());
        let bindings = [x, weight, statistics, upstream, outputs[0].binding()];
        gpu.launch(&BACKWARD, &[], &bindings, &params, [rows as u32, 1, 1])?;
        let [x, weight, statistics, upstream] = [0, 1, 2, 3].map(|input| inputs[input].binding());
        let [of_weight, of_bias] = [1, 2].map(|output| outputs[output].binding());
        let bindings = [x, weight, statistics, upstream, of_weight, of_bias];
        // Without rows there is one launch as well, which writes zeros.
        (0..rows.max(1))
            .step_by(ROWS_AT_ONCE)
            .try_for_each(|first| {
                let end = (first + ROWS_AT_ONCE).min(rows);
                let params = [rows, hidden, first, end].map(|size| size as u32);
                gpu.launch(&BACKWARD_COLUMNS, &[], &bindings, &params, groups(hidden))
            })
    }

    fn gradient(&self, _pass: &Pass) -> Result<Gradients> {
        Ok(smallvec![None, None, None, None])
    }
}

impl Tensor {
    /// Each row of the last dimension brought to mean 0 and variance 1, times `weight` plus `bias`, both `[hidden]`;
    /// `epsilon` is added to the variance (Ba et al. 2016, eq. 4; the variance is the biased one, as in PyTorch).
    ///
    /// # Errors
    /// [`TensorError::Shape`] if weight or bias are not as long as the last dimension.
    pub fn layer_norm(&self, weight: &Self, bias: &Self, epsilon: f32) -> Result<Self> {
        if self.rank() == 0 {
            return Err(TensorError::Shape {
                op: "layer_norm",
                reason: "takes a tensor of at least one dimension".to_owned(),
                shapes: vec![self.shape().clone()],
            });
        }
        let mut outputs = apply(LayerNorm { epsilon }, &[self, weight, bias])?;
        Ok(outputs.swap_remove(0))
    }
}

#[cfg(test)]
pub(crate) fn cases() -> Vec<crate::conformance::Case> {
    use crate::conformance::{Array, Case, numbers};
    let normalised = |row: &[f64]| {
        let mean = row.iter().sum::<f64>() / row.len() as f64;
        let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / row.len() as f64;
        row.iter()
            .map(|x| (x - mean) / (variance + 1e-5).sqrt())
            .collect()
    };
    let reference = move |x: &[Array]| {
        let scaled = x[0].map_rows(normalised).zip(&x[1], |x, weight| x * weight);
        scaled.zip(&x[2], |x, bias| x + bias)
    };
    let shapes: [&[usize]; 4] = [&[3, 6], &[2, 3, 17], &[0, 4], &[70, 300]];
    shapes
        .into_iter()
        .map(|shape| {
            let hidden = shape[shape.len() - 1];
            let inputs = [numbers(shape), numbers(hidden), numbers(hidden)];
            let large = shape.iter().product::<usize>() > 1000;
            let inputs = inputs.map(|input| {
                if large {
                    input.without_gradient()
                } else {
                    input
                }
            });
            Case::new(
                format!("layer norm of {shape:?}"),
                inputs,
                |x| x[0].layer_norm(&x[1], &x[2], 1e-5),
                reference,
            )
            .tolerance(5e-6)
        })
        .collect()
}
