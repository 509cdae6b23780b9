//! Joins tensors along a dimension.

use smallvec::{SmallVec, smallvec};

use super::index_select::around;
use crate::autograd::Pass;
use crate::cpu::Cpu;
use crate::gpu::{Gpu, Kernel};
use crate::launch::groups;
use crate::op::{
    CpuInput, CpuOutput, Cut, GpuInput, GpuOutput, Gradients, Op, Spec, Specs, apply_one,
};
use crate::{Result, Tensor, TensorError};

/// Inputs: as many as there are.
#[derive(Debug)]
pub(crate) struct Concat {
    axis: usize,
    /// Whether a word of two halves never lies in two inputs.
    in_words: bool,
}

const KERNEL: Kernel = Kernel {
    label: "concat",
    source: include_str!("../../../../shaders/concat.wgsl"),
    entry: "main",
};

/// Elements that one task copies.
const TASK: usize = 1 << 16;

impl Op for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        let first = &inputs[0];
        for other in &inputs[1..] {
            if other.dtype != first.dtype {
                self.expect(other, first.dtype.name(), false)?;
            }
            if !super::gather::fits(&first.shape, &other.shape, self.axis) {
                let reason = format!(
                    "the tensors must have the same size in all dimensions but {}",
                    self.axis
                );
                return Err(self.misfit(inputs, reason));
            }
        }
        let size = inputs.iter().map(|input| input.shape[self.axis]).sum();
        Ok(smallvec![Spec::new(
            first.shape.with(self.axis, size),
            first.dtype
        )])
    }

    fn takes_half(&self) -> bool {
        self.in_words
    }

    fn cuts(&self, inputs: &[Spec], outputs: &[Spec]) -> Vec<Cut> {
        Cut::all_but(self.axis, inputs, outputs.len())
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        match inputs[0].dtype.size() {
            2 => self.join::<u16>(cpu, inputs, &mut outputs[0]),
            _ => self.join::<u32>(cpu, inputs, &mut outputs[0]),
        }
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        let shape = outputs[0].shape;
        let [outer, size, inner] = around(shape, self.axis, shape[self.axis]);
        let words = |elements: usize| elements * inputs[0].dtype.size() / 4;
        let mut start = 0;
        for input in inputs {
            let width = words(input.layout.shape[self.axis] * inner);
            if outer == 1 {
                // One behind the other: no kernel, and no limit to what it binds.
                if width > 0 {
                    let (from, to) = (input.buffer, outputs[0].buffer);
                    gpu.copy(from, input.part.0, to, start * 4, width * 4)?;
                }
                start += width;
                continue;
            }
            let params = [
                (outer * width) as u32,
                width as u32,
                words(size * inner) as u32,
                start as u32,
            ];
            let bindings = [input.binding(), outputs[0].binding()];
            gpu.launch(&KERNEL, &[], &bindings, &params, groups(outer * width))?;
            start += width;
        }
        Ok(())
    }

    fn gradient(&self, pass: &Pass) -> Result<Gradients> {
        let upstream = pass.upstream()?;
        let mut start = 0;
        let mut gradients = Gradients::new();
        for (place, spec) in pass.input_specs.iter().enumerate() {
            let size = spec.shape[self.axis];
            let part = || upstream.narrow(self.axis, start, size);
            gradients.push(pass.wants(place).then(part).transpose()?);
            start += size;
        }
        Ok(gradients)
    }
}

impl Concat {
    fn join<T: bytemuck::Pod + Send + Sync>(
        &self,
        cpu: &Cpu,
        inputs: &[CpuInput<'_>],
        output: &mut CpuOutput<'_>,
    ) {
        let [outer, size, inner] = around(output.shape, self.axis, output.shape[self.axis]);
        let parts: SmallVec<[(&[T], usize); 8]> = inputs
            .iter()
            .map(|input| (input.slice::<T>(), input.layout.shape[self.axis] * inner))
            .collect();
        let width = size * inner;
        let mut rest = output.slice::<T>();
        if rest.is_empty() {
            return;
        }
        if width < TASK {
            let rows = TASK / width;
            cpu.threads()
                .chunks_mut(rest, rows * width, |task, results| {
                    for (row, mut result) in (task * rows..).zip(results.chunks_exact_mut(width)) {
                        for (part, width) in &parts {
                            let (to, behind) = result.split_at_mut(*width);
                            to.copy_from_slice(&part[row * width..][..*width]);
                            result = behind;
                        }
                    }
                });
            return;
        }
        let mut pieces = Vec::new();
        for row in 0..outer {
            for (part, width) in &parts {
                let (to, behind) = rest.split_at_mut(*width);
                pieces.extend(
                    to.chunks_mut(TASK)
                        .zip(part[row * width..][..*width].chunks(TASK)),
                );
                rest = behind;
            }
        }
        cpu.threads()
            .each(pieces, |(to, part)| to.copy_from_slice(part));
    }
}

impl Tensor {
    /// The tensors one behind the other along dimension `axis`. All other dimensions have the same sizes, and all tensors
    /// one type.
    ///
    /// # Errors
    /// [`TensorError::Shape`] for no tensor, no such dimension, or sizes that differ; [`TensorError::DType`];
    /// [`TensorError::Devices`].
    pub fn concat(tensors: &[&Self], axis: usize) -> Result<Self> {
        let Some(first) = tensors.first() else {
            return Err(TensorError::Shape {
                op: "concat",
                reason: "needs a tensor".to_owned(),
                shapes: Vec::new(),
            });
        };
        first.axis("concat", axis)?;
        if tensors.len() == 1 {
            return Ok((*first).clone());
        }
        let inner: usize = first.shape()[axis + 1..].iter().product();
        let even = |tensor: &&Self| {
            tensor
                .shape()
                .get(axis)
                .is_none_or(|size| (size * inner).is_multiple_of(2))
        };
        let op = Concat {
            axis,
            in_words: tensors.iter().all(even),
        };
        apply_one(op, tensors)
    }

