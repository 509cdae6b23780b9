//! Arithmetic on two tensors, element by element, stretched as in NumPy.

use smallvec::smallvec;

use crate::autograd::Pass;
use crate::cpu::{Cpu, Walk, zip_row};
use crate::gpu::{Gpu, Kernel};
use crate::launch::{groups, layout_params};
use crate::op::{
    CpuInput, CpuOutput, Cut, GpuInput, GpuOutput, Gradients, Keeps, Op, Spec, Specs, apply_one,
};
use crate::{DType, Result, Tensor};

/// What is done with two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Maximum,
    Minimum,
}

const KERNEL: Kernel = Kernel {
    label: "binary",
    source: include_str!("../../../../shaders/binary.wgsl"),
    entry: "main",
};

impl Op for Binary {
    fn name(&self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Subtract => "sub",
            Self::Multiply => "mul",
            Self::Divide => "div",
            Self::Maximum => "maximum",
            Self::Minimum => "minimum",
        }
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        Ok(smallvec![Spec::new(
            super::broadcast(self, inputs)?,
            inputs[0].dtype
        )])
    }

    fn takes_strides(&self) -> bool {
        true
    }

    fn keeps(&self) -> Keeps {
        match self {
            Self::Add | Self::Subtract => Keeps::NOTHING,
            _ => Keeps::inputs(&[0, 1]),
        }
    }

    fn cuts(&self, inputs: &[Spec], outputs: &[Spec]) -> Vec<Cut> {
        Cut::elements(inputs, &outputs[0])
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        let (a, b, output) = (&inputs[0], &inputs[1], &mut outputs[0]);
        macro_rules! each {
            ($type:ty, $f:expr) => {{
                let layouts = [
                    a.layout.broadcast(output.shape),
                    b.layout.broadcast(output.shape),
                ];
                let (a, b) = (a.all::<$type>(), b.all::<$type>());
                Walk::new([&layouts[0], &layouts[1]]).each_row(
                    cpu,
                    output.slice::<$type>(),
                    |row, starts, strides| {
                        zip_row(row, a, b, starts, strides, $f);
                    },
                );
            }};
        }
        macro_rules! of_type {
            ($type:ty, $add:expr, $sub:expr, $mul:expr, $div:expr) => {
                match self {
                    Self::Add => each!($type, $add),
                    Self::Subtract => each!($type, $sub),
                    Self::Multiply => each!($type, $mul),
                    Self::Divide => each!($type, $div),
                    Self::Maximum => each!($type, |a, b| if a > b || b != b { a } else { b }),
                    Self::Minimum => each!($type, |a, b| if a < b || b != b { a } else { b }),
                }
            };
        }
        match a.dtype {
            DType::I32 => of_type!(
                i32,
                i32::wrapping_add,
                i32::wrapping_sub,
                i32::wrapping_mul,
                |a, b| { if b == 0 { 0 } else { a.wrapping_div(b) } }
            ),
            DType::U32 | DType::Bool => {
                of_type!(
                    u32,
                    u32::wrapping_add,
                    u32::wrapping_sub,
                    u32::wrapping_mul,
                    |a, b| { a.checked_div(b).unwrap_or(0) }
                )
            }
            _ => of_type!(f32, |a, b| a + b, |a, b| a - b, |a, b| a * b, |a, b| a / b),
        }
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        let (a, b, output) = (&inputs[0], &inputs[1], &outputs[0]);
        let elements = output.shape.elements();
        let layouts = [
            a.layout.broadcast(output.shape),
            b.layout.broadcast(output.shape),
        ];
        let mut params = vec![elements as u32];
        params.extend(layout_params([&layouts[0], &layouts[1]]));
        let defines = [
            ("TYPE", super::wgsl_type(a.dtype).to_owned()),
            ("FUNCTION", self.name().to_owned()),
            ("INTEGER", (!a.dtype.is_float()).to_string()),
        ];
        let bindings = [a.binding(), b.binding(), output.binding()];
        gpu.launch(&KERNEL, &defines, &bindings, &params, groups(elements))
    }

    fn gradient(&self, pass: &Pass) -> Result<Gradients> {
        let upstream = pass.upstream()?;
        let of = |place: usize, full: &dyn Fn() -> Result<Tensor>| {
            let shape = &pass.input_specs[place].shape;
            pass.wants(place).then(|| full()?.sum_to(shape)).transpose()
        };
        Ok(match self {
            Self::Add => smallvec![
                of(0, &|| Ok(upstream.clone()))?,
                of(1, &|| Ok(upstream.clone()))?
            ],
            Self::Subtract => {
                smallvec![of(0, &|| Ok(upstream.clone()))?, of(1, &|| upstream.neg())?]
            }
            Self::Multiply => {
                let (a, b) = (pass.input(0)?, pass.input(1)?);
                smallvec![of(0, &|| upstream.mul(b))?, of(1, &|| upstream.mul(a))?]
            }
            Self::Divide => {
                let (a, b) = (pass.input(0)?, pass.input(1)?);
                smallvec![
                    of(0, &|| upstream.div(b))?,
                    of(1, &|| upstream.mul(a)?.div(&b.mul(b)?)?.neg())?
                ]
            }
            // As in PyTorch, equal numbers share the gradient.
            Self::Maximum | Self::Minimum => {
                let (a, b) = (pass.input(0)?, pass.input(1)?);
                let (first, second) = match self {
                    Self::Maximum => (a.gt(b)?, b.gt(a)?),
                    _ => (a.lt(b)?, b.lt(a)?),
                };
                let tie = a.eq(b)?.cast(a.dtype())?.affine(0.5, 0.0)?;
                let share = |wins: &Tensor| upstream.mul(&wins.cast(a.dtype())?.add(&tie)?);
                smallvec![of(0, &|| share(&first))?, of(1, &|| share(&second))?]
            }
        })
    }
}

