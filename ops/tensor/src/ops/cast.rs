//! Converts between types of elements.

use half::{bf16, f16};
use smallvec::smallvec;

#[cfg(test)]
use crate::Tensor;
use crate::autograd::Pass;
use crate::cpu::{Cpu, Walk};
use crate::gpu::{Gpu, Kernel};
use crate::launch::{groups, layout_params};
use crate::op::{CpuInput, CpuOutput, Cut, GpuInput, GpuOutput, Gradients, Op, Spec, Specs};
use crate::{DType, Result};

/// To another type. Rounds to the nearest, ties to even; cuts fractions for integers; anything but 0 is true.
#[derive(Debug)]
pub(crate) struct Cast {
    pub to: DType,
}

const KERNEL: Kernel = Kernel {
    label: "cast",
    source: include_str!("../../../../shaders/cast.wgsl"),
    entry: "main",
};

impl Op for Cast {
    fn name(&self) -> &'static str {
        "cast"
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        Ok(smallvec![Spec::new(inputs[0].shape.clone(), self.to)])
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
        let (input, output) = (&inputs[0], &mut outputs[0]);
        match input.dtype {
            DType::F32 => from::<f32>(cpu, self.to, input, output, |value| value),
            DType::F16 => from::<f16>(cpu, self.to, input, output, f16::to_f32),
            DType::BF16 => from::<bf16>(cpu, self.to, input, output, bf16::to_f32),
            DType::U32 | DType::Bool if !self.to.is_float() => {
                integers(cpu, self.to, input, output, |value: u32| value)
            }
            DType::I32 if !self.to.is_float() => {
                integers(cpu, self.to, input, output, |value: i32| value as u32)
            }
            DType::U32 | DType::Bool => {
                from(cpu, self.to, input, output, |value: u32| value as f32)
            }
            DType::I32 => from(cpu, self.to, input, output, |value: i32| value as f32),
        }
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        let (input, output) = (&inputs[0], &outputs[0]);
        let elements = output.shape.elements();
        let words = elements.div_ceil(if self.to.is_half() { 2 } else { 1 });
        let mut params = vec![elements as u32];
        params.extend(layout_params([input.layout]));
        let exact = !input.dtype.is_float() && matches!(self.to, DType::U32 | DType::I32);
        let defines = [
            ("FROM", input.dtype.name().to_owned()),
            ("TO", self.to.name().to_owned()),
            ("EXACT", exact.to_string()),
            (
                "WORD_ELEMENTS",
                if self.to.is_half() { "2" } else { "1" }.to_owned(),
            ),
        ];
        let bindings = [input.binding(), output.binding()];
        gpu.launch(&KERNEL, &defines, &bindings, &params, groups(words))
    }

    fn has_gradient(&self, _input: usize) -> bool {
        self.to.is_float()
    }

    fn gradient(&self, pass: &Pass) -> Result<Gradients> {
        Ok(smallvec![Some(
            pass.upstream()?.cast(pass.input_specs[0].dtype)?
        )])
    }
}

fn from<T: bytemuck::Pod + Send + Sync>(
    cpu: &Cpu,
    to: DType,
    input: &CpuInput<'_>,
    output: &mut CpuOutput<'_>,
    read: impl Fn(T) -> f32 + Sync,
) {
    match to {
        DType::F32 => convert(cpu, input, output, &read),
        DType::F16 => convert(cpu, input, output, |value| f16::from_f32(read(value))),
        DType::BF16 => convert(cpu, input, output, |value| bf16::from_f32(read(value))),
        DType::U32 => convert(cpu, input, output, |value| read(value) as u32),
        DType::I32 => convert(cpu, input, output, |value| read(value) as i32),
        DType::Bool => convert(cpu, input, output, |value| u32::from(read(value) != 0.0)),
    }
}

/// Between integers, which f32 does not hold exactly.
fn integers<T: bytemuck::Pod + Send + Sync>(
    cpu: &Cpu,
    to: DType,
    input: &CpuInput<'_>,
    output: &mut CpuOutput<'_>,
    read: impl Fn(T) -> u32 + Sync,
) {
    match to {
        DType::Bool => convert(cpu, input, output, |value| u32::from(read(value) != 0)),
        _ => convert(cpu, input, output, read),
    }
}

fn convert<T, U>(
    cpu: &Cpu,
    input: &CpuInput<'_>,
    output: &mut CpuOutput<'_>,
    f: impl Fn(T) -> U + Sync,
) where
    T: bytemuck::Pod + Send + Sync,
    U: bytemuck::Pod + Send + Sync,
{
    let source = input.all::<T>();
    Walk::new([input.layout]).each_row(cpu, output.slice::<U>(), |row, [start], [stride]| {
        match stride {
            1 => row
                .iter_mut()
                .zip(&source[start..])
                .for_each(|(to, &value)| *to = f(value)),
            _ => row
                .iter_mut()
                .enumerate()
                .for_each(|(place, to)| *to = f(source[start + place * stride])),
        }
    });
}

#[cfg(test)]
pub(crate) fn cases() -> Vec<crate::conformance::Case> {
    use crate::conformance::{Case, indices, mask, numbers, these};
    let rounded = |dtype: DType| {
        move |x: f64| match dtype {
            DType::F16 => f16::from_f64(x).to_f64(),
            DType::BF16 => bf16::from_f32(x as f32).to_f64(),
            _ => x,
        }
    };
    let mut cases = Vec::new();
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        // Odd numbers of elements: the last word of halves is not full.
        cases.push(
            Case::new(
                format!("numbers as {dtype}"),
                [numbers([3, 5])],
                move |x| x[0].cast(dtype)?.cast(DType::F32),
                |x| x[0].clone(),
            )
            .tolerance(if dtype.is_half() { 4e-3 } else { 0.0 }),
        );
        let values = [0.1, -3.7, 1e-3, 12345.0, 0.0, f64::NAN, f64::INFINITY];
        cases.push(
            Case::new(
                format!("rounding to {dtype}"),
                [these([7], &values).without_gradient()],
                move |x| x[0].cast(dtype),
                move |x| x[0].map(|x| rounded(dtype)(f64::from(x as f32))),
            )
            .tolerance(1e-7)
            .not_in_half(),
        );
        cases.push(Case::new(
            format!("integers as {dtype}"),
            [indices([3], &[0, 7, 250])],
            move |x| x[0].cast(dtype),
            |x| x[0].clone(),
        ));
    }
    let integers = these([5], &[-3.7, 2.9, 0.0, -0.5, 100.0]).without_gradient();
    cases.push(
        Case::new(
            "numbers as i32",
            [integers.clone()],
            |x| x[0].cast(DType::I32),
            |x| x[0].map(f64::trunc),
        )
        .not_in_half(),
    );
    cases.push(
        Case::new(
            "numbers as bool",
            [integers],
            |x| x[0].cast(DType::Bool),
            |x| x[0].map(|x| f64::from(x != 0.0)),
        )
        .not_in_half(),
    );
    cases.push(Case::new(
        "a mask as numbers",
        [mask([9])],
        |x| x[0].cast(DType::F32),
        |x| x[0].clone(),
    ));
    cases.push(Case::new(
        "integers beyond single precision as i32",
        [indices([2, 1], &[16_777_217, 3])],
        |x| {
            x[0].cast(DType::I32)?
                .sub(&Tensor::new(&[16_777_216_i32], 1, x[0].device())?)
        },
        |x| x[0].map(|x| x - 16_777_216.0),
    ));
    cases
}