    /// The tensors, all of one shape, along a new dimension `axis`.
    ///
    /// # Errors
    /// As [`Tensor::concat`].
    pub fn stack(tensors: &[&Self], axis: usize) -> Result<Self> {
        let tensors: Vec<Self> = tensors
            .iter()
            .map(|tensor| tensor.unsqueeze(axis))
            .collect::<Result<_>>()?;
        Self::concat(&tensors.iter().collect::<Vec<_>>(), axis)
    }
}

#[cfg(test)]
pub(crate) fn cases() -> Vec<crate::conformance::Case> {
    use crate::conformance::{Array, Case, indices, numbers};
    let joined = |axis: usize| {
        move |x: &[Array]| {
            let size = x.iter().map(|part| part.shape[axis]).sum();
            Array::from_fn(x[0].shape.with(axis, size), |at| {
                let mut at = at.to_vec();
                for part in x {
                    match at[axis].checked_sub(part.shape[axis]) {
                        Some(behind) => at[axis] = behind,
                        None => return part.at(&at),
                    }
                }
                0.0
            })
        }
    };
    let shapes: [(Vec<&[usize]>, usize); 6] = [
        (vec![&[2, 3], &[4, 3]], 0),
        (vec![&[2, 3], &[2, 1], &[2, 4]], 1),
        (vec![&[2, 4, 3], &[2, 2, 3]], 1),
        (vec![&[0, 2], &[3, 2]], 0),
        (vec![&[5]], 0),
        (vec![&[1, 40_000], &[2, 40_000]], 0),
    ];
    let mut cases: Vec<Case> = shapes
        .into_iter()
        .map(|(shapes, axis)| {
            let large = shapes.iter().any(|shape| shape.contains(&40_000));
            let input = |&shape: &&[usize]| {
                if large {
                    numbers(shape).without_gradient()
                } else {
                    numbers(shape)
                }
            };
            Case::new(
                format!("concat of {shapes:?} along {axis}"),
                shapes.iter().map(input),
                move |x| Tensor::concat(&x.iter().collect::<Vec<_>>(), axis),
                joined(axis),
            )
        })
        .collect();
    cases.push(Case::new(
        "stack",
        [numbers([2, 3]), numbers([2, 3])],
        |x| Tensor::stack(&[&x[0], &x[1]], 1),
        |x| Array::from_fn([2, 2, 3], |at| x[at[1]].at(&[at[0], at[2]])),
    ));
    cases.push(Case::new(
        "concat of integers",
        [indices([2], &[1, 4_000_000]), indices([1], &[7])],
        |x| Tensor::concat(&[&x[0], &x[1]], 0),
        joined(0),
    ));
    cases
}

#[cfg(test)]
mod tests {
    use crate::{DType, Device, Result, Tensor, TensorError};

    #[test]
    fn tensors_that_do_not_fit_are_named() -> Result<()> {
        let device = Device::cpu();
        let (a, b) = (
            Tensor::zeros([2, 3], &device)?,
            Tensor::zeros([2, 4], &device)?,
        );
        assert!(matches!(
            Tensor::concat(&[&a, &b], 0),
            Err(TensorError::Shape { op: "concat", .. })
        ));
        assert!(matches!(
            Tensor::concat(&[&a, &b], 2),
            Err(TensorError::Shape { op: "concat", .. })
        ));
        assert!(matches!(
            Tensor::concat(&[], 0),
            Err(TensorError::Shape { op: "concat", .. })
        ));
        let c = b.cast(DType::BF16)?;
        assert!(matches!(
            Tensor::concat(&[&a, &c], 1),
            Err(TensorError::DType { op: "concat", .. })
        ));
        assert_eq!(Tensor::concat(&[&a, &b], 1)?.shape()[..], [2, 7]);
        Ok(())
    }
}
