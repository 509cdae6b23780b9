//! AdamW (Loshchilov & Hutter 2019, algorithm 2).

use super::{InPlace, TASK, apply, misfit_of_update, part};
use crate::cpu::{Cpu, simd};
use crate::gpu::{Binding, Gpu, Kernel};
use crate::launch::{each_part, groups};
use crate::op::{CpuInput, CpuOutput, GpuInput, GpuOutput};
use crate::{Result, Tensor};

/// One step of AdamW, as PyTorch computes it: decoupled weight decay, bias correction, epsilon added to the root.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// The learning rate of this step.
    pub learning_rate: f64,
    /// How much of the first and of the second moment is kept from step to step.
    pub betas: [f64; 2],
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// The share of a parameter, times the learning rate, that is taken away.
    pub weight_decay: f64,
    /// The number of this step, from 1.
    pub step: u64,
}

/// What kernels need of a step.
#[derive(Clone, Copy, Debug)]
struct Factors {
    keep: f32,
    beta1: f32,
    beta2: f32,
    step_size: f32,
    root: f32,
    epsilon: f32,
}

const KERNEL: Kernel = Kernel {
    label: "adamw",
    source: include_str!("../../../../shaders/adamw.wgsl"),
    entry: "main",
};

/// Elements that are looked at together for whether there is anything to do.
const BLOCK: usize = 128;

simd::kernel! {
    fn update<I>(parameter: &mut [f32], first: &mut [f32], second: &mut [f32], gradient: &[f32], scale: f32, factors: &Factors) {
        let Factors { keep, beta1, beta2, step_size, root, epsilon } = *factors;
        let moments = first.chunks_mut(BLOCK).zip(second.chunks_mut(BLOCK));
        for ((parameter, (first, second)), gradient) in parameter.chunks_mut(BLOCK).zip(moments).zip(gradient.chunks(BLOCK)) {
            // Most rows of a table of embeddings belong to tokens that never occurred: all of it is zero, and stays so.
            if keep == 1.0 && are_zero(gradient) && are_zero(first) && are_zero(second) {
                continue;
            }
            let moments = first.iter_mut().zip(second);
            for ((parameter, (first, second)), gradient) in parameter.iter_mut().zip(moments).zip(gradient) {
                let gradient = gradient * scale;
                *first = beta1 * *first + (1.0 - beta1) * gradient;
                *second = beta2 * *second + (1.0 - beta2) * gradient * gradient;
                *parameter = *parameter * keep - step_size * *first / (second.sqrt() * root + epsilon);
            }
        }
    }
}

/// Whether all bits of all numbers are zero.
#[inline(always)]
fn are_zero(numbers: &[f32]) -> bool {
    numbers.iter().fold(0, |bits, x| bits | x.to_bits()) == 0
}

impl AdamW {
    fn factors(&self) -> Factors {
        let correction = |beta: f64| 1.0 - beta.powi(i32::try_from(self.step).unwrap_or(i32::MAX));
        Factors {
            keep: (1.0 - self.learning_rate * self.weight_decay) as f32,
            beta1: self.betas[0] as f32,
            beta2: self.betas[1] as f32,
            step_size: (self.learning_rate / correction(self.betas[0])) as f32,
            root: (1.0 / correction(self.betas[1]).sqrt()) as f32,
            epsilon: self.epsilon as f32,
        }
    }

    /// Changes a parameter and its two moments, all f32 and of the gradient's shape, in one pass over memory. The gradient
    /// is multiplied by `scale`, one number on the device; where that is infinite or not a number, nothing changes.
    ///
    /// # Errors
    /// [`TensorError::Shape`](crate::TensorError::Shape), [`TensorError::DType`](crate::TensorError::DType).
    pub fn apply(
        &self,
        parameter: &mut Tensor,
        moments: [&mut Tensor; 2],
        gradient: &Tensor,
        scale: &Tensor,
    ) -> Result<()> {
        let [first, second] = moments;
        apply(self, &mut [parameter, first, second], &[gradient, scale])
    }
}

impl InPlace for AdamW {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn misfit(&self, written: &[&mut Tensor], read: &[&Tensor]) -> Option<String> {
        misfit_of_update(written, read)
    }

    fn cpu(&self, cpu: &Cpu, written: &mut [CpuOutput<'_>], read: &[CpuInput<'_>]) -> Result<()> {
        let (gradient, scale) = (read[0].slice::<f32>(), read[1].slice::<f32>()[0]);
        if !scale.is_finite() {
            return Ok(());
        }
        let factors = self.factors();
        let [parameter, first, second] = written else {
            return Ok(());
        };
        let moments = first
            .slice::<f32>()
            .chunks_mut(TASK)
            .zip(second.slice::<f32>().chunks_mut(TASK));
        let tasks = parameter
            .slice::<f32>()
            .chunks_mut(TASK)
            .zip(moments)
            .zip(gradient.chunks(TASK));
        cpu.threads().each(
            tasks.collect(),
            |((parameter, (first, second)), gradient)| {
                update(parameter, first, second, gradient, scale, &factors);
            },
        );
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, written: &[GpuOutput<'_>], read: &[GpuInput<'_>]) -> Result<()> {
        let Factors {
            keep,
            beta1,
            beta2,
            step_size,
            root,
            epsilon,
        } = self.factors();
        each_part(gpu, written[0].shape.elements(), |chunk| {
            let [parameter, first, second] =
                [0, 1, 2].map(|place| part(written[place].binding(), chunk));
            let bindings: [Binding<'_>; 5] = [
                parameter,
                first,
                second,
                part(read[0].binding(), chunk),
                read[1].binding().part(0, 4),
            ];
            let floats = [keep, beta1, beta2, step_size, root, epsilon].map(f32::to_bits);
            let mut params = vec![chunk.rows as u32];
            params.extend(floats);
            gpu.launch(&KERNEL, &[], &bindings, &params, groups(chunk.rows))
        })
    }
}

