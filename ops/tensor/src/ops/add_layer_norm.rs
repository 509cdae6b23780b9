//! Layer normalisation of a sum, the end of each part of a transformer's layer, in one pass over memory.

use smallvec::smallvec;

use super::dropout::Dropout;
use super::layer_norm::LayerNormGradient;
use crate::Device;
use crate::autograd::{self, Pass};
use crate::cpu::Cpu;
use crate::cpu::rows::{self, Normalised};
use crate::gpu::{Gpu, Kernel};
use crate::op::{
    CpuInput, CpuOutput, GpuInput, GpuOutput, Gradients, Keeps, Op, Spec, Specs, apply, apply_one,
};
use crate::{DType, RandomKey, Result, Tensor};

/// Inputs: `x` and `residual` of one shape, `weight` and `bias`. Outputs: the result; for each row the mean of the sum and the
/// reciprocal of its standard deviation, `[rows, 2]`; and the sum itself, where the gradient needs it.
#[derive(Debug)]
pub(crate) struct AddLayerNorm {
    dropout: Option<Dropout>,
    epsilon: f32,
    keeps_sum: bool,
}

const KERNEL: Kernel = Kernel {
    label: "add and layer norm",
    source: include_str!("../../../../shaders/add_layer_norm.wgsl"),
    entry: "main",
};

impl Op for AddLayerNorm {
    fn name(&self) -> &'static str {
        "add_layer_norm"
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        let x = &inputs[0];
        self.expect_float(x)?;
        self.expect(&inputs[1], x.dtype.name(), inputs[1].dtype == x.dtype)?;
        let last = x.shape.last();
        if last.is_none() || inputs[1].shape != x.shape {
            return Err(self.misfit(
                inputs,
                "takes two tensors of one shape of at least one dimension",
            ));
        }
        let fits = |spec: &Spec| spec.shape.rank() == 1 && spec.shape.last() == last;
        if !inputs[2..].iter().all(fits) {
            return Err(self.misfit(
                inputs,
                "weight and bias must be as long as the last dimension",
            ));
        }
        let rows = x.shape[..x.shape.rank() - 1].iter().product::<usize>();
        let mut outputs: Specs = smallvec![x.clone(), Spec::new([rows, 2].into(), DType::F32)];
        if self.keeps_sum {
            outputs.push(x.clone());
        }
        Ok(outputs)
    }

    fn keeps(&self) -> Keeps {
        Keeps {
            inputs: &[2],
            outputs: &[1, 2],
        }
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        let [result, statistics, sum @ ..] = outputs else {
            return Ok(());
        };
        let to = Normalised {
            result: result.slice(),
            statistics: statistics.slice(),
            sum: sum.first_mut().map(CpuOutput::slice),
        };
        let inputs = [0, 1, 2, 3].map(|input| inputs[input].slice());
        rows::add_layer_norm(cpu, inputs, self.dropout, to, self.epsilon);
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        let rows = outputs[1].shape[0] as u32;
        let hidden = inputs[2].layout.shape.elements() as u32;
        let mut params = vec![rows, hidden, self.epsilon.to_bits()];
        if let Some(dropout) = &self.dropout {
            params.extend([dropout.threshold, dropout.scale.to_bits()]);
            params.extend(dropout.key.params());
        }
        let flag = |set: bool| u32::from(set).to_string();
        let defines = [
            ("DROPOUT", flag(self.dropout.is_some())),
            ("KEEP", flag(self.keeps_sum)),
        ];
        let bindings: Vec<_> = (inputs.iter().map(GpuInput::binding))
            .chain(outputs.iter().map(GpuOutput::binding))
            .collect();
        gpu.launch(&KERNEL, &defines, &bindings, &params, [rows, 1, 1])
    }

    fn gradient(&self, pass: &Pass) -> Result<Gradients> {
        let inputs = [
            pass.output(2)?,
            pass.input(2)?,
            pass.output(1)?,
            pass.upstream()?,
        ];
        let found = apply(LayerNormGradient, &inputs)?;
        let of_sum = &found[0];
        let of_x = pass.wants(0).then(|| match self.dropout {
            Some(dropout) => apply_one(dropout, &[of_sum]),
            None => Ok(of_sum.clone()),
        });
        Ok(smallvec![
            of_x.transpose()?,
            Some(of_sum.clone()),
            Some(found[1].clone()),
            Some(found[2].clone()),
        ])
    }
}

