//! Softmax and its logarithm over the last dimension.

use smallvec::smallvec;

use crate::autograd::Pass;
use crate::cpu::{Cpu, rows};
use crate::gpu::{Gpu, Kernel};
use crate::op::{
    CpuInput, CpuOutput, Cut, GpuInput, GpuOutput, Gradients, Keeps, Op, Spec, Specs, apply_one,
};
use crate::{Result, Tensor};

/// Over the last dimension; an op for another dimension moves it there by views.
#[derive(Debug)]
pub(crate) struct Softmax {
    logarithm: bool,
}

/// Inputs: the result, and the upstream gradient.
#[derive(Debug)]
struct SoftmaxGradient {
    logarithm: bool,
}

const FORWARD: Kernel = Kernel {
    label: "softmax",
    source: include_str!("../../../../shaders/softmax.wgsl"),
    entry: "main",
};

const BACKWARD: Kernel = Kernel {
    label: "softmax gradient",
    source: include_str!("../../../../shaders/softmax_gradient.wgsl"),
    entry: "main",
};

fn kind(logarithm: bool) -> [(&'static str, String); 1] {
    [("LOGARITHM", logarithm.to_string())]
}

/// Rows and their length, over the last dimension.
fn rows_of(shape: &[usize]) -> (usize, usize) {
    let length = shape.last().copied().unwrap_or(1);
    (shape.iter().product::<usize>() / length.max(1), length)
}

impl Op for Softmax {
    fn name(&self) -> &'static str {
        if self.logarithm {
            "log_softmax"
        } else {
            "softmax"
        }
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        self.expect_float(&inputs[0])?;
        Ok(smallvec![inputs[0].clone()])
    }

    fn keeps(&self) -> Keeps {
        Keeps::outputs(&[0])
    }

    fn cuts(&self, inputs: &[Spec], outputs: &[Spec]) -> Vec<Cut> {
        Cut::rows(inputs, outputs.len())
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        let (_, length) = rows_of(&inputs[0].layout.shape);
        rows::softmax(
            cpu,
            inputs[0].slice(),
            outputs[0].slice(),
            length,
            self.logarithm,
        );
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        let (rows, length) = rows_of(&inputs[0].layout.shape);
        let bindings = [inputs[0].binding(), outputs[0].binding()];
        let params = [rows as u32, length as u32];
        gpu.launch(
            &FORWARD,
            &kind(self.logarithm),
            &bindings,
            &params,
            [rows as u32, 1, 1],
        )
    }

    fn gradient(&self, pass: &Pass) -> Result<Gradients> {
        let op = SoftmaxGradient {
            logarithm: self.logarithm,
        };
        let gradient = apply_one(op, &[pass.output(0)?, pass.upstream()?])?;
        Ok(smallvec![Some(gradient)])
    }
}

impl Op for SoftmaxGradient {
    fn name(&self) -> &'static str {
        "gradient of softmax"
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        Ok(smallvec![inputs[0].clone()])
    }

    fn has_gradient(&self, _input: usize) -> bool {
        false
    }

    fn cuts(&self, inputs: &[Spec], outputs: &[Spec]) -> Vec<Cut> {
        Cut::rows(inputs, outputs.len())
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        let (_, length) = rows_of(&inputs[0].layout.shape);
        let (result, upstream) = (inputs[0].slice(), inputs[1].slice());
        rows::softmax_gradient(
            cpu,
            result,
            upstream,
            outputs[0].slice(),
            length,
            self.logarithm,
        );
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        let (rows, length) = rows_of(&inputs[0].layout.shape);
        let bindings = [
            inputs[0].binding(),
            inputs[1].binding(),
            outputs[0].binding(),
        ];
        let params = [rows as u32, length as u32];
        gpu.launch(
            &BACKWARD,
            &kind(self.logarithm),
            &bindings,
            &params,
            [rows as u32, 1, 1],
        )
    }

    fn gradient(&self, _pass: &Pass) -> Result<Gradients> {
        Ok(smallvec![None, None])
    }
}

impl Tensor {
    fn softmax_over(&self, axis: usize, logarithm: bool) -> Result<Self> {
        let op = Softmax { logarithm };
        self.axis(op.name(), axis)?;
        let last = self.rank() - 1;
        if axis == last {
            return apply_one(op, &[self]);
        }
        apply_one(op, &[&self.transpose(axis, last)?])?.transpose(axis, last)
    }

    /// `exp(x) / sum(exp(x))` over a dimension.
    ///
    /// # Errors
    /// [`TensorError::Shape`](crate::TensorError::Shape) if there is no such dimension.
    pub fn softmax(&self, axis: usize) -> Result<Self> {
        self.softmax_over(axis, false)
    }

    /// The logarithm of [`Tensor::softmax`], exact where that rounds to 0.
    ///
    /// # Errors
    /// As [`Tensor::softmax`].
    pub fn log_softmax(&self, axis: usize) -> Result<Self> {
        self.softmax_over(axis, true)
    }
}

#[cfg(test)]
pub(crate) fn cases() -> Vec<crate::conformance::Case> {
    use crate::conformance::{Array, Case, between};
    let softmax = |row: &[f64]| {
        let sum: f64 = row.iter().map(|x| x.exp()).sum();
        row.iter().map(|x| x.exp() / sum).collect()
    };
    let log_softmax = |row: &[f64]| {
        let sum: f64 = row.iter().map(|x| x.exp()).sum();
        row.iter().map(|x| x - sum.ln()).collect()
    };
    let shapes: [&[usize]; 5] = [&[3, 5], &[1], &[2, 3, 17], &[0, 4], &[2, 600]];
    let mut cases = Vec::new();
    for shape in shapes {
        let input = || {
            let input = between(shape, -5.0, 5.0);
            if shape.contains(&600) {
                input.without_gradient()
            } else {
                input
            }
        };
        let last = shape.len() - 1;
        cases.push(Case::new(
            format!("softmax of {shape:?}"),
            [input()],
            move |x| x[0].softmax(last),
            move |x: &[Array]| x[0].map_rows(softmax),
        ));
        cases.push(Case::new(
            format!("log-softmax of {shape:?}"),
            [input()],
            move |x| x[0].log_softmax(last),
            move |x: &[Array]| x[0].map_rows(log_softmax),
        ));
    }
    cases.push(Case::new(
        "softmax over the first dimension",
        [between([4, 3], -5.0, 5.0)],
        |x| x[0].softmax(0),
        |x| {
            let sums = x[0]
                .map(f64::exp)
                .reduce(&[0], |column| column.iter().sum());
            x[0].map(f64::exp).zip(&sums, |x, sum| x / sum)
        },
    ));
    cases
}
