//! Takes each element from one tensor or another, as a mask says.

use smallvec::smallvec;

use crate::autograd::Pass;
use crate::cpu::{Cpu, Walk};
use crate::gpu::{Gpu, Kernel};
use crate::launch::{groups, layout_params};
use crate::op::{
    CpuInput, CpuOutput, Cut, GpuInput, GpuOutput, Gradients, Keeps, Op, Spec, Specs, apply_one,
};
use crate::{DType, Result, Tensor};

/// Inputs: the mask, what is taken where it is true, and where it is false.
#[derive(Debug)]
pub(crate) struct Select;

const KERNEL: Kernel = Kernel {
    label: "select",
    source: include_str!("../../../../shaders/select.wgsl"),
    entry: "main",
};

impl Op for Select {
    fn name(&self) -> &'static str {
        "where"
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        self.expect(&inputs[0], "a mask first", inputs[0].dtype == DType::Bool)?;
        let values = super::broadcast(self, &inputs[1..])?;
        let shape = inputs[0]
            .shape
            .broadcast(&values)
            .ok_or_else(|| self.misfit(inputs, "the mask does not broadcast with the values"))?;
        Ok(smallvec![Spec::new(shape, inputs[1].dtype)])
    }

    fn takes_strides(&self) -> bool {
        true
    }

    fn keeps(&self) -> Keeps {
        Keeps::inputs(&[0])
    }

    fn cuts(&self, inputs: &[Spec], outputs: &[Spec]) -> Vec<Cut> {
        Cut::elements(inputs, &outputs[0])
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        let output = &mut outputs[0];
        let layouts = [0, 1, 2].map(|input| inputs[input].layout.broadcast(output.shape));
        let [mask, yes, no] = [0, 1, 2].map(|input| inputs[input].all::<u32>());
        let walk = Walk::new([&layouts[0], &layouts[1], &layouts[2]]);
        walk.each_row(cpu, output.slice::<u32>(), |row, starts, strides| {
            for (place, value) in row.iter_mut().enumerate() {
                let [mask_at, yes_at, no_at] =
                    std::array::from_fn(|input| starts[input] + place * strides[input]);
                *value = if mask[mask_at] != 0 {
                    yes[yes_at]
                } else {
                    no[no_at]
                };
            }
        });
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        let output = &outputs[0];
        let elements = output.shape.elements();
        let layouts = [0, 1, 2].map(|input| inputs[input].layout.broadcast(output.shape));
        let mut params = vec![elements as u32];
        params.extend(layout_params([&layouts[0], &layouts[1], &layouts[2]]));
        let bindings = [
            inputs[0].binding(),
            inputs[1].binding(),
            inputs[2].binding(),
            output.binding(),
        ];
        gpu.launch(&KERNEL, &[], &bindings, &params, groups(elements))
    }

    fn gradient(&self, pass: &Pass) -> Result<Gradients> {
        let (mask, upstream) = (pass.input(0)?, pass.upstream()?);
        let zero = Tensor::full(0.0, (), upstream.dtype(), upstream.device())?;
        let of = |place: usize, yes: &Tensor, no: &Tensor| {
            pass.wants(place)
                .then(|| yes.select(mask, no)?.sum_to(&pass.input_specs[place].shape))
                .transpose()
        };
        Ok(smallvec![
            None,
            of(1, upstream, &zero)?,
            of(2, &zero, upstream)?
        ])
    }
}

impl Tensor {
    /// This tensor's element where `mask` is true, and the other's where it is false (`torch.where`).
    ///
    /// # Errors
    /// [`TensorError`](crate::TensorError) for shapes that do not broadcast, types that differ, and a mask that is none.
    pub fn select(&self, mask: &Self, other: &Self) -> Result<Self> {
        apply_one(Select, &[mask, self, other])
    }

    /// `value` where `mask` is true, and this tensor's element where it is false.
    ///
    /// # Errors
    /// As [`Tensor::select`].
    pub fn masked_fill(&self, mask: &Self, value: f32) -> Result<Self> {
        Self::full(value, (), self.dtype(), self.device())?.select(mask, self)
    }
}

#[cfg(test)]
pub(crate) fn cases() -> Vec<crate::conformance::Case> {
    use crate::conformance::{Array, Case, mask, numbers};
    let pick = |x: &[Array]| {
        let shape = x[0].zip(&x[1].zip(&x[2], |a, _| a), |a, _| a).shape;
        Array::from_fn(shape, |at| {
            if x[0].at(at) != 0.0 {
                x[1].at(at)
            } else {
                x[2].at(at)
            }
        })
    };
    let shapes: [[&[usize]; 3]; 4] = [
        [&[3, 4], &[3, 4], &[3, 4]],
        [&[2, 1, 5], &[3, 1], &[]],
        [&[], &[6], &[6]],
        [&[0, 2], &[2], &[1, 1]],
    ];
    shapes
        .into_iter()
        .map(|[condition, yes, no]| {
            Case::new(
                format!("where of {condition:?}, {yes:?} and {no:?}"),
                [mask(condition), numbers(yes), numbers(no)],
                |x| x[1].select(&x[0], &x[2]),
                pick,
            )
        })
        .collect()
}
