//! Ops on tensors that are larger than what a kernel may bind on an adapter: piece by piece, as [`Op::cuts`] says.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::autograd::no_grad;
use crate::gpu::Gpu;
use crate::op::{self, Cut, Onto, Op, Spec};
use crate::shape::Layout;
use crate::storage::{Memory, Storage};
use crate::{DType, Device, Result, Tensor};

/// Bytes that a piece may have: a binding begins at a multiple of the adapter's alignment, before what it is for.
fn most_bytes(gpu: &Gpu) -> usize {
    let limits = gpu.limits();
    let most = usize::try_from(limits.max_binding_bytes).unwrap_or(usize::MAX);
    most.saturating_sub(limits.binding_alignment)
}

/// Bytes from the first to the last element of a view.
fn span(layout: &Layout, dtype: DType) -> usize {
    if layout.shape.elements() == 0 {
        return 0;
    }
    let steps = layout.shape.iter().zip(&layout.strides);
    let last: usize = steps.map(|(&size, &stride)| (size - 1) * stride).sum();
    (last + 1) * dtype.size()
}

/// Bytes of an input as the kernels get it.
fn bytes_of<O: Op>(op: &O, input: &Tensor) -> usize {
    let dtype = match input.dtype().is_half() && !op.takes_half() {
        true => DType::F32,
        false => input.dtype(),
    };
    match op.takes_strides() && dtype == input.dtype() {
        true => span(input.layout(), dtype),
        false => input.elements() * dtype.size(),
    }
}

fn output_bytes(spec: &Spec) -> usize {
    // Halves are computed as single precision by most ops.
    spec.shape.elements() * DType::F32.size().max(spec.dtype.size())
}

/// The first way that makes pieces which follow each other in memory, where a tensor is too large to be bound; none where all
/// fit, or where there is no way.
pub(crate) fn cut<O: Op>(op: &O, gpu: &Gpu, inputs: &[&Tensor], outputs: &[Spec]) -> Option<Cut> {
    let most = most_bytes(gpu);
    let fits = inputs.iter().all(|input| bytes_of(op, input) <= most)
        && outputs.iter().all(|output| output_bytes(output) <= most);
    if fits {
        return None;
    }
    let specs: SmallVec<[Spec; 4]> = inputs.iter().map(|input| input.spec()).collect();
    let follows = |onto: &Onto, output: &Spec| match *onto {
        Onto::Along(axis) => output.shape[..axis].iter().all(|&size| size == 1),
        Onto::Joined => true,
    };
    let cuts = op.cuts(&specs, outputs);
    if let Some(first) = cuts.first().filter(|cut| cut.by_element)
        && lie_alike(inputs, outputs)
    {
        return Some(first.clone());
    }
    let mut cuts = cuts.into_iter().map(|cut| Cut {
        by_element: false,
        ..cut
    });
    cuts.find(|cut| {
        steps(cut, inputs) > 1
            && (cut.outputs.iter().zip(outputs)).all(|(onto, output)| follows(onto, output))
    })
}

/// Whether all are of one shape without gaps, and can be seen as one row of several elements.
fn lie_alike(inputs: &[&Tensor], outputs: &[Spec]) -> bool {
    let shape = &outputs[0].shape;
    shape.elements() > 2
        && inputs
            .iter()
            .all(|input| input.shape() == shape && input.is_contiguous())
}

/// How many steps there are along the dimension that is cut.
fn steps(cut: &Cut, inputs: &[&Tensor]) -> usize {
    let sizes = cut.inputs.iter().zip(inputs).filter_map(|(part, input)| {
        let (axis, per_step) = (*part)?;
        Some(input.shape()[axis] / per_step)
    });
    sizes.min().unwrap_or(1)
}

