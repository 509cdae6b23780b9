//! Matrix products, with bias and activation in the same pass.

use smallvec::{SmallVec, smallvec};

use super::unary::Unary;
use super::unary_gradient::UnaryGradient;
use crate::autograd::{self, Pass};
use crate::cpu::Cpu;
use crate::cpu::gemm::{Activation, Epilogue, Matrix, MatrixMut, PackedB, Precision, gemm};
use crate::gpu::{self, FloatType, Gpu, MatrixView};
use crate::op::{
    CpuInput, CpuOutput, GpuInput, GpuOutput, Gradients, Keeps, Op, Spec, Specs, apply, apply_one,
};
use crate::shape::Layout;
use crate::{Result, Shape, Tensor, TensorError};

/// `activation(a b + bias)`. Inputs: `a` `[batch, m, k]`, `b` `[batch or 1, k, n]`, and maybe `bias` `[n]`. Outputs: the
/// result `[batch, m, n]`, and what the activation was applied to, where the gradient needs it.
#[derive(Debug)]
pub(crate) struct Matmul {
    activation: Activation,
    keeps_argument: bool,
    /// `b` is a parameter that stays as it is: it is packed once for all products to come.
    packs_once: bool,
    /// What native products are computed in.
    precision: Precision,
}

impl Matmul {
    fn plain() -> Self {
        Self {
            activation: Activation::None,
            keeps_argument: false,
            packs_once: false,
            precision: Precision::F32,
        }
    }
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

fn matrix<'a>(input: &CpuInput<'a>) -> Matrix<'a> {
    let Layout {
        shape,
        strides,
        offset,
    } = input.layout;
    let data = &input.all::<f32>()[*offset..];
    let batch_stride = if shape[0] == 1 { 0 } else { strides[0] };
    Matrix::strided(data, shape[1], shape[2], strides[1], strides[2]).batched(batch_stride)
}

fn view<'a>(input: &GpuInput<'a>) -> MatrixView<'a> {
    let Layout {
        shape,
        strides,
        offset,
    } = input.layout;
    MatrixView {
        buffer: input.buffer,
        float: FloatType::F32,
        offset: *offset,
        batch_strides: [0, if shape[0] == 1 { 0 } else { strides[0] }],
        row_stride: strides[1],
        column_stride: strides[2],
    }
}

impl Op for Matmul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        let [a, b] = [&inputs[0], &inputs[1]];
        self.expect_float(a)?;
        for other in &inputs[1..] {
            self.expect(other, a.dtype.name(), other.dtype == a.dtype)?;
        }
        if a.shape[2] != b.shape[1] {
            let reason = format!("{} columns meet {} rows", a.shape[2], b.shape[1]);
            return Err(self.misfit(inputs, reason));
        }
        if let Some(bias) = inputs.get(2)
            && *bias.shape != [b.shape[2]]
        {
            return Err(self.misfit(inputs, "the bias must be as long as the result has columns"));
        }
        let result = Spec::new([a.shape[0], a.shape[1], b.shape[2]].into(), a.dtype);
        Ok(match self.keeps_argument {
            true => smallvec![result.clone(), result],
            false => smallvec![result],
        })
    }

    fn takes_strides(&self) -> bool {
        true
    }

    fn keeps(&self) -> Keeps {
        Keeps {
            inputs: &[0, 1],
            outputs: match function(self.activation) {
                None => &[],
                Some(function) if function.slope_of_result() => &[0],
                Some(_) => &[1],
            },
        }
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        let shape = outputs[0].shape;
        let (batch, m, n) = (shape[0], shape[1], shape[2]);
        let (result, argument) = outputs.split_at_mut(1);
        let epilogue = Epilogue {
            bias: inputs.get(2).map(CpuInput::slice),
            activation: self.activation,
            pre_activation: argument
                .first_mut()
                .map(|output| MatrixMut::new(output.slice::<f32>(), m, n).batched(batch, m * n)),
            ..Epilogue::default()
        };
        let c = MatrixMut::new(result[0].slice::<f32>(), m, n).batched(batch, m * n);
        let (a, b) = (matrix(&inputs[0]), matrix(&inputs[1]));
        let pack = || PackedB::new(cpu.threads(), b, self.precision);
        match (self.packs_once, self.precision) {
            (true, precision) => {
                let packed = inputs[1].storage.packed(inputs[1].layout, precision, pack);
                gemm(cpu.threads(), a, &*packed, c, epilogue);
            }
            (false, Precision::F32) => gemm(cpu.threads(), a, b, c, epilogue),
            (false, _) => gemm(cpu.threads(), a, &pack(), c, epilogue),
        }
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        let shape = outputs[0].shape;
        let (batch, m, n) = (shape[0], shape[1], shape[2]);
        let bias = inputs.get(2);
        gpu.matmul(&gpu::Matmul {
            bias: bias.map(|bias| (bias.buffer, FloatType::F32, bias.layout.offset)),
            activation: self.activation,
            pre_activation: outputs.get(1).map(|argument| (argument.buffer, 0)),
            ..gpu::Matmul::new(
                [1, batch],
                [m, n, inputs[0].layout.shape[2]],
                view(&inputs[0]),
                view(&inputs[1]),
                MatrixView::dense(outputs[0].buffer, FloatType::F32, batch, m, n),
            )
        })
    }

    fn gradient(&self, pass: &Pass) -> Result<Gradients> {
        let upstream = pass.upstream()?;
        let upstream = match function(self.activation) {
            None => upstream.clone(),
            Some(function) => {
                let kept = match function.slope_of_result() {
                    true => pass.output(0)?,
                    false => pass.output(1)?,
                };
                apply_one(UnaryGradient { function }, &[kept, upstream])?
            }
        };
        let product = |a: &Tensor, b: &Tensor| apply_one(Self::plain(), &[a, b]);
        let mut gradients = Gradients::new();
        let of_a = pass
            .wants(0)
            .then(|| product(&upstream, &pass.input(1)?.transpose(1, 2)?));
        gradients.push(of_a.transpose()?);
        let of_b = pass.wants(1).then(|| {
            let each = product(&pass.input(0)?.transpose(1, 2)?, &upstream)?;
            each.sum_to(&pass.input_specs[1].shape)
        });
        gradients.push(of_b.transpose()?);
        if let Some(bias) = pass.input_specs.get(2) {
            let of_bias = pass.wants(2).then(|| upstream.sum_to(&bias.shape));
            gradients.push(of_bias.transpose()?);
        }
        Ok(gradients)
    }
}

