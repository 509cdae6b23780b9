//! The layer of a network that trains: an affine map with an activation, whose gradients come as the parameters lie.

use smallvec::{SmallVec, smallvec};

use super::unary::Unary;
use super::unary_gradient::UnaryGradient;
use crate::autograd::{self, Pass};
use crate::cpu::Cpu;
use crate::cpu::gemm::{Activation, Epilogue, Matrix, MatrixMut, gemm};
use crate::gpu::{self, FloatType, Gpu, MatrixView};
use crate::op::{
    CpuInput, CpuOutput, GpuInput, GpuOutput, Gradients, Keeps, Op, Spec, Specs, apply, apply_one,
};
use crate::{Result, Tensor};

/// `activation(x weightᵀ + bias)`. Inputs: `x` `[rows, in]`, `weight` `[out, in]` and maybe `bias` `[out]`. Outputs: the result
/// `[rows, out]`, and what the activation was applied to, where the gradient needs it.
#[derive(Debug)]
pub(crate) struct Dense {
    activation: Activation,
}

/// The activation as a function with a slope.
fn function(activation: Activation) -> Option<Unary> {
    match activation {
        Activation::None => None,
        Activation::Relu => Some(Unary::Relu),
        Activation::Gelu => Some(Unary::Gelu),
        Activation::GeluTanh => Some(Unary::GeluTanh),
        Activation::Tanh => Some(Unary::Tanh),
        Activation::Sigmoid => Some(Unary::Sigmoid),
    }
}

impl Dense {
    fn keeps_argument(&self) -> bool {
        function(self.activation).is_some_and(|function| !function.slope_of_result())
    }
}

impl Op for Dense {
    fn name(&self) -> &'static str {
        "dense"
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        let [x, weight] = [&inputs[0], &inputs[1]];
        self.expect_float(x)?;
        for other in &inputs[1..] {
            self.expect(other, x.dtype.name(), other.dtype == x.dtype)?;
        }
        if weight.shape.rank() != 2 || weight.shape[1] != x.shape[1] {
            let reason = "the weight must be a matrix [out, in], with as many columns as x";
            return Err(self.misfit(inputs, reason));
        }
        if let Some(bias) = inputs.get(2)
            && *bias.shape != [weight.shape[0]]
        {
            return Err(self.misfit(inputs, "the bias must be as long as the weight has rows"));
        }
        let result = Spec::new([x.shape[0], weight.shape[0]].into(), x.dtype);
        Ok(match self.keeps_argument() {
            true => smallvec![result.clone(), result],
            false => smallvec![result],
        })
    }

    fn keeps(&self) -> Keeps {
        Keeps {
            inputs: &[0, 1],
            outputs: match (function(self.activation), self.keeps_argument()) {
                (None, _) => &[],
                (_, false) => &[0],
                (_, true) => &[1],
            },
        }
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        let [rows, out] = [outputs[0].shape[0], outputs[0].shape[1]];
        let columns = inputs[0].layout.shape[1];
        let (result, argument) = outputs.split_at_mut(1);
        let epilogue = Epilogue {
            bias: inputs.get(2).map(CpuInput::slice),
            activation: self.activation,
            pre_activation: (argument.first_mut())
                .map(|output| MatrixMut::new(output.slice::<f32>(), rows, out)),
            ..Epilogue::default()
        };
        gemm(
            cpu.threads(),
            Matrix::new(inputs[0].slice::<f32>(), rows, columns),
            Matrix::strided(inputs[1].slice::<f32>(), columns, out, 1, columns),
            MatrixMut::new(result[0].slice::<f32>(), rows, out),
            epilogue,
        );
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        let [rows, out] = [outputs[0].shape[0], outputs[0].shape[1]];
        let columns = inputs[0].layout.shape[1];
        let weight = MatrixView {
            row_stride: 1,
            column_stride: columns,
            ..MatrixView::dense(inputs[1].buffer, FloatType::F32, 1, columns, out)
        };
        gpu.matmul(&gpu::Matmul {
            bias: (inputs.get(2)).map(|bias| (bias.buffer, FloatType::F32, bias.layout.offset)),
            activation: self.activation,
            pre_activation: outputs.get(1).map(|argument| (argument.buffer, 0)),
            ..gpu::Matmul::new(
                [1, 1],
                [rows, out, columns],
                MatrixView::dense(inputs[0].buffer, FloatType::F32, 1, rows, columns),
                weight,
                MatrixView::dense(outputs[0].buffer, FloatType::F32, 1, rows, out),
            )
        })
    }

    fn gradient(&self, pass: &Pass) -> Result<Gradients> {
        let upstream = pass.upstream()?;
        let upstream = match function(self.activation) {
            None => upstream.clone(),
            Some(function) => {
                let kept = pass.output(usize::from(self.keeps_argument()))?;
                apply_one(UnaryGradient { function }, &[kept, upstream])?
            }
        };
        let wanted = |place: usize, gradient: &dyn Fn() -> Result<Tensor>| {
            pass.wants(place).then(gradient).transpose()
        };
        let mut gradients: Gradients = smallvec![
            wanted(0, &|| upstream.matmul(pass.input(1)?))?,
            // This way round it has the weight's own layout, so that nobody has to turn it.
            wanted(1, &|| upstream.transpose(0, 1)?.matmul(pass.input(0)?))?,
        ];
        if pass.input_specs.len() == 3 {
            gradients.push(wanted(2, &|| upstream.sum(&[0]))?);
        }
        Ok(gradients)
    }
}

