//! Takes slices of a dimension by their indices, and the sum of slices by index, which is its gradient.

use smallvec::smallvec;

use crate::autograd::Pass;
use crate::cpu::{Cpu, index};
use crate::gpu::{Binding, Gpu, Kernel, noted};
use crate::launch::groups;
use crate::op::{
    CpuInput, CpuOutput, Cut, GpuInput, GpuOutput, Gradients, Keeps, Onto, Op, Spec, Specs,
    apply_one,
};
use crate::shape::MAX_RANK;
use crate::{DType, Result, Shape, Tensor};

/// Inputs: a tensor, and indices of any shape that takes the place of dimension `axis`.
#[derive(Debug)]
pub(crate) struct IndexSelect {
    pub name: &'static str,
    pub axis: usize,
    /// The index whose slice gets no gradient.
    pub padding: Option<u32>,
}

/// Inputs: what [`IndexSelect`] gives of a tensor whose dimension `axis` has size `size`, and its indices. The slices of an
/// index are added up in their order.
#[derive(Debug)]
struct IndexSum {
    name: &'static str,
    axis: usize,
    size: usize,
    padding: Option<u32>,
}

const SELECT: Kernel = Kernel {
    label: "index select",
    source: include_str!("../../../../shaders/index_select.wgsl"),
    entry: "main",
};

const SUM: Kernel = Kernel {
    label: "sum by index",
    source: include_str!("../../../../shaders/index_sum.wgsl"),
    entry: "main",
};

/// Sizes before, of and behind dimension `axis`, which has size `size`.
pub(super) fn around(shape: &[usize], axis: usize, size: usize) -> [usize; 3] {
    [
        shape[..axis].iter().product(),
        size,
        shape[axis + 1..].iter().product(),
    ]
}

/// Fails unless an input holds indices.
pub(super) fn expect_indices<O: Op>(op: &O, spec: &Spec) -> Result<()> {
    let holds = matches!(spec.dtype, DType::U32 | DType::I32);
    op.expect(spec, "indices of type u32 or i32", holds)
}

/// Slices that a launch adds up: an index that all of them have is the work of one workgroup.
const AT_ONCE: usize = 1 << 13;

impl Op for IndexSelect {
    fn name(&self) -> &'static str {
        self.name
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        expect_indices(self, &inputs[1])?;
        let (source, indices) = (&inputs[0].shape, &inputs[1].shape);
        if source.rank() + indices.rank() > MAX_RANK + 1 {
            return Err(self.misfit(
                inputs,
                format!("the result has more than {MAX_RANK} dimensions"),
            ));
        }
        if source[self.axis] == 0 && indices.elements() > 0 {
            return Err(self.misfit(
                inputs,
                format!("nothing to choose from: dimension {} is empty", self.axis),
            ));
        }
        let shape = source[..self.axis]
            .iter()
            .chain(indices.iter())
            .chain(&source[self.axis + 1..]);
        Ok(smallvec![Spec::new(
            shape.copied().collect(),
            inputs[0].dtype
        )])
    }

    fn takes_half(&self) -> bool {
        true
    }

    fn has_gradient(&self, input: usize) -> bool {
        input == 0
    }

    fn keeps(&self) -> Keeps {
        Keeps::inputs(&[1])
    }

    fn cuts(&self, inputs: &[Spec], _outputs: &[Spec]) -> Vec<Cut> {
        // Indices one part after the other, or what lies before the dimension.
        let before = (0..self.axis).map(|axis| Cut::new([Some(axis), None], [Onto::Along(axis)]));
        let taken = (0..inputs[1].shape.rank())
            .map(|axis| Cut::new([None, Some(axis)], [Onto::Along(self.axis + axis)]));
        before.chain(taken).collect()
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        let (source, indices) = (&inputs[0], inputs[1].slice::<u32>());
        let shape = &source.layout.shape;
        let sizes = around(shape, self.axis, shape[self.axis]);
        index::check(self.name, indices, inputs[1].dtype, sizes[1])?;
        match source.dtype.size() {
            2 => index::select::<u16>(cpu, source.slice(), indices, outputs[0].slice(), sizes),
            _ => index::select::<u32>(cpu, source.slice(), indices, outputs[0].slice(), sizes),
        }
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        let shape = &inputs[0].layout.shape;
        let [_, size, inner] = around(shape, self.axis, shape[self.axis]);
        let elements = outputs[0].shape.elements();
        let half = inputs[0].dtype.size() == 2;
        let words = if half { elements.div_ceil(2) } else { elements };
        let count = inputs[1].layout.shape.elements();
        let number = noted(self.name, inputs[1].dtype);
        let params = [
            elements as u32,
            count as u32,
            inner as u32,
            size as u32,
            number,
        ];
        let defines = [("HALF", half.to_string())];
        let bindings = [
            inputs[0].binding(),
            inputs[1].binding(),
            outputs[0].binding(),
            Binding::read_write(gpu.index_note()?),
        ];
        gpu.launch(&SELECT, &defines, &bindings, &params, groups(words))
    }

    fn gradient(&self, pass: &Pass) -> Result<Gradients> {
        let op = IndexSum {
            name: self.name,
            axis: self.axis,
            size: pass.input_specs[0].shape[self.axis],
            padding: self.padding,
        };
        let gradient = apply_one(op, &[pass.upstream()?, pass.input(1)?])?;
        Ok(smallvec![Some(gradient), None])
    }
}