impl Tensor {
    /// The matrix product of the last two dimensions, `[.., m, k] x [.., k, n] -> [.., m, n]`; the dimensions before them
    /// are stretched as NumPy does. A vector counts as one row on the left and as one column on the right.
    ///
    /// # Errors
    /// [`TensorError::Shape`] if the columns of one are not as many as the rows of the other, or the rest does not
    /// broadcast.
    pub fn matmul(&self, other: &Self) -> Result<Self> {
        let rows = other
            .shape()
            .size_from_end(if other.rank() == 1 { 1 } else { 2 });
        self.meets("matmul", other, rows)?;
        match (self.rank(), other.rank()) {
            (1, _) => {
                let product = self.unsqueeze(0)?.matmul(other)?;
                product.squeeze(product.rank() - if other.rank() == 1 { 1 } else { 2 })
            }
            (_, 1) => {
                let product = self.matmul(&other.unsqueeze(1)?)?;
                product.squeeze(product.rank() - 1)
            }
            (_, 2) => {
                let rows = self.rows()?;
                let product = apply_one(Matmul::plain(), &[&rows, &other.unsqueeze(0)?])?;
                product.reshape(self.shape().with(self.rank() - 1, other.shape()[1]))
            }
            _ => self.batched_matmul(other),
        }
    }

    fn batched_matmul(&self, other: &Self) -> Result<Self> {
        let split = |tensor: &Self| {
            let (batch, matrix) = tensor.shape().split_at(tensor.rank() - 2);
            (Shape::from(batch), [matrix[0], matrix[1]])
        };
        let ((a_batch, [m, k]), (b_batch, [rows, n])) = (split(self), split(other));
        let batch = a_batch
            .broadcast(&b_batch)
            .ok_or_else(|| TensorError::Shape {
                op: "matmul",
                reason: "the dimensions before the matrices do not broadcast".to_owned(),
                shapes: vec![self.shape().clone(), other.shape().clone()],
            })?;
        let whole = |tensor: &Self, sizes: [usize; 2]| {
            let shape: Shape = batch.iter().copied().chain(sizes).collect();
            tensor
                .broadcast_to(shape)?
                .reshape([batch.elements(), sizes[0], sizes[1]])
        };
        let product = apply_one(
            Matmul::plain(),
            &[&whole(self, [m, k])?, &whole(other, [rows, n])?],
        )?;
        let shape: Shape = batch.iter().copied().chain([m, n]).collect();
        product.reshape(shape)
    }