/// Does an op piece by piece.
pub(crate) fn execute<O: Op>(
    op: &O,
    gpu: &Arc<Gpu>,
    inputs: &[&Tensor],
    specs: &[Spec],
    cut: &Cut,
) -> Result<SmallVec<[Tensor; 2]>> {
    if cut.by_element {
        return execute_as_row(op, gpu, inputs, specs);
    }
    let device = Device::Gpu(Arc::clone(gpu));
    let steps = steps(cut, inputs);
    // Pieces are copied in words, which are two halves; and what pieces give is rounded once they are brought together.
    let is_wide = specs.iter().zip(&cut.outputs).any(|(spec, onto)| {
        let is_odd = spec.shape.elements() / steps % 2 == 1;
        spec.dtype.is_half() && (is_odd || *onto == Onto::Joined)
    });
    let widened = |tensor: Tensor| match is_wide && tensor.dtype().is_half() {
        true => tensor.cast_untracked(DType::F32),
        false => Ok(tensor),
    };
    let stored = |spec: &Spec| match is_wide && spec.dtype.is_half() {
        true => DType::F32,
        false => spec.dtype,
    };
    let storages = specs.iter().zip(&cut.outputs).map(|(spec, onto)| {
        let bytes = spec.shape.elements() * stored(spec).size();
        let storage = (*onto != Onto::Joined).then(|| Storage::allocate(&device, bytes));
        storage.transpose()
    });
    let mut storages = storages.collect::<Result<SmallVec<[Option<Storage>; 3]>>>()?;
    let mut joined: SmallVec<[Option<Tensor>; 3]> = specs.iter().map(|_| None).collect();
    let step = steps.div_ceil(pieces(op, gpu, inputs, specs, cut).clamp(2, steps));
    for start in (0..steps).step_by(step) {
        let count = step.min(steps - start);
        let parts = (cut.inputs.iter().zip(inputs)).map(|(part, input)| match *part {
            Some((axis, per_step)) => {
                let layout = (input.layout()).narrow(axis, start * per_step, count * per_step);
                let part = input.view(layout);
                if op.takes_half() {
                    Ok(part)
                } else {
                    widened(part)
                }
            }
            None if op.takes_half() => Ok(input.detach()),
            None => widened(input.detach()),
        });
        let parts = parts.collect::<Result<SmallVec<[Tensor; 4]>>>()?;
        let parts: SmallVec<[&Tensor; 4]> = parts.iter().collect();
        let part_specs: SmallVec<[Spec; 4]> = parts.iter().map(|part| part.spec()).collect();
        let results = op::execute(op, &parts, &op.outputs(&part_specs)?, &device)?;
        for (place, result) in results.into_iter().enumerate() {
            let result = widened(result)?;
            let per_step = specs[place].shape.elements() / steps * result.dtype().size();
            match (&mut storages[place], joined[place].take()) {
                (Some(storage), _) => copy(gpu, &result, storage, start * per_step)?,
                (None, Some(before)) => {
                    joined[place] = Some(no_grad(|| op.join(&before, &result))?);
                }
                (None, None) => joined[place] = Some(result),
            }
        }
    }
    let outputs = storages.into_iter().zip(joined).zip(specs);
    outputs
        .map(|((storage, joined), spec)| {
            let shape = spec.shape.clone();
            let output = match (storage, joined) {
                (Some(storage), _) => Tensor::from_storage(storage, shape, stored(spec), &device),
                (None, Some(joined)) => joined,
                (None, None) => Tensor::full(0.0, shape, stored(spec), &device)?,
            };
            match output.dtype() == spec.dtype {
                true => Ok(output),
                false => output.cast_untracked(spec.dtype),
            }
        })
        .collect()
}