impl Tensor {
    /// The sum of two tensors.
    ///
    /// # Errors
    /// [`TensorError`](crate::TensorError) for shapes that do not broadcast, and types that differ.
    pub fn add(&self, other: &Self) -> Result<Self> {
        apply_one(Binary::Add, &[self, other])
    }

    /// The difference of two tensors.
    ///
    /// # Errors
    /// As [`Tensor::add`].
    pub fn sub(&self, other: &Self) -> Result<Self> {
        apply_one(Binary::Subtract, &[self, other])
    }

    /// The product of two tensors, element by element.
    ///
    /// # Errors
    /// As [`Tensor::add`].
    pub fn mul(&self, other: &Self) -> Result<Self> {
        apply_one(Binary::Multiply, &[self, other])
    }

    /// The quotient of two tensors. Integers divided by 0 give 0.
    ///
    /// # Errors
    /// As [`Tensor::add`].
    pub fn div(&self, other: &Self) -> Result<Self> {
        apply_one(Binary::Divide, &[self, other])
    }

    /// The larger of two numbers; the other one if one is not a number. Equal ones share the gradient.
    ///
    /// # Errors
    /// As [`Tensor::add`].
    pub fn maximum(&self, other: &Self) -> Result<Self> {
        apply_one(Binary::Maximum, &[self, other])
    }

    /// The smaller of two numbers; the other one if one is not a number. Equal ones share the gradient.
    ///
    /// # Errors
    /// As [`Tensor::add`].
    pub fn minimum(&self, other: &Self) -> Result<Self> {
        apply_one(Binary::Minimum, &[self, other])
    }
}

#[cfg(test)]
pub(crate) fn cases() -> Vec<crate::conformance::Case> {
    use crate::conformance::{Case, Input, between, indices, numbers};
    type Run = fn(&Tensor, &Tensor) -> Result<Tensor>;
    type Reference = fn(f64, f64) -> f64;
    let functions: [(&str, Run, Reference); 6] = [
        ("add", Tensor::add, |a, b| a + b),
        ("sub", Tensor::sub, |a, b| a - b),
        ("mul", Tensor::mul, |a, b| a * b),
        ("div", Tensor::div, |a, b| a / b),
        ("maximum", Tensor::maximum, f64::max),
        ("minimum", Tensor::minimum, f64::min),
    ];
    let mut cases = Vec::new();
    for (name, run, reference) in functions {
        // Away from 0, by which nothing is divided.
        let right = |shape: &[usize]| between(shape, 0.5, 2.0);
        let shapes: [(&str, [Input; 2]); 6] = [
            ("same shapes", [numbers([3, 5, 7]), right(&[3, 5, 7])]),
            ("a row", [numbers([4, 6]), right(&[6])]),
            ("both stretched", [numbers([2, 1, 3]), right(&[5, 1])]),
            ("scalars", [numbers(()), right(&[])]),
            ("nothing", [numbers([0, 3]), right(&[3])]),
            (
                "many",
                [numbers([2, 300, 70]), right(&[1, 70])].map(Input::without_gradient),
            ),
        ];
        for (shapes, inputs) in shapes {
            cases.push(Case::new(
                format!("{name} of {shapes}"),
                inputs,
                move |x| run(&x[0], &x[1]),
                move |x| x[0].zip(&x[1], reference),
            ));
        }
        let [a, b] = [
            indices([5], &[7, 0, 2, 9, 4]),
            indices([5], &[2, 3, 2, 0, 1]),
        ];
        let integer = move |a: f64, b: f64| match name {
            "div" if b == 0.0 => 0.0,
            "div" => (a / b).floor(),
            "sub" => f64::from((a as u32).wrapping_sub(b as u32) as f32),
            _ => reference(a, b),
        };
        cases.push(Case::new(
            format!("{name} of integers"),
            [a, b],
            move |x| run(&x[0], &x[1]),
            move |x| x[0].zip(&x[1], integer),
        ));
    }
    cases
}
