//! Sums of squares of many tensors, for a norm over all of them.

use super::{InPlace, apply};
use crate::cpu::{Cpu, simd};
use crate::gpu::{Gpu, Kernel, RowChunk, row_chunks};
use crate::op::{CpuInput, CpuOutput, GpuInput, GpuOutput};
use crate::{Device, Result, Tensor, TensorError};

/// Elements that are summed by one task, or by one workgroup.
const BLOCK: usize = 1 << 14;

/// Writes the sum of squares of each block of the tensor read, from `first` on.
#[derive(Debug)]
struct SquareSums {
    first: usize,
}

const KERNEL: Kernel = Kernel {
    label: "square sums",
    source: include_str!("../../../../shaders/square_sums.wgsl"),
    entry: "main",
};

simd::kernel! {
    fn square_sum<I>(x: &[f32], sum: &mut f32) {
        *sum = simd::reduce(x, 0.0, |sum, x| I::mul_add(x, x, sum), |a, b| a + b);
    }
}

impl InPlace for SquareSums {
    fn name(&self) -> &'static str {
        "square_sums"
    }

    fn misfit(&self, written: &[&mut Tensor], read: &[&Tensor]) -> Option<String> {
        let places = self.first + read[0].elements().div_ceil(BLOCK);
        (places > written[0].elements()).then(|| format!("{places} sums do not fit"))
    }

    fn cpu(&self, cpu: &Cpu, written: &mut [CpuOutput<'_>], read: &[CpuInput<'_>]) -> Result<()> {
        let sums = &mut written[0].slice::<f32>()[self.first..];
        let tasks = sums
            .iter_mut()
            .zip(read[0].slice::<f32>().chunks(BLOCK))
            .collect();
        cpu.threads().each(tasks, |(sum, x)| square_sum(x, sum));
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, written: &[GpuOutput<'_>], read: &[GpuInput<'_>]) -> Result<()> {
        let elements = read[0].layout.shape.elements();
        let limits = gpu.limits();
        let blocks = elements.div_ceil(BLOCK);
        let chunks = match elements * 4 <= limits.max_binding_bytes as usize {
            true => None,
            // Whole blocks: each has a place of its own.
            false => row_chunks(limits, blocks, &[BLOCK * 4]),
        };
        let whole = RowChunk {
            row: 0,
            rows: blocks,
        };
        for chunk in chunks.unwrap_or_else(|| vec![whole]) {
            let first = chunk.row * BLOCK;
            let count = (chunk.rows * BLOCK).min(elements - first);
            let bindings = [
                read[0].binding().part(first * 4, count * 4),
                written[0].binding(),
            ];
            let place = self.first + chunk.row;
            let params = [count, BLOCK, place].map(|size| size as u32);
            let grid = [chunk.rows as u32, 1, 1];
            gpu.launch(&KERNEL, &[], &bindings, &params, grid)?;
        }
        Ok(())
    }
}

/// The sums of squares of blocks of the tensors, in order: their sum is the square of the Euclidean norm of all together.
/// On a graphics adapter nothing waits.
///
/// # Errors
/// [`TensorError::Devices`] for tensors of several devices.
pub fn square_sums(tensors: &[&Tensor], device: &Device) -> Result<Tensor> {
    let blocks: usize = tensors
        .iter()
        .map(|tensor| tensor.elements().div_ceil(BLOCK))
        .sum();
    if u32::try_from(blocks).is_err() {
        return Err(TensorError::Shape {
            op: "square_sums",
            reason: "too many elements".to_owned(),
            shapes: Vec::new(),
        });
    }
    let mut sums = Tensor::zeros([blocks], device)?;
    let mut first = 0;
    for tensor in tensors.iter().filter(|tensor| tensor.elements() > 0) {
        apply(&SquareSums { first }, &mut [&mut sums], &[tensor])?;
        first += tensor.elements().div_ceil(BLOCK);
    }
    Ok(sums)
}

#[cfg(test)]
pub(crate) fn cases() -> Vec<crate::conformance::Case> {
    use crate::conformance::{Array, Case, numbers};
    let sizes: [(&[usize], &[usize]); 4] = [
        (&[3, 5], &[7]),
        (&[1], &[0, 2]),
        (&[33, 1000], &[4, 4096]),
        (&[16385], &[1]),
    ];
    let reference = |x: &[Array]| {
        let blocks = x
            .iter()
            .flat_map(|x| x.data.chunks(BLOCK))
            .map(|block| block.iter().map(|x| x * x).sum());
        let sums: Vec<f64> = blocks.collect();
        Array::new([sums.len()], sums)
    };
    let cases = sizes.into_iter().map(|(a, b)| {
        let inputs = [numbers(a), numbers(b)].map(|input| input.without_gradient());
        let run = |x: &[Tensor]| square_sums(&[&x[0], &x[1]], x[0].device());
        Case::new(
            format!("sums of squares of {a:?} and {b:?}"),
            inputs,
            run,
            reference,
        )
    });
    cases.collect()
}
