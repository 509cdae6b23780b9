//! Adds elements to places of a dimension, in order: the same bits every time.

use smallvec::smallvec;

use super::gather::fits;
use super::index_select::{around, expect_indices};
use super::reduce::Reduce;
use crate::autograd::Pass;
use crate::cpu::{Cpu, index};
use crate::gpu::{Binding, Gpu, Kernel, noted};
use crate::launch::groups;
use crate::op::{
    CpuInput, CpuOutput, Cut, GpuInput, GpuOutput, Gradients, Keeps, Onto, Op, Spec, Specs,
    apply_one,
};
use crate::{DType, Result, Tensor};

/// Inputs: elements, and for each of them its place in dimension `axis` of the result, which has size `size`.
#[derive(Debug)]
pub(crate) struct ScatterSum {
    axis: usize,
    size: usize,
}

const KERNEL: Kernel = Kernel {
    label: "scatter add",
    source: include_str!("../../../../shaders/scatter_add.wgsl"),
    entry: "main",
};

/// Elements of a column that an invocation adds in one launch.
const AT_ONCE: usize = 1 << 13;
/// Invocations that make an adapter busy.
const BUSY: usize = 1 << 14;
/// Numbers that the sums of all blocks together take at most, unless one block has more.
const SUMS: usize = 1 << 24;

/// Into how many blocks each column is cut, for sums of their own that are added up in the end: more than one where there are
/// few columns, which would keep few invocations busy for long.
fn blocks(columns: usize, count: usize, total: usize) -> usize {
    let wanted = (BUSY / columns.max(1)).min(count / 64);
    wanted.min(SUMS / total.max(1)).max(1)
}

impl Op for ScatterSum {
    fn name(&self) -> &'static str {
        "scatter_add"
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        self.expect_float(&inputs[0])?;
        expect_indices(self, &inputs[1])?;
        if inputs[0].shape != inputs[1].shape {
            return Err(self.misfit(inputs, "every element needs one index"));
        }
        let shape = inputs[0].shape.with(self.axis, self.size);
        Ok(smallvec![Spec::new(shape, inputs[0].dtype)])
    }

    fn has_gradient(&self, input: usize) -> bool {
        input == 0
    }

    fn keeps(&self) -> Keeps {
        Keeps::inputs(&[1])
    }

    fn cuts(&self, inputs: &[Spec], outputs: &[Spec]) -> Vec<Cut> {
        let mut cuts = Cut::all_but(self.axis, inputs, outputs.len());
        cuts.push(Cut::new([Some(self.axis); 2], [Onto::Joined]));
        cuts
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        let indices = inputs[1].slice::<u32>();
        index::check("scatter_add", indices, inputs[1].dtype, self.size)?;
        let sizes = around(outputs[0].shape, self.axis, self.size);
        let count = inputs[0].layout.shape[self.axis];
        index::scatter(
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
        let [outer, size, inner] = around(outputs[0].shape, self.axis, self.size);
        let count = inputs[0].layout.shape[self.axis];
        let (columns, total) = (outer * inner, outer * size * inner);
        let blocks = blocks(columns, count, total);
        let sums = match blocks {
            1 => None,
            _ => Some(gpu.allocate(blocks * total * 4)?),
        };
        let buffer = sums.as_ref().unwrap_or(outputs[0].buffer);
        gpu.clear(buffer, 0, blocks * total * DType::F32.size())?;
        let number = noted("scatter_add", inputs[1].dtype);
        let bindings = [
            inputs[0].binding(),
            inputs[1].binding(),
            Binding::read_write(buffer),
            Binding::read_write(gpu.index_note()?),
        ];
        let block = count.div_ceil(blocks);
        for first in (0..block).step_by(AT_ONCE) {
            let end = (first + AT_ONCE).min(block);
            let sizes = [columns, count, inner, size].map(|size| size as u32);
            let params: Vec<u32> = (sizes.into_iter().chain([number]))
                .chain([blocks, block, first, end].map(|size| size as u32))
                .collect();
            gpu.launch(&KERNEL, &[], &bindings, &params, groups(columns * blocks))?;
        }
        match &sums {
            None => Ok(()),
            Some(sums) => Reduce::Sum.launch(
                gpu,
                Binding::read(sums),
                outputs[0].binding(),
                [1, blocks, total],
            ),
        }
    }

    fn gradient(&self, pass: &Pass) -> Result<Gradients> {
        let gradient = pass.upstream()?.gather(self.axis, pass.input(1)?)?;
        Ok(smallvec![Some(gradient), None])
    }
}