impl Tensor {
    /// [`Tensor::linear`] for layers that train: the same values, and the gradient of the weight lies as the weight does, so
    /// that an optimiser reads both in order. Where nothing is recorded it is [`Tensor::linear`].
    ///
    /// # Errors
    /// As [`Tensor::linear`].
    pub fn dense(
        &self,
        weight: &Self,
        bias: Option<&Self>,
        activation: Activation,
    ) -> Result<Self> {
        let inputs: SmallVec<[&Self; 3]> = [self, weight].into_iter().chain(bias).collect();
        let tracked = autograd::is_recording() && inputs.iter().any(|input| input.is_tracked());
        // Shapes that do not fit get its message, too.
        let fits = weight.rank() == 2 && self.shape().last() == weight.shape().last();
        if !tracked || !fits {
            return self.linear(weight, bias, activation);
        }
        let last = self.rank() - 1;
        let rows: usize = self.shape()[..last].iter().product();
        let x = self.reshape([rows, weight.shape()[1]])?;
        let inputs: SmallVec<[&Self; 3]> = [&x, weight].into_iter().chain(bias).collect();
        let result = apply(Dense { activation }, &inputs)?.swap_remove(0);
        result.reshape(self.shape().with(last, weight.shape()[0]))
    }
}

#[cfg(test)]
pub(crate) fn cases() -> Vec<crate::conformance::Case> {
    use super::unary::erf;
    use crate::conformance::{Array, Case, numbers};
    type Reference = fn(f64) -> f64;
    let affine = |x: &[Array]| {
        let (x, weight, bias) = (&x[0], &x[1], x.get(2));
        let rank = x.shape.rank();
        Array::from_fn(x.shape.with(rank - 1, weight.shape[0]), |at| {
            let column = at[rank - 1];
            let term = |k: usize| {
                let from = [&at[..rank - 1], &[k]].concat();
                x.at(&from) * weight.at(&[column, k])
            };
            let sum: f64 = (0..weight.shape[1]).map(term).sum();
            sum + bias.map_or(0.0, |bias| bias.data[column])
        })
    };
    let activations: [(Activation, Reference); 6] = [
        (Activation::None, |x| x),
        (Activation::Relu, |x| x.max(0.0)),
        (Activation::Gelu, |x| {
            0.5 * x * (1.0 + erf(x / 2.0_f64.sqrt()))
        }),
        (Activation::GeluTanh, |x| {
            0.5 * x
                * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3))).tanh())
        }),
        (Activation::Tanh, f64::tanh),
        (Activation::Sigmoid, |x| 1.0 / (1.0 + (-x).exp())),
    ];
    let mut cases: Vec<Case> = activations
        .into_iter()
        .map(|(activation, reference)| {
            Case::new(
                format!("dense with {activation:?}"),
                [numbers([2, 3, 5]), numbers([4, 5]), numbers([4])],
                move |x| x[0].dense(&x[1], Some(&x[2]), activation),
                move |x| affine(x).map(reference),
            )
            .tolerance(1e-5)
        })
        .collect();
    let shapes: [([usize; 2], usize); 4] = [([1, 1], 1), ([0, 3], 2), ([3, 0], 2), ([37, 19], 33)];
    cases.extend(shapes.into_iter().map(|([rows, columns], out)| {
        Case::new(
            format!("dense of [{rows}, {columns}] to {out} without a bias"),
            [numbers([rows, columns]), numbers([out, columns])],
            |x| x[0].dense(&x[1], None, Activation::None),
            affine,
        )
        .tolerance(1e-5)
    }));
    cases
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Device;

    #[test]
    fn the_gradient_of_a_weight_lies_as_the_weight_does() -> Result<()> {
        let device = Device::cpu();
        let values: Vec<f32> = (0..12).map(|i| i as f32).collect();
        let weight = Tensor::new(&values, [4, 3], &device)?.requires_grad()?;
        let x = Tensor::new(&[1.0_f32, 10.0, 100.0], [1, 3], &device)?;
        let y = x.dense(&weight, None, Activation::None)?;
        let gradients = y.sum_all()?.backward()?;
        let of_weight = gradients.get(&weight).expect("a gradient");
        assert!(of_weight.is_contiguous());
        assert_eq!(of_weight.to_vec::<f32>()?, [1.0, 10.0, 100.0].repeat(4));
        Ok(())
    }
}
