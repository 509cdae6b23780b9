//! Stochastic gradient descent with momentum.

use super::{InPlace, TASK, apply, misfit_of_update, part};
use crate::cpu::{Cpu, simd};
use crate::gpu::{Gpu, Kernel};
use crate::launch::{each_part, groups};
use crate::op::{CpuInput, CpuOutput, GpuInput, GpuOutput};
use crate::{Result, Tensor};

/// One step of gradient descent, as PyTorch computes it: `v = momentum v + g`, `p = p - rate v`, where `g` is the gradient
/// plus `weight_decay p`; Nesterov's variant moves by `g + momentum v` instead of `v`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// The learning rate of this step.
    pub learning_rate: f64,
    /// How much of the velocity is kept from step to step.
    pub momentum: f64,
    /// The share of a parameter that is added to its gradient.
    pub weight_decay: f64,
    /// Whether to look ahead along the velocity (Sutskever et al. 2013).
    pub nesterov: bool,
}

const KERNEL: Kernel = Kernel {
    label: "sgd",
    source: include_str!("../../../../shaders/sgd.wgsl"),
    entry: "main",
};

simd::kernel! {
    fn update<I>(parameter: &mut [f32], velocity: &mut [f32], gradient: &[f32], scale: f32, factors: [f32; 5]) {
        let [rate, momentum, decay, of_gradient, of_velocity] = factors;
        for ((parameter, velocity), gradient) in parameter.iter_mut().zip(velocity).zip(gradient) {
            let gradient = gradient * scale + decay * *parameter;
            *velocity = momentum * *velocity + gradient;
            *parameter -= rate * (of_gradient * gradient + of_velocity * *velocity);
        }
    }
}

impl Sgd {
    fn factors(&self) -> [f32; 5] {
        let (of_gradient, of_velocity) = match self.nesterov {
            true => (1.0, self.momentum),
            false => (0.0, 1.0),
        };
        [
            self.learning_rate,
            self.momentum,
            self.weight_decay,
            of_gradient,
            of_velocity,
        ]
        .map(|factor| factor as f32)
    }

    /// Changes a parameter and its velocity, both f32 and of the gradient's shape, in one pass over memory. The gradient
    /// is multiplied by `scale`, one number on the device; where that is infinite or not a number, nothing changes.
    ///
    /// # Errors
    /// [`TensorError::Shape`](crate::TensorError::Shape), [`TensorError::DType`](crate::TensorError::DType).
    pub fn apply(
        &self,
        parameter: &mut Tensor,
        velocity: &mut Tensor,
        gradient: &Tensor,
        scale: &Tensor,
    ) -> Result<()> {
        apply(self, &mut [parameter, velocity], &[gradient, scale])
    }
}

impl InPlace for Sgd {
    fn name(&self) -> &'static str {
        "sgd"
    }

    fn misfit(&self, written: &[&mut Tensor], read: &[&Tensor]) -> Option<String> {
        misfit_of_update(written, read)
    }

    fn cpu(&self, cpu: &Cpu, written: &mut [CpuOutput<'_>], read: &[CpuInput<'_>]) -> Result<()> {
        let (gradient, scale) = (read[0].slice::<f32>(), read[1].slice::<f32>()[0]);
        if !scale.is_finite() {
            return Ok(());
        }
        let [parameter, velocity] = written else {
            return Ok(());
        };
        let changed = parameter
            .slice::<f32>()
            .chunks_mut(TASK)
            .zip(velocity.slice::<f32>().chunks_mut(TASK));
        let tasks = changed.zip(gradient.chunks(TASK)).collect();
        cpu.threads()
            .each(tasks, |((parameter, velocity), gradient)| {
                update(parameter, velocity, gradient, scale, self.factors());
            });
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, written: &[GpuOutput<'_>], read: &[GpuInput<'_>]) -> Result<()> {
        each_part(gpu, written[0].shape.elements(), |chunk| {
            let [parameter, velocity] = [0, 1].map(|place| part(written[place].binding(), chunk));
            let bindings = [
                parameter,
                velocity,
                part(read[0].binding(), chunk),
                read[1].binding().part(0, 4),
            ];
            let mut params = vec![chunk.rows as u32];
            params.extend(self.factors().map(f32::to_bits));
            gpu.launch(&KERNEL, &[], &bindings, &params, groups(chunk.rows))
        })
    }
}

#[cfg(test)]
pub(crate) fn cases() -> Vec<crate::conformance::Case> {
    use crate::conformance::{Array, Case, numbers, these};
    let sizes: [&[usize]; 4] = [&[3, 5], &[1], &[0, 2], &[33, 1000]];
    let cases = sizes
        .into_iter()
        .flat_map(|shape| [false, true].map(|nesterov| (shape, nesterov)));
    cases
        .map(|(shape, nesterov)| {
            let sgd = Sgd {
                learning_rate: 0.1,
                momentum: 0.9,
                weight_decay: 0.01,
                nesterov,
            };
            let reference = move |x: &[Array]| {
                let scale = x[3].data[0];
                let gradient = x[2].zip(&x[0], |g, p| g * scale + 0.01 * p);
                let velocity = x[1].zip(&gradient, |v, g| 0.9 * v + g);
                let direction = match nesterov {
                    true => gradient.zip(&velocity, |g, v| g + 0.9 * v),
                    false => velocity.clone(),
                };
                vec![x[0].zip(&direction, |p, d| p - 0.1 * d), velocity]
            };
            let inputs = [
                numbers(shape),
                numbers(shape),
                numbers(shape),
                these([1], &[0.5]),
            ];
            Case {
                run: Box::new(move |x| {
                    let mut parameter = x[0].detach().cast_untracked(crate::DType::F32)?;
                    let mut velocity = x[1].detach().cast_untracked(crate::DType::F32)?;
                    sgd.apply(&mut parameter, &mut velocity, &x[2], &x[3])?;
                    Ok(vec![parameter, velocity])
                }),
                reference: Box::new(reference),
                ..Case::new(
                    format!("a step of SGD on {shape:?} (Nesterov: {nesterov})"),
                    inputs.map(|input| input.without_gradient()),
                    |x| Ok(x[0].clone()),
                    |x| x[0].clone(),
                )
            }
        })
        .collect()
}