impl Op for IndexSum {
    fn name(&self) -> &'static str {
        self.name
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        self.expect_float(&inputs[0])?;
        let (source, taken) = (&inputs[0].shape, inputs[1].shape.rank());
        let shape = (source[..self.axis].iter().copied())
            .chain([self.size])
            .chain(source[self.axis + taken..].iter().copied());
        Ok(smallvec![Spec::new(
            shape.collect::<Shape>(),
            inputs[0].dtype
        )])
    }

    fn has_gradient(&self, input: usize) -> bool {
        input == 0 && self.padding.is_none()
    }

    fn keeps(&self) -> Keeps {
        Keeps::inputs(&[1])
    }

    fn cuts(&self, inputs: &[Spec], _outputs: &[Spec]) -> Vec<Cut> {
        let before = (0..self.axis).map(|axis| Cut::new([Some(axis), None], [Onto::Along(axis)]));
        let taken = (0..inputs[1].shape.rank())
            .map(|axis| Cut::new([Some(self.axis + axis), Some(axis)], [Onto::Joined]));
        before.chain(taken).collect()
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        let sizes = around(outputs[0].shape, self.axis, self.size);
        index::sum(
            cpu,
            inputs[0].slice(),
            inputs[1].slice(),
            outputs[0].slice(),
            sizes,
            self.padding,
        );
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        let [outer, size, inner] = around(outputs[0].shape, self.axis, self.size);
        let count = inputs[1].layout.shape.elements();
        gpu.clear(
            outputs[0].buffer,
            0,
            outputs[0].shape.elements() * DType::F32.size(),
        )?;
        let padding = self.padding.unwrap_or(u32::MAX);
        let bindings = [
            inputs[0].binding(),
            inputs[1].binding(),
            outputs[0].binding(),
        ];
        (0..count).step_by(AT_ONCE).try_for_each(|first| {
            let end = (first + AT_ONCE).min(count);
            let sizes = [count, inner, size].map(|size| size as u32);
            let params: Vec<u32> = (sizes.into_iter())
                .chain([padding, first as u32, end as u32])
                .collect();
            let grid = [end - first, inner.div_ceil(256), outer].map(|count| count as u32);
            gpu.launch(&SUM, &[], &bindings, &params, grid)
        })
    }

    fn gradient(&self, pass: &Pass) -> Result<Gradients> {
        let gradient = pass
            .upstream()?
            .take(self.name, self.axis, pass.input(1)?, None)?;
        Ok(smallvec![Some(gradient), None])
    }
}

impl Tensor {
    /// [`Tensor::index_select`] under another name; slice `padding` gets no gradient.
    pub(crate) fn take(
        &self,
        name: &'static str,
        axis: usize,
        indices: &Self,
        padding: Option<u32>,
    ) -> Result<Self> {
        self.axis(name, axis)?;
        let op = IndexSelect {
            name,
            axis,
            padding,
        };
        apply_one(op, &[self, indices])
    }

    /// Slices of dimension `axis`, added up by their index, `[count]`: `size` sums, 0 where there is no slice. There must
    /// be none past the end.
    pub(crate) fn sum_by_index(&self, axis: usize, indices: &Self, size: usize) -> Result<Self> {
        self.axis("index_select", axis)?;
        let op = IndexSum {
            name: "index_select",
            axis,
            size,
            padding: None,
        };
        apply_one(op, &[self, indices])
    }

    /// Slices of dimension `axis`, one for each index of type u32 or i32; the shape of `indices` takes the place of the
    /// dimension. The gradient of a slice that was taken often is the sum in the order of the indices.
    ///
    /// # Errors
    /// [`TensorError::Shape`](crate::TensorError::Shape) if there is no such dimension, or more than six in the result;
    /// [`TensorError::Index`](crate::TensorError::Index) for an index past the end, which on a graphics adapter is found
    /// when something is next read back from it: until then the slice counts as zeros.
    pub fn index_select(&self, axis: usize, indices: &Self) -> Result<Self> {
        self.take("index_select", axis, indices, None)
    }
}

