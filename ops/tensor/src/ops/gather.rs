//! Takes one element of a dimension for each place of the result.

use smallvec::smallvec;

use super::index_select::{around, expect_indices};
use crate::autograd::Pass;
use crate::cpu::{Cpu, index};
use crate::gpu::{Binding, Gpu, Kernel, noted};
use crate::launch::groups;
use crate::op::{
    CpuInput, CpuOutput, Cut, GpuInput, GpuOutput, Gradients, Keeps, Op, Spec, Specs, apply_one,
};
use crate::{Result, Tensor};

/// Inputs: a tensor, and indices of the result's shape.
#[derive(Debug)]
pub(crate) struct Gather {
    axis: usize,
}

const KERNEL: Kernel = Kernel {
    label: "gather",
    source: include_str!("../../../../shaders/gather.wgsl"),
    entry: "main",
};

/// Whether two shapes differ at most in dimension `axis`.
pub(super) fn fits(a: &[usize], b: &[usize], axis: usize) -> bool {
    a.len() == b.len() && (0..a.len()).all(|other| other == axis || a[other] == b[other])
}

impl Op for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        expect_indices(self, &inputs[1])?;
        let (source, indices) = (&inputs[0].shape, &inputs[1].shape);
        if !fits(source, indices, self.axis) {
            let reason = format!(
                "indices must have the tensor's shape in all dimensions but {}",
                self.axis
            );
            return Err(self.misfit(inputs, reason));
        }
        if source[self.axis] == 0 && indices.elements() > 0 {
            return Err(self.misfit(
                inputs,
                format!("nothing to choose from: dimension {} is empty", self.axis),
            ));
        }
        Ok(smallvec![Spec::new(indices.clone(), inputs[0].dtype)])
    }

    fn has_gradient(&self, input: usize) -> bool {
        input == 0
    }

    fn keeps(&self) -> Keeps {
        Keeps::inputs(&[1])
    }

    fn cuts(&self, inputs: &[Spec], outputs: &[Spec]) -> Vec<Cut> {
        Cut::all_but(self.axis, inputs, outputs.len())
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        let (source, indices) = (&inputs[0].layout.shape, inputs[1].slice::<u32>());
        let sizes = around(source, self.axis, source[self.axis]);
        index::check("gather", indices, inputs[1].dtype, sizes[1])?;
        let count = outputs[0].shape[self.axis];
        index::gather(
            cpu,
            inputs[0].slice(),
            indices,
            outputs[0].slice(),
            sizes,
            count,
        );
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        let source = &inputs[0].layout.shape;
        let [_, size, inner] = around(source, self.axis, source[self.axis]);
        let elements = outputs[0].shape.elements();
        let count = outputs[0].shape[self.axis];
        let number = noted("gather", inputs[1].dtype);
        let params = [
            elements as u32,
            count as u32,
            inner as u32,
            size as u32,
            number,
        ];
        let bindings = [
            inputs[0].binding(),
            inputs[1].binding(),
            outputs[0].binding(),
            Binding::read_write(gpu.index_note()?),
        ];
        gpu.launch(&KERNEL, &[], &bindings, &params, groups(elements))
    }

    fn gradient(&self, pass: &Pass) -> Result<Gradients> {
        let size = pass.input_specs[0].shape[self.axis];
        let gradient = pass
            .upstream()?
            .scatter_sum(self.axis, pass.input(1)?, size)?;
        Ok(smallvec![Some(gradient), None])
    }
}

impl Tensor {
    /// Of each place of `indices` the element of this tensor whose coordinate in dimension `axis` is the index there, and
    /// whose other coordinates are the place's (`torch.gather`). All dimensions but `axis` have the same size in both.
    ///
    /// # Errors
    /// [`TensorError::Shape`](crate::TensorError::Shape) if the shapes do not fit;
    /// [`TensorError::Index`](crate::TensorError::Index) for an index past the end, as for [`Tensor::index_select`].
    pub fn gather(&self, axis: usize, indices: &Self) -> Result<Self> {
        self.axis("gather", axis)?;
        apply_one(Gather { axis }, &[self, indices])
    }
}

#[cfg(test)]
pub(crate) fn cases() -> Vec<crate::conformance::Case> {
    use crate::conformance::{Array, Case, indices, numbers};
    /// The tensor's shape, the dimension, and the indices' shape and values.
    type Sample = (&'static [usize], usize, &'static [usize], &'static [u32]);
    let samples: [Sample; 5] = [
        (&[3, 4], 1, &[3, 2], &[3, 0, 1, 1, 2, 0]),
        (&[3, 2], 0, &[2, 2], &[2, 0, 2, 1]),
        (&[2, 3, 2], 1, &[2, 1, 2], &[0, 2, 1, 1]),
        (&[5], 0, &[1], &[4]),
        (&[3, 4], 1, &[3, 0], &[]),
    ];
    samples
        .into_iter()
        .map(|(shape, axis, places, at)| {
            let reference = move |x: &[Array]| {
                Array::from_fn(&x[1].shape, |at| {
                    let mut from = at.to_vec();
                    from[axis] = x[1].at(at) as usize;
                    x[0].at(&from)
                })
            };
            Case::new(
                format!("gather of {shape:?} along {axis} at {places:?}"),
                [numbers(shape), indices(places, at)],
                move |x| x[0].gather(axis, &x[1]),
                reference,
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::{Device, Result, Tensor, TensorError};

    #[test]
    fn what_does_not_fit_is_named() -> Result<()> {
        let device = Device::cpu();
        let source = Tensor::zeros([2, 3], &device)?;
        let indices = Tensor::new(&[0_u32, 1, 2], [3, 1], &device)?;
        assert!(matches!(
            source.gather(1, &indices),
            Err(TensorError::Shape { op: "gather", .. })
        ));
        let indices = Tensor::new(&[0_u32, 7], [2, 1], &device)?;
        let read = source
            .gather(1, &indices)
            .and_then(|taken| taken.to_vec::<f32>());
        assert!(matches!(
            read,
            Err(TensorError::Index {
                op: "gather",
                index: 7,
                size: 3
            })
        ));
        Ok(())
    }
}
