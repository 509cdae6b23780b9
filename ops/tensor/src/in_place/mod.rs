//! What changes tensors where they lie: the updates of optimisers. They read gradients and are never differentiated
//! themselves. A new one is its file, its shader and a line in the list below.

use std::fmt;

use smallvec::SmallVec;

use crate::cpu::Cpu;
use crate::gpu::{Binding, Gpu, RowChunk};
use crate::op::{CpuInput, CpuOutput, GpuInput, GpuOutput};
use crate::{DType, Device, Result, Tensor, TensorError};

macro_rules! rooms {
    ($($name:ident),+ $(,)?) => {
        $(mod $name;)+

        /// The files, with their cases.
        #[cfg(test)]
        pub(crate) const ROOMS: &[(&str, fn() -> Vec<crate::conformance::Case>)] =
            &[$((stringify!($name), $name::cases)),+];
    };
}

rooms! {
    adamw,
    sgd,
    square_sums,
}

pub use adamw::AdamW;
pub use sgd::Sgd;
pub use square_sums::square_sums;

/// An update with its parameters: a kernel for each device. Everything that it writes to holds f32 without gaps; what it
/// reads comes as f32 without gaps, too.
trait InPlace: fmt::Debug {
    /// As it is called in messages.
    fn name(&self) -> &'static str;

    /// What does not fit, if anything.
    fn misfit(&self, written: &[&mut Tensor], read: &[&Tensor]) -> Option<String>;

    fn cpu(&self, cpu: &Cpu, written: &mut [CpuOutput<'_>], read: &[CpuInput<'_>]) -> Result<()>;

    fn gpu(&self, gpu: &Gpu, written: &[GpuOutput<'_>], read: &[GpuInput<'_>]) -> Result<()>;
}

/// Runs an update. Memory that other tensors share is copied first, so these keep their values.
fn apply<O: InPlace>(op: &O, written: &mut [&mut Tensor], read: &[&Tensor]) -> Result<()> {
    check(op, written, read)?;
    let Some(device) = written.first().map(|tensor| tensor.device().clone()) else {
        return Ok(());
    };
    let read: SmallVec<[Tensor; 2]> = (read.iter())
        .map(|tensor| {
            let tensor = tensor.detach().cast_untracked(DType::F32)?;
            match tensor.is_contiguous() && tensor.layout().offset == 0 {
                true => Ok(tensor),
                false => tensor.copy_untracked(),
            }
        })
        .collect::<Result<_>>()?;
    let shapes: SmallVec<[_; 3]> = written
        .iter()
        .map(|tensor| tensor.shape().clone())
        .collect();
    let mut storages = (written.iter_mut())
        .map(|tensor| tensor.storage_mut())
        .collect::<Result<SmallVec<[_; 3]>>>()?;
    match &device {
        Device::Cpu(cpu) => {
            let mut outputs: SmallVec<[CpuOutput<'_>; 3]> = (storages.iter_mut())
                .zip(&shapes)
                .filter_map(|(storage, shape)| CpuOutput::new(storage, shape))
                .collect();
            let read: SmallVec<[_; 2]> = read.iter().filter_map(Tensor::cpu_input).collect();
            op.cpu(cpu, &mut outputs, &read)
        }
        Device::Gpu(gpu) => {
            let outputs: SmallVec<[GpuOutput<'_>; 3]> = (storages.iter())
                .zip(&shapes)
                .filter_map(|(storage, shape)| GpuOutput::new(storage, shape))
                .collect();
            let read: SmallVec<[_; 2]> = read.iter().filter_map(Tensor::gpu_input).collect();
            op.gpu(gpu, &outputs, &read)
        }
    }
}

fn check<O: InPlace>(op: &O, written: &[&mut Tensor], read: &[&Tensor]) -> Result<()> {
    let written_ones = written.iter().map(|tensor| &**tensor);
    if let Some(found) = written_ones
        .clone()
        .find(|tensor| tensor.dtype() != DType::F32)
    {
        return Err(TensorError::DType {
            op: op.name(),
            expected: "tensors of f32 to change",
            found: found.dtype(),
        });
    }
    if written_ones.clone().any(Tensor::is_computed) {
        return Err(TensorError::Backward {
            reason: format!(
                "{} would change a result that a backward pass may need; detach it first",
                op.name()
            ),
        });
    }
    let mut all = written_ones.chain(read.iter().copied());
    if let Some(first) = all.next()
        && let Some(other) = all.find(|tensor| !tensor.device().is(first.device()))
    {
        return Err(TensorError::Devices {
            op: op.name(),
            first: first.device().to_string(),
            second: other.device().to_string(),
        });
    }
    match op.misfit(written, read) {
        None => Ok(()),
        Some(reason) => Err(TensorError::Shape {
            op: op.name(),
            reason,
            shapes: (written.iter().map(|tensor| tensor.shape()))
                .chain(read.iter().map(|tensor| tensor.shape()))
                .cloned()
                .collect(),
        }),
    }
}

/// All but the last of `read` must be as large as what is written; the last is one number, the scale of the gradient.
fn misfit_of_update(written: &[&mut Tensor], read: &[&Tensor]) -> Option<String> {
    let [gradient, scale] = read else {
        return Some("takes a gradient and its scale".to_owned());
    };
    let same = written
        .iter()
        .all(|tensor| tensor.shape() == gradient.shape());
    if !same {
        return Some(
            "the parameter, what is kept of it and its gradient must have one shape".to_owned(),
        );
    }
    (scale.elements() != 1).then(|| "the scale of the gradient must be one number".to_owned())
}

/// Elements that one task handles.
const TASK: usize = 1 << 15;

/// The part of a binding that holds the elements of a chunk.
fn part(binding: Binding<'_>, chunk: RowChunk) -> Binding<'_> {
    binding.part(chunk.row * 4, chunk.rows * 4)
}
