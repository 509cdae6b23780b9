//! Copies a view into memory without gaps.

use smallvec::smallvec;

use crate::Result;
use crate::autograd::Pass;
use crate::cpu::{Cpu, Walk};
use crate::gpu::{Gpu, Kernel};
use crate::launch::{groups, layout_params};
use crate::op::{CpuInput, CpuOutput, Cut, GpuInput, GpuOutput, Gradients, Op, Spec, Specs};

/// See the module.
#[derive(Debug)]
pub(crate) struct Copy;

const KERNEL: Kernel = Kernel {
    label: "copy",
    source: include_str!("../../../../shaders/copy.wgsl"),
    entry: "main",
};

impl Op for Copy {
    fn name(&self) -> &'static str {
        "contiguous"
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        Ok(smallvec![inputs[0].clone()])
    }

    fn takes_strides(&self) -> bool {
        true
    }

    fn takes_half(&self) -> bool {
        true
    }

    fn cuts(&self, inputs: &[Spec], outputs: &[Spec]) -> Vec<Cut> {
        Cut::elements(inputs, &outputs[0])
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        match inputs[0].dtype.size() {
            2 => copy::<u16>(cpu, &inputs[0], &mut outputs[0]),
            _ => copy::<u32>(cpu, &inputs[0], &mut outputs[0]),
        }
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        let (input, output) = (&inputs[0], &outputs[0]);
        let elements = output.shape.elements();
        let half = input.dtype.size() == 2;
        // A word is written by one invocation: halves are copied in pairs.
        let words = if half { elements.div_ceil(2) } else { elements };
        let mut params = vec![elements as u32];
        params.extend(layout_params([input.layout]));
        let (fetch, word_elements) = if half { ("pair", "2") } else { ("word", "1") };
        let defines = [
            ("FETCH", fetch.to_owned()),
            ("WORD_ELEMENTS", word_elements.to_owned()),
        ];
        let bindings = [input.binding(), output.binding()];
        gpu.launch(&KERNEL, &defines, &bindings, &params, groups(words))
    }

    fn gradient(&self, pass: &Pass) -> Result<Gradients> {
        Ok(smallvec![Some(pass.upstream()?.clone())])
    }
}

fn copy<T: bytemuck::Pod + Send + Sync>(
    cpu: &Cpu,
    input: &CpuInput<'_>,
    output: &mut CpuOutput<'_>,
) {
    let source = input.all::<T>();
    Walk::new([input.layout]).each_row(
        cpu,
        output.slice(),
        |row, [start], [stride]| match stride {
            1 => row.copy_from_slice(&source[start..start + row.len()]),
            0 => row.fill(source[start]),
            _ => {
                for (place, value) in row.iter_mut().enumerate() {
                    *value = source[start + place * stride];
                }
            }
        },
    );
}

#[cfg(test)]
pub(crate) fn cases() -> Vec<crate::conformance::Case> {
    use crate::conformance::{Array, Case, numbers};
    let shapes: [&[usize]; 5] = [&[], &[1], &[3, 5, 7], &[2, 0, 3], &[2, 3, 1, 2, 3, 2]];
    let turned = |x: &[Array]| {
        let x = &x[0];
        let reversed: Vec<usize> = x.shape.iter().rev().copied().collect();
        Array::from_fn(&reversed[..], |at| {
            x.at(&at.iter().rev().copied().collect::<Vec<_>>())
        })
    };
    shapes
        .into_iter()
        .map(|shape| {
            let order: Vec<usize> = (0..shape.len()).rev().collect();
            let run = move |x: &[crate::Tensor]| x[0].permute(&order)?.contiguous();
            Case::new(
                format!("contiguous of {shape:?}, turned"),
                [numbers(shape)],
                run,
                turned,
            )
        })
        .collect()
}