#[cfg(test)]
pub(crate) fn cases() -> Vec<crate::conformance::Case> {
    use crate::conformance::{Array, Case, indices, numbers};
    /// The tensor's shape, the dimension, and the indices' shape and values.
    type Sample = (&'static [usize], usize, &'static [usize], &'static [u32]);
    let samples: [Sample; 7] = [
        (&[5, 3], 0, &[4], &[4, 0, 0, 2]),
        (&[5, 3], 1, &[2, 2], &[2, 1, 1, 0]),
        (&[2, 4, 3], 1, &[3], &[3, 3, 1]),
        (&[7], 0, &[], &[6]),
        (&[3, 2], 0, &[0], &[]),
        (&[4, 0], 0, &[2], &[1, 3]),
        (&[3, 301], 0, &[5], &[2, 0, 2, 2, 0]),
    ];
    let taken = |axis: usize| {
        move |x: &[Array]| {
            let (source, indices) = (&x[0], &x[1]);
            let rank = indices.shape.rank();
            let shape = (source.shape[..axis].iter())
                .chain(indices.shape.iter())
                .chain(&source.shape[axis + 1..]);
            Array::from_fn(shape.copied().collect::<Shape>(), |at| {
                let index = indices.at(&at[axis..axis + rank]) as usize;
                let from = [&at[..axis], &[index], &at[axis + rank..]].concat();
                source.at(&from)
            })
        }
    };
    let mut cases: Vec<Case> = samples
        .into_iter()
        .map(|(shape, axis, places, at)| {
            let input = numbers(shape);
            let input = if shape.contains(&301) {
                input.without_gradient()
            } else {
                input
            };
            Case::new(
                format!("index select of {shape:?} along {axis} at {places:?}"),
                [input, indices(places, at)],
                move |x| x[0].index_select(axis, &x[1]),
                taken(axis),
            )
        })
        .collect();
    // Many slices for few sums, more than a tile of a workgroup.
    let many: Vec<u32> = (0..700).map(|i| i * i % 3).collect();
    cases.push(
        Case::new(
            "gradient of many slices of a few",
            [numbers([3, 2]), indices([700], &many)],
            |x| x[0].index_select(0, &x[1]),
            taken(0),
        )
        .tolerance(1e-5),
    );
    cases.push(Case::new(
        "sum by index",
        [numbers([2, 4, 3]), indices([4], &[2, 0, 2, 4])],
        |x| x[0].sum_by_index(1, &x[1], 5),
        |x| {
            Array::from_fn([2, 5, 3], |at| {
                let slices = (0..4).filter(|&slice| x[1].data[slice] == at[1] as f64);
                slices.map(|slice| x[0].at(&[at[0], slice, at[2]])).sum()
            })
        },
    ));
    cases
}

#[cfg(test)]
mod tests {
    use crate::{Device, Result, Tensor, TensorError};

    #[test]
    fn an_index_past_the_end_is_an_error_with_its_value() -> Result<()> {
        let device = Device::cpu();
        let source = Tensor::new(&[1.0_f32, 2.0, 3.0], [3, 1], &device)?;
        let indices = Tensor::new(&[0_u32, 3], [2], &device)?;
        let refused = source.index_select(0, &indices);
        assert!(matches!(
            refused,
            Err(TensorError::Index {
                op: "index_select",
                index: 3,
                size: 3
            })
        ));
        let indices = Tensor::new(&[0_i32, -2], [2], &device)?;
        let refused = source.embedding(&indices, None);
        assert!(matches!(
            refused,
            Err(TensorError::Index {
                op: "embedding",
                index: -2,
                size: 3
            })
        ));
        Ok(())
    }

    #[test]
    fn shapes_and_types_that_do_not_fit_are_named() -> Result<()> {
        let device = Device::cpu();
        let source = Tensor::zeros([2, 0], &device)?;
        let indices = Tensor::new(&[0_u32], [1], &device)?;
        assert!(matches!(
            source.index_select(2, &indices),
            Err(TensorError::Shape {
                op: "index_select",
                ..
            })
        ));
        assert!(matches!(
            source.index_select(1, &indices),
            Err(TensorError::Shape {
                op: "index_select",
                ..
            })
        ));
        assert!(matches!(
            source.index_select(0, &source),
            Err(TensorError::DType {
                op: "index_select",
                ..
            })
        ));
        Ok(())
    }
}
