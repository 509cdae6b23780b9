//! Dropout (Srivastava et al. 2014): sets elements to zero at random.

use smallvec::smallvec;

use crate::autograd::Pass;
use crate::cpu::{Cpu, random};
use crate::gpu::{Gpu, Kernel};
use crate::launch::{each_part, groups};
use crate::op::{CpuInput, CpuOutput, GpuInput, GpuOutput, Gradients, Op, Spec, Specs, apply_one};
use crate::rng::threshold;
use crate::{RandomKey, Result, Tensor, TensorError};

/// The mask is drawn anew in the backward pass, which is this op again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dropout {
    key: RandomKey,
    /// Elements whose random word is below are dropped.
    threshold: u32,
    scale: f32,
}

const KERNEL: Kernel = Kernel {
    label: "dropout",
    source: include_str!("../../../../shaders/dropout.wgsl"),
    entry: "main",
};

impl Op for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        self.expect_float(&inputs[0])?;
        Ok(smallvec![inputs[0].clone()])
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        random::dropout(
            cpu,
            inputs[0].slice(),
            outputs[0].slice(),
            self.key,
            self.threshold,
            self.scale,
        );
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        each_part(gpu, outputs[0].shape.elements(), |chunk| {
            let mut params = vec![chunk.rows as u32, self.threshold, self.scale.to_bits()];
            params.extend(self.key.params());
            // Four elements are of one block of random words.
            params.push((chunk.row / 4) as u32);
            let bindings = [inputs[0].binding(), outputs[0].binding()]
                .map(|binding| binding.part(chunk.row * 4, chunk.rows * 4));
            let groups = groups(chunk.rows.div_ceil(4));
            gpu.launch(&KERNEL, &[], &bindings, &params, groups)
        })
    }

    fn gradient(&self, pass: &Pass) -> Result<Gradients> {
        Ok(smallvec![Some(apply_one(*self, &[pass.upstream()?])?)])
    }
}

impl Tensor {
    /// Each element set to 0 with probability `p`, else divided by `1 - p`. Element `i` (row-major) is decided by random word
    /// `i` of `key`: every device gives the same mask, and the backward pass draws it again instead of storing it.
    ///
    /// # Errors
    /// [`TensorError::Argument`] unless `p` is from 0 to 1; [`TensorError::DType`] for integers and masks.
    pub fn dropout(&self, p: f32, key: RandomKey) -> Result<Self> {
        if !(0.0..=1.0).contains(&p) {
            return Err(TensorError::Argument {
                op: "dropout",
                reason: format!("{p} is no probability; it must be from 0 to 1"),
            });
        }
        if p == 0.0 {
            return Ok(self.clone());
        }
        let (threshold, scale) = match threshold(p) {
            Some(threshold) => (threshold, 1.0 / (1.0 - p)),
            None => (u32::MAX, 0.0),
        };
        let op = Dropout {
            key,
            threshold,
            scale,
        };
        apply_one(op, &[self])
    }
}

#[cfg(test)]
pub(crate) fn cases() -> Vec<crate::conformance::Case> {
    use crate::conformance::{Array, Case, numbers};
    let key = RandomKey {
        seed: 0xfeed_0000_0000_0001,
        counter: 0x1_0000_0003,
    };
    let shapes: [(&[usize], f32); 6] = [
        (&[7, 9], 0.3),
        (&[1], 0.5),
        (&[0, 3], 0.5),
        (&[130], 0.9),
        (&[2, 4], 1.0),
        (&[5], 0.0),
    ];
    shapes
        .into_iter()
        .map(|(shape, p)| {
            let reference = move |x: &[Array]| {
                let kept = |place: usize| {
                    f64::from(key.word(place as u64)) >= f64::from(p) * 2.0_f64.powi(32)
                };
                let value = |place: usize, x: f64| {
                    if kept(place) {
                        x / (1.0 - f64::from(p))
                    } else {
                        0.0
                    }
                };
                let values = x[0].data.iter().enumerate();
                Array::new(
                    &x[0].shape,
                    values.map(|(place, &x)| value(place, x)).collect(),
                )
            };
            Case::new(
                format!("dropout of {shape:?} with {p}"),
                [numbers(shape)],
                move |x| x[0].dropout(p, key),
                reference,
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Device;

    #[test]
    fn masks_are_the_same_on_both_devices_and_keep_the_share_that_was_asked_for() -> Result<()> {
        let share = |device: &Device| -> Result<Vec<f32>> {
            Tensor::full(1.0, [100, 1003], crate::DType::F32, device)?
                .dropout(0.1, RandomKey::new(3))?
                .to_vec()
        };
        let native = share(&Device::cpu())?;
        let kept = native.iter().filter(|&&x| x != 0.0).count() as f64 / native.len() as f64;
        // Four standard deviations of a mean of 100,300 draws.
        assert!((kept - 0.9).abs() < 4.0 * (0.09_f64 / 100_300.0).sqrt());
        assert_eq!(native, share(&Device::cpu_with_threads(3))?);
        if let Some(gpu) = crate::conformance::gpu() {
            assert_eq!(native, share(&gpu)?);
        }
        Ok(())
    }

    #[test]
    fn a_probability_past_one_is_refused() -> Result<()> {
        let x = Tensor::zeros([2], &Device::cpu())?;
        for p in [-0.1, 1.5, f32::NAN] {
            let refused = x.dropout(p, RandomKey::new(0));
            assert!(matches!(
                refused,
                Err(TensorError::Argument { op: "dropout", .. })
            ));
        }
        Ok(())
    }
}