    /// `activation(x weightᵀ + bias)`, as PyTorch's `Linear` stores its parameters: `weight` is `[out, in]`, `bias` is
    /// `[out]`; `[.., in] -> [.., out]`. Without recording, a weight that requires gradients is packed once and for all.
    ///
    /// # Errors
    /// [`TensorError::Shape`] for shapes that do not fit; [`TensorError::DType`] for types that differ.
    pub fn linear(
        &self,
        weight: &Self,
        bias: Option<&Self>,
        activation: Activation,
    ) -> Result<Self> {
        self.linear_in(Precision::F32, weight, bias, activation)
    }

    /// As [`Tensor::linear`], with both sides of the product rounded to 16 bits where the processor multiplies these faster:
    /// to bf16 with dot products on AMD's since Zen 4, to f16 on Intel's with AVX-512 FP16. Sums are f32 (there, those of
    /// halves are carried to f32 every 96 terms), and so is the result. Other processors and adapters compute it in f32.
    /// The gradient is that of [`Tensor::linear`].
    ///
    /// # Errors
    /// As [`Tensor::linear`].
    pub fn linear_half(
        &self,
        weight: &Self,
        bias: Option<&Self>,
        activation: Activation,
    ) -> Result<Self> {
        self.linear_in(Precision::best(), weight, bias, activation)
    }

    fn linear_in(
        &self,
        precision: Precision,
        weight: &Self,
        bias: Option<&Self>,
        activation: Activation,
    ) -> Result<Self> {
        let [out, _] = weight.shape()[..] else {
            return Err(TensorError::Shape {
                op: "linear",
                reason: "the weight must be a matrix [out, in]".to_owned(),
                shapes: vec![self.shape().clone(), weight.shape().clone()],
            });
        };
        self.meets("linear", weight, weight.shape()[1])?;
        let rows = self.rows()?;
        let transposed = weight.transpose(0, 1)?.unsqueeze(0)?;
        let recorded = autograd::is_recording();
        let inputs: SmallVec<[&Self; 3]> = [&rows, &transposed].into_iter().chain(bias).collect();
        let tracked = recorded && inputs.iter().any(|input| input.is_tracked());
        let op = Matmul {
            activation,
            keeps_argument: tracked
                && function(activation).is_some_and(|function| !function.slope_of_result()),
            packs_once: !recorded && weight.is_leaf(),
            precision,
        };
        let product = apply(op, &inputs)?.swap_remove(0);
        product.reshape(self.shape().with(self.rank() - 1, out))
    }

    /// Fails unless this tensor has as many columns as `other`, seen as a matrix to multiply with, has rows.
    fn meets(&self, op: &'static str, other: &Self, rows: usize) -> Result<()> {
        let reason = match self.shape().last() {
            Some(&columns) if columns == rows && other.rank() > 0 => return Ok(()),
            Some(columns) => format!("{columns} columns meet {rows} rows"),
            None => "takes matrices or vectors, not a single number".to_owned(),
        };
        Err(TensorError::Shape {
            op,
            reason,
            shapes: vec![self.shape().clone(), other.shape().clone()],
        })
    }

    /// As `[1, rows, columns]`.
    fn rows(&self) -> Result<Self> {
        let columns = self.shape().last().copied().unwrap_or(1);
        let rows = self.shape()[..self.rank() - 1].iter().product();
        self.reshape([1, rows, columns])
    }
}