/// Does an op whose inputs and output lie alike on parts of them, as if they were one row.
fn execute_as_row<O: Op>(
    op: &O,
    gpu: &Arc<Gpu>,
    inputs: &[&Tensor],
    specs: &[Spec],
) -> Result<SmallVec<[Tensor; 2]>> {
    let device = Device::Gpu(Arc::clone(gpu));
    let spec = &specs[0];
    let elements = spec.shape.elements();
    let row = |start: usize, count: usize| {
        let layout = move |input: &Tensor| Layout {
            offset: input.layout().offset + start,
            ..Layout::contiguous([count].into())
        };
        inputs.iter().map(move |input| input.view(layout(input)))
    };
    let storage = Storage::allocate(&device, elements * spec.dtype.size())?;
    // An even number: pieces are copied in words, which may be two halves.
    let step = (most_bytes(gpu) / 8 * 2).max(2);
    for start in (0..elements).step_by(step) {
        let parts: SmallVec<[Tensor; 4]> = row(start, step.min(elements - start)).collect();
        let parts: SmallVec<[&Tensor; 4]> = parts.iter().collect();
        let part_specs: SmallVec<[Spec; 4]> = parts.iter().map(|part| part.spec()).collect();
        let results = op::execute(op, &parts, &op.outputs(&part_specs)?, &device)?;
        copy(gpu, &results[0], &storage, start * spec.dtype.size())?;
    }
    let output = Tensor::from_storage(storage, spec.shape.clone(), spec.dtype, &device);
    Ok([output].into_iter().collect())
}

/// How many pieces the largest tensor that is cut falls into.
fn pieces<O: Op>(op: &O, gpu: &Gpu, inputs: &[&Tensor], specs: &[Spec], cut: &Cut) -> usize {
    let sliced = (cut.inputs.iter().zip(inputs))
        .filter(|(part, _)| part.is_some())
        .map(|(_, input)| bytes_of(op, input));
    let written = (cut.outputs.iter().zip(specs))
        .filter(|(onto, _)| matches!(onto, Onto::Along(_)))
        .map(|(_, spec)| output_bytes(spec));
    let largest = sliced.chain(written).max().unwrap_or(0);
    largest.div_ceil(most_bytes(gpu).max(1))
}

/// Copies a result without gaps to its place in a larger one.
fn copy(gpu: &Gpu, from: &Tensor, to: &Storage, offset: usize) -> Result<()> {
    let bytes = (from.elements() * from.dtype().size()).next_multiple_of(4);
    match (from.storage().memory(), to.memory()) {
        (Memory::Gpu(from), Memory::Gpu(to)) if bytes > 0 => gpu.copy(from, 0, to, offset, bytes),
        _ => Ok(()),
    }
}

/// Of inputs in buffers that are too large to be bound, the part that each has, and how it lies there; nothing where all
/// buffers can be bound, and for ops that bind parts themselves.
pub(crate) fn parts<O: Op>(
    op: &O,
    gpu: &Gpu,
    inputs: &[Tensor],
    outputs: &[Spec],
) -> Vec<(Layout, (usize, usize))> {
    let most = usize::try_from(gpu.limits().max_binding_bytes).unwrap_or(usize::MAX);
    let is_large = |input: &Tensor| match input.storage().memory() {
        Memory::Gpu(buffer) => buffer.bytes() > most,
        Memory::Cpu(_) => false,
    };
    if !inputs.iter().any(is_large) {
        return Vec::new();
    }
    let specs: SmallVec<[Spec; 4]> = inputs.iter().map(Tensor::spec).collect();
    if op.cuts(&specs, outputs).is_empty() {
        return Vec::new();
    }
    let alignment = gpu.limits().binding_alignment;
    let part = |input: &Tensor| {
        let mut layout = input.layout().clone();
        if !is_large(input) {
            return (layout, (0, 0));
        }
        let size = input.dtype().size();
        let begin = layout.offset * size;
        let start = begin / alignment * alignment;
        layout.offset = (begin - start) / size;
        let bytes = (begin - start + span(&layout, input.dtype())).next_multiple_of(4);
        (layout, (start, bytes.max(4)))
    };
    inputs.iter().map(part).collect()
}