#[cfg(test)]
pub(crate) fn cases() -> Vec<crate::conformance::Case> {
    use crate::conformance::{Array, Case, between, numbers, these};
    let sizes: [&[usize]; 5] = [&[3, 5], &[1], &[0, 2], &[257], &[40, 1000]];
    let steps = [1, 7];
    let cases = sizes
        .into_iter()
        .flat_map(|shape| steps.map(|step| (shape, step)));
    cases
        .map(|(shape, step)| {
            let adamw = AdamW {
                learning_rate: 0.02,
                betas: [0.9, 0.99],
                epsilon: 1e-3,
                weight_decay: 0.1,
                step,
            };
            let reference = move |x: &[Array]| {
                let scale = x[4].data[0];
                let gradient = x[3].map(|g| g * scale);
                let first = x[1].zip(&gradient, |m, g| 0.9 * m + 0.1 * g);
                let second = x[2].zip(&gradient, |v, g| 0.99 * v + 0.01 * g * g);
                let corrected =
                    |x: &Array, beta: f64| x.map(|x| x / (1.0 - beta.powi(step as i32)));
                let direction = corrected(&first, 0.9)
                    .zip(&corrected(&second, 0.99), |m, v| m / (v.sqrt() + 1e-3));
                let parameter = x[0].zip(&direction, |p, d| p * (1.0 - 0.02 * 0.1) - 0.02 * d);
                vec![parameter, first, second]
            };
            let inputs = [
                numbers(shape),
                numbers(shape),
                between(shape, 0.0, 2.0),
                numbers(shape),
                these([1], &[0.25]),
            ];
            Case {
                run: Box::new(move |x| {
                    let copy = |place: usize| x[place].detach().cast_untracked(crate::DType::F32);
                    let (mut parameter, mut first, mut second) = (copy(0)?, copy(1)?, copy(2)?);
                    adamw.apply(&mut parameter, [&mut first, &mut second], &x[3], &x[4])?;
                    Ok(vec![parameter, first, second])
                }),
                reference: Box::new(reference),
                ..Case::new(
                    format!("step {step} of AdamW on {shape:?}"),
                    inputs.map(|input| input.without_gradient()),
                    |x| Ok(x[0].clone()),
                    |x| x[0].clone(),
                )
            }
            .tolerance(4e-6)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Device;

    /// A parameter and its moments after one step, of which only those from `begin` on are given.
    fn step(begin: usize, zeros: usize) -> Result<[Vec<f32>; 3]> {
        let device = Device::cpu();
        let adamw = AdamW {
            learning_rate: 0.02,
            betas: [0.9, 0.99],
            epsilon: 1e-8,
            weight_decay: 0.0,
            step: 3,
        };
        let tensor = |number: fn(usize) -> f32, zeros: usize| {
            let number = |place| if place < zeros { 0.0 } else { number(place) };
            let numbers: Vec<f32> = (begin..5 * BLOCK + 7).map(number).collect();
            Tensor::new(&numbers, [numbers.len()], &device)
        };
        let mut parameter = tensor(|place| 1.0 + place as f32, 0)?;
        let mut first = tensor(|place| (place % 5) as f32 - 2.0, zeros)?;
        let mut second = tensor(|place| (place % 3) as f32, zeros)?;
        let gradient = tensor(|place| (place % 7) as f32 - 3.0, zeros)?;
        let scale = Tensor::new(&[0.5_f32], [1], &device)?;
        adamw.apply(&mut parameter, [&mut first, &mut second], &gradient, &scale)?;
        Ok([
            parameter.to_f32_vec()?,
            first.to_f32_vec()?,
            second.to_f32_vec()?,
        ])
    }

    #[test]
    fn what_never_had_a_gradient_stays_and_the_rest_does_not_notice() -> Result<()> {
        let zeros = 2 * BLOCK + 50;
        let [parameter, first, second] = step(0, zeros)?;
        for place in 0..zeros {
            assert_eq!(
                [parameter[place], first[place], second[place]],
                [1.0 + place as f32, 0.0, 0.0]
            );
        }
        let rest = step(zeros, zeros)?;
        assert_eq!(
            [&parameter[zeros..], &first[zeros..], &second[zeros..]],
            rest.each_ref().map(|numbers| &numbers[..])
        );
        Ok(())
    }
}