#[cfg(test)]
pub(crate) fn cases() -> Vec<crate::conformance::Case> {
    use super::unary::erf;
    use crate::conformance::{Array, Case, numbers};
    fn product(x: &[Array]) -> Array {
        let (a, b) = (&x[0], &x[1]);
        let rank = a.shape.rank().max(b.shape.rank());
        let batch = Shape::from(&a.shape[..a.shape.rank() - 2]);
        let batch = batch
            .broadcast(&Shape::from(&b.shape[..b.shape.rank() - 2]))
            .expect("a batch");
        let [m, k] = [a.shape.size_from_end(2), a.shape.size_from_end(1)];
        let shape: Shape = batch
            .iter()
            .copied()
            .chain([m, b.shape.size_from_end(1)])
            .collect();
        Array::from_fn(shape, |at| {
            let (row, column) = (at[rank - 2], at[rank - 1]);
            let entry = |array: &Array, row, column| {
                let mut at = at[rank - array.shape.rank()..].to_vec();
                let last = at.len() - 1;
                (at[last - 1], at[last]) = (row, column);
                array.at(&at)
            };
            (0..k).map(|k| entry(a, row, k) * entry(b, k, column)).sum()
        })
    }
    let shapes: [(&[usize], &[usize]); 9] = [
        (&[3, 5], &[5, 7]),
        (&[1, 1], &[1, 1]),
        (&[2, 3, 4], &[4, 5]),
        (&[2, 3, 4], &[2, 4, 5]),
        (&[2, 1, 3, 4], &[3, 4, 2]),
        (&[0, 3], &[3, 2]),
        (&[2, 0], &[0, 3]),
        (&[67, 130], &[130, 45]),
        (&[3, 33, 17], &[1, 17, 65]),
    ];
    let mut cases: Vec<Case> = shapes
        .into_iter()
        .map(|(a, b)| {
            let large = a.iter().product::<usize>() > 500;
            let inputs = [numbers(a), numbers(b)].map(|input| {
                if large {
                    input.without_gradient()
                } else {
                    input
                }
            });
            Case::new(
                format!("matmul of {a:?} and {b:?}"),
                inputs,
                |x| x[0].matmul(&x[1]),
                product,
            )
            .tolerance(1e-5)
        })
        .collect();
    let vectors: [(&[usize], &[usize]); 3] = [(&[4], &[4, 3]), (&[2, 3, 4], &[4]), (&[4], &[4])];
    for (a, b) in vectors {
        let reference = move |x: &[Array]| {
            let left = Array::new(
                if a.len() == 1 {
                    [1, a[0]].as_slice().into()
                } else {
                    x[0].shape.clone()
                },
                x[0].data.clone(),
            );
            let right = Array::new(
                if b.len() == 1 {
                    [b[0], 1].as_slice().into()
                } else {
                    x[1].shape.clone()
                },
                x[1].data.clone(),
            );
            let product = product(&[left, right]);
            let first = usize::from(a.len() == 1);
            let shape: Shape = match b.len() {
                1 => a[..a.len() - 1].into(),
                _ => product.shape[first..].into(),
            };
            Array::new(shape, product.data)
        };
        cases.push(Case::new(
            format!("matmul of {a:?} and {b:?}"),
            [numbers(a), numbers(b)],
            |x| x[0].matmul(&x[1]),
            reference,
        ));
    }
    type Reference = fn(f64) -> f64;
    let activations: [(Activation, Reference); 6] = [
        (Activation::None, |x| x),
        (Activation::Relu, |x| x.max(0.0)),
        (Activation::Gelu, |x| {
            0.5 * x * (1.0 + erf(x / 2.0_f64.sqrt()))
        }),
        (Activation::GeluTanh, |x| {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
            0.5 * x * (1.0 + inner.tanh())
        }),
        (Activation::Tanh, f64::tanh),
        (Activation::Sigmoid, |x| 1.0 / (1.0 + (-x).exp())),
    ];
    for (activation, reference) in activations {
        cases.push(
            Case::new(
                format!("linear with {activation:?}"),
                [numbers([2, 3, 5]), numbers([7, 5]), numbers(7)],
                move |x| x[0].linear(&x[1], Some(&x[2]), activation),
                move |x| {
                    let weight = Array::from_fn([5, 7], |at| x[1].at(&[at[1], at[0]]));
                    product(&[x[0].clone(), weight])
                        .zip(&x[2], |x, bias| x + bias)
                        .map(reference)
                },
            )
            .tolerance(5e-6),
        );
    }
    cases.push(
        Case::new(
            "linear with products in halves",
            [[9, 40], [34, 40], [1, 34]].map(|shape| numbers(shape).without_gradient()),
            |x| x[0].linear_half(&x[1], Some(&x[2].squeeze(0)?), Activation::None),
            |x| {
                let weight = Array::from_fn([40, 34], |at| x[1].at(&[at[1], at[0]]));
                product(&[x[0].clone(), weight]).zip(&x[2], |x, bias| x + bias)
            },
        )
        // Both sides of a term are off by 2^-9 of it at most.
        .tolerance(2e-2),
    );
    cases.push(Case::new(
        "linear without a bias",
        [numbers([4, 3]), numbers([2, 3])],
        |x| x[0].linear(&x[1], None, Activation::None),
        |x| {
            Array::from_fn([4, 2], |at| {
                (0..3)
                    .map(|k| x[0].at(&[at[0], k]) * x[1].at(&[at[1], k]))
                    .sum()
            })
        },
    ));
    cases
}