impl Tensor {
    /// [`Tensor::scatter_add`] to zeros of `size` in dimension `axis`.
    pub(crate) fn scatter_sum(&self, axis: usize, indices: &Self, size: usize) -> Result<Self> {
        self.axis("scatter_add", axis)?;
        apply_one(ScatterSum { axis, size }, &[self, indices])
    }

    /// This tensor with each element of `source` added where its coordinate in dimension `axis` is the index of the same
    /// place, and its other coordinates are the place's (`torch.scatter_add`). All dimensions but `axis` have the same size
    /// everywhere. Elements for one place are added up in their order.
    ///
    /// # Errors
    /// [`TensorError::Shape`](crate::TensorError::Shape) if the shapes do not fit;
    /// [`TensorError::Index`](crate::TensorError::Index) for an index past the end, as for [`Tensor::index_select`].
    pub fn scatter_add(&self, axis: usize, indices: &Self, source: &Self) -> Result<Self> {
        let size = self.axis("scatter_add", axis)?;
        let op = ScatterSum { axis, size };
        if !fits(self.shape(), source.shape(), axis) {
            let reason =
                format!("the source must have the tensor's shape in all dimensions but {axis}");
            return Err(op.misfit(&[self.spec(), source.spec()], reason));
        }
        self.add(&apply_one(op, &[source, indices])?)
    }
}

#[cfg(test)]
pub(crate) fn cases() -> Vec<crate::conformance::Case> {
    use crate::conformance::{Array, Case, indices, numbers};
    /// The tensor's shape, the dimension, and the indices' shape and values.
    type Sample = (&'static [usize], usize, &'static [usize], &'static [u32]);
    let samples: [Sample; 6] = [
        (&[3, 4], 1, &[3, 2], &[3, 3, 1, 1, 2, 0]),
        (&[3, 2], 0, &[4, 2], &[2, 0, 2, 1, 2, 0, 0, 0]),
        (&[2, 3, 2], 1, &[2, 1, 2], &[0, 2, 1, 1]),
        (&[1], 0, &[3], &[0, 0, 0]),
        (&[3, 4], 1, &[3, 0], &[]),
        (&[0, 4], 1, &[0, 2], &[]),
    ];
    // Enough for blocks with sums of their own, the last of which is shorter.
    let many: Vec<u32> = (0..1301_u32).map(|element| element * element % 7).collect();
    let samples = (samples.into_iter())
        .map(|(shape, axis, places, at)| (shape, axis, places, at.to_vec()))
        .chain([(&[7][..], 0, &[1301][..], many.clone())])
        .chain([(&[7, 1][..], 0, &[1301, 1][..], many)]);
    samples
        .map(|(shape, axis, places, at)| {
            let reference = move |x: &[Array]| {
                let mut sums = x[0].clone();
                for (place, &value) in x[2].data.iter().enumerate() {
                    let mut to = crate::conformance::coordinates(&x[2].shape, place);
                    to[axis] = x[1].data[place] as usize;
                    let to = to
                        .iter()
                        .zip(sums.shape.iter())
                        .fold(0, |to, (at, size)| to * size + at);
                    sums.data[to] += value;
                }
                sums
            };
            let source = numbers(places);
            let source = match places[0] > 100 {
                true => source.without_gradient(),
                false => source,
            };
            Case::new(
                format!("scatter {places:?} into {shape:?} along {axis}"),
                [numbers(shape), indices(places, &at), source],
                move |x| x[0].scatter_add(axis, &x[1], &x[2]),
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
        let target = Tensor::zeros([2, 3], &device)?;
        let source = Tensor::zeros([3, 1], &device)?;
        let indices = Tensor::new(&[0_u32, 1, 2], [3, 1], &device)?;
        let misfit = target.scatter_add(1, &indices, &source);
        assert!(matches!(
            misfit,
            Err(TensorError::Shape {
                op: "scatter_add",
                ..
            })
        ));
        let source = Tensor::zeros([2, 1], &device)?;
        let indices = Tensor::new(&[0_u32, 3], [2, 1], &device)?;
        let read = target
            .scatter_add(1, &indices, &source)
            .and_then(|sums| sums.to_vec::<f32>());
        assert!(matches!(
            read,
            Err(TensorError::Index {
                op: "scatter_add",
                index: 3,
                size: 3
            })
        ));
        Ok(())
    }
}
