//! Adds elements of one value before and after a dimension.

use smallvec::smallvec;

use crate::autograd::Pass;
use crate::cpu::Cpu;
use crate::gpu::{Gpu, Kernel};
use crate::launch::groups;
use crate::op::{
    CpuInput, CpuOutput, Cut, GpuInput, GpuOutput, Gradients, Op, Spec, Specs, apply_one,
};
use crate::{Result, Tensor};

/// See the module.
#[derive(Debug)]
pub(crate) struct Pad {
    axis: usize,
    before: usize,
    after: usize,
    value: f32,
}

const KERNEL: Kernel = Kernel {
    label: "pad",
    source: include_str!("../../../../shaders/pad.wgsl"),
    entry: "main",
};

impl Op for Pad {
    fn name(&self) -> &'static str {
        "pad"
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        self.expect_float(&inputs[0])?;
        let shape = &inputs[0].shape;
        let size = shape
            .get(self.axis)
            .ok_or_else(|| self.misfit(inputs, format!("there is no dimension {}", self.axis)))?;
        let padded = shape.with(self.axis, self.before + size + self.after);
        Ok(smallvec![Spec::new(padded, inputs[0].dtype)])
    }

    fn cuts(&self, inputs: &[Spec], outputs: &[Spec]) -> Vec<Cut> {
        Cut::all_but(self.axis, inputs, outputs.len())
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        let shape = &inputs[0].layout.shape;
        let inner: usize = shape[self.axis + 1..].iter().product();
        let size = shape[self.axis] * inner;
        let [before, after] = [self.before * inner, self.after * inner];
        let source = inputs[0].slice::<f32>();
        let target = outputs[0].slice::<f32>();
        if target.is_empty() {
            return Ok(());
        }
        cpu.threads()
            .chunks_mut(target, before + size + after, |row, chunk| {
                chunk[..before].fill(self.value);
                chunk[before..before + size].copy_from_slice(&source[row * size..(row + 1) * size]);
                chunk[before + size..].fill(self.value);
            });
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        let shape = &inputs[0].layout.shape;
        let inner: usize = shape[self.axis + 1..].iter().product();
        let elements = outputs[0].shape.elements();
        let params = [
            elements as u32,
            (self.before * inner) as u32,
            (shape[self.axis] * inner) as u32,
            (self.after * inner) as u32,
            self.value.to_bits(),
        ];
        let bindings = [inputs[0].binding(), outputs[0].binding()];
        gpu.launch(&KERNEL, &[], &bindings, &params, groups(elements))
    }

    fn gradient(&self, pass: &Pass) -> Result<Gradients> {
        let size = pass.input_specs[0].shape[self.axis];
        let gradient = pass.upstream()?.narrow(self.axis, self.before, size)?;
        Ok(smallvec![Some(gradient)])
    }
}

impl Tensor {
    /// `before` elements of `value` in front of a dimension, and `after` behind it.
    ///
    /// # Errors
    /// [`TensorError::Shape`](crate::TensorError::Shape) if there is no such dimension.
    pub fn pad(&self, axis: usize, before: usize, after: usize, value: f32) -> Result<Self> {
        let pad = Pad {
            axis,
            before,
            after,
            value,
        };
        apply_one(pad, &[self])
    }
}

#[cfg(test)]
pub(crate) fn cases() -> Vec<crate::conformance::Case> {
    use crate::conformance::{Array, Case, numbers};
    let shapes: [(&[usize], usize, usize, usize); 5] = [
        (&[3, 4], 0, 1, 2),
        (&[3, 4, 5], 1, 2, 0),
        (&[2, 3], 1, 0, 1),
        (&[0, 3], 0, 1, 1),
        (&[4], 0, 0, 0),
    ];
    shapes
        .into_iter()
        .map(|(shape, axis, before, after)| {
            let reference = move |x: &[Array]| {
                let x = &x[0];
                let size = x.shape[axis];
                Array::from_fn(x.shape.with(axis, before + size + after), |at| {
                    let mut at = at.to_vec();
                    match at[axis].checked_sub(before) {
                        Some(inside) if inside < size => {
                            at[axis] = inside;
                            x.at(&at)
                        }
                        _ => 0.5,
                    }
                })
            };
            Case::new(
                format!("pad {shape:?} along {axis} by {before} and {after}"),
                [numbers(shape)],
                move |x| x[0].pad(axis, before, after, 0.5),
                reference,
            )
        })
        .collect()
}