impl Tensor {
    /// The layer normalisation of `dropout(self) + residual`, both of one shape, with `weight` and `bias` as
    /// [`Tensor::layer_norm`] takes them, and a probability and key as [`Tensor::dropout`] does. The same numbers as from the
    /// three ops, in one pass over memory.
    ///
    /// # Errors
    /// [`TensorError::Shape`](crate::TensorError::Shape) if the shapes differ, or weight or bias are not as long as the last
    /// dimension; [`TensorError::Argument`](crate::TensorError::Argument) unless the probability is from 0 to 1.
    pub fn add_layer_norm(
        &self,
        residual: &Self,
        dropout: Option<(f32, RandomKey)>,
        weight: &Self,
        bias: &Self,
        epsilon: f32,
    ) -> Result<Self> {
        if self.is_past_a_binding() {
            // The three ops go in pieces, and each knows which elements a piece drops.
            let dropped = match dropout {
                Some((p, key)) => self.dropout(p, key)?,
                None => self.clone(),
            };
            return dropped.add(residual)?.layer_norm(weight, bias, epsilon);
        }
        let dropout = match dropout {
            Some((p, key)) => Dropout::new("add_layer_norm", p, key)?,
            None => None,
        };
        let inputs = [self, residual, weight, bias];
        let op = AddLayerNorm {
            dropout,
            epsilon,
            keeps_sum: autograd::is_recording() && inputs.iter().any(|input| input.is_tracked()),
        };
        Ok(apply(op, &inputs)?.swap_remove(0))
    }
}

impl Tensor {
    /// Whether an adapter's kernels cannot see all of it at once.
    fn is_past_a_binding(&self) -> bool {
        let Device::Gpu(gpu) = self.device() else {
            return false;
        };
        let limits = gpu.limits();
        let bytes = (self.elements() * DType::F32.size() + limits.binding_alignment) as u64;
        bytes > limits.max_binding_bytes
    }
}

#[cfg(test)]
pub(crate) fn cases() -> Vec<crate::conformance::Case> {
    use crate::conformance::{Array, Case, numbers};
    let key = RandomKey {
        seed: 0xfeed_0000_0000_0005,
        counter: 0x1_0000_0007,
    };
    let normalised = |row: &[f64]| {
        let mean = row.iter().sum::<f64>() / row.len() as f64;
        let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / row.len() as f64;
        row.iter()
            .map(|x| (x - mean) / (variance + 1e-5).sqrt())
            .collect()
    };
    let shapes: [(&[usize], f32); 7] = [
        (&[3, 6], 0.0),
        (&[2, 3, 17], 0.3),
        (&[0, 4], 0.5),
        (&[5], 0.0),
        (&[4, 9], 1.0),
        (&[70, 300], 0.1),
        (&[129, 384], 0.0),
    ];
    shapes
        .into_iter()
        .map(|(shape, p)| {
            let reference = move |x: &[Array]| {
                let dropped = |place: usize, x: f64| {
                    let word = f64::from(key.word(place as u64));
                    match word >= f64::from(p) * 2.0_f64.powi(32) {
                        true => x / (1.0 - f64::from(p)),
                        false => 0.0,
                    }
                };
                let values = x[0].data.iter().enumerate();
                let values = values.map(|(place, &x)| dropped(place, x)).collect();
                let sum = Array::new(&x[0].shape, values).zip(&x[1], |x, residual| x + residual);
                let scaled = sum.map_rows(normalised).zip(&x[2], |x, weight| x * weight);
                scaled.zip(&x[3], |x, bias| x + bias)
            };
            let hidden = shape[shape.len() - 1];
            let inputs = [shape, shape, &[hidden], &[hidden]].map(numbers);
            let large = shape.iter().product::<usize>() > 1000;
            let inputs = inputs.map(|input| match large {
                true => input.without_gradient(),
                false => input,
            });
            Case::new(
                format!("layer norm of a sum of {shape:?}, dropout {p}"),
                inputs,
                move |x| x[0].add_layer_norm(&x[1], Some((p, key)), &x[2], &x[3], 1e-5),
                reference,
            )
            .tolerance(5e-6)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Device;

    #[test]
    fn the_bits_are_those_of_the_three_ops_with_any_number_of_threads() -> Result<()> {
        for hidden in [96, 100, 768] {
            let key = RandomKey::new(3);
            let run = |threads: usize, fused: bool| -> Result<Vec<Vec<f32>>> {
                let device = Device::cpu_with_threads(threads);
                let draw = |stream: u64, rows: usize| -> Result<Tensor> {
                    let shape = [rows, hidden];
                    Tensor::rand_normal(0.0, 1.0, shape, &device, RandomKey::new(stream))?
                        .requires_grad()
                };
                let (x, residual) = (draw(1, 300)?, draw(2, 300)?);
                let weight = draw(4, 1)?.reshape([hidden])?;
                let bias = draw(5, 1)?.reshape([hidden])?;
                let result = match fused {
                    true => x.add_layer_norm(&residual, Some((0.1, key)), &weight, &bias, 1e-5)?,
                    false => {
                        let sum = x.dropout(0.1, key)?.add(&residual)?;
                        sum.layer_norm(&weight, &bias, 1e-5)?
                    }
                };
                let gradients = result.square()?.sum_all()?.backward()?;
                let of = |leaf: &Tensor| gradients.get(leaf).expect("a gradient").to_vec();
                Ok(vec![result.to_vec()?, of(&x)?, of(&residual)?])
            };
            let expected = run(1, false)?;
            assert_eq!(run(1, true)?, expected, "{hidden}");
            assert_eq!(run(3, true)?, expected, "{hidden}");
        }
        Ok(())
    }
}
