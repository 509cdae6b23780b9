//! Comparisons of two tensors, and logic on masks.

use smallvec::smallvec;

use crate::autograd::Pass;
use crate::cpu::{Cpu, Walk, zip_row};
use crate::gpu::{Gpu, Kernel};
use crate::launch::{groups, layout_params};
use crate::op::{
    CpuInput, CpuOutput, Cut, GpuInput, GpuOutput, Gradients, Op, Spec, Specs, apply_one,
};
use crate::{DType, Result, Tensor};

/// What is asked of two elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compare {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
}

const KERNEL: Kernel = Kernel {
    label: "compare",
    source: include_str!("../../../../shaders/compare.wgsl"),
    entry: "main",
};

impl Op for Compare {
    fn name(&self) -> &'static str {
        match self {
            Self::Equal => "eq",
            Self::NotEqual => "ne",
            Self::Less => "lt",
            Self::LessOrEqual => "le",
            Self::Greater => "gt",
            Self::GreaterOrEqual => "ge",
            Self::And => "and",
            Self::Or => "or",
        }
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        if matches!(self, Self::And | Self::Or) {
            self.expect(&inputs[0], "masks", inputs[0].dtype == DType::Bool)?;
        }
        Ok(smallvec![Spec::new(
            super::broadcast(self, inputs)?,
            DType::Bool
        )])
    }

    fn takes_strides(&self) -> bool {
        true
    }

    fn cuts(&self, inputs: &[Spec], outputs: &[Spec]) -> Vec<Cut> {
        Cut::elements(inputs, &outputs[0])
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        let (a, b, output) = (&inputs[0], &inputs[1], &mut outputs[0]);
        macro_rules! of_type {
            ($type:ty) => {{
                let layouts = [
                    a.layout.broadcast(output.shape),
                    b.layout.broadcast(output.shape),
                ];
                let (a, b) = (a.all::<$type>(), b.all::<$type>());
                let zero = <$type>::default();
                Walk::new([&layouts[0], &layouts[1]]).each_row(
                    cpu,
                    output.slice::<u32>(),
                    |row, starts, strides| match self {
                        Self::Equal => {
                            zip_row(row, a, b, starts, strides, |a, b| u32::from(a == b))
                        }
                        Self::NotEqual => {
                            zip_row(row, a, b, starts, strides, |a, b| u32::from(a != b))
                        }
                        Self::Less => zip_row(row, a, b, starts, strides, |a, b| u32::from(a < b)),
                        Self::LessOrEqual => {
                            zip_row(row, a, b, starts, strides, |a, b| u32::from(a <= b))
                        }
                        Self::Greater => {
                            zip_row(row, a, b, starts, strides, |a, b| u32::from(a > b))
                        }
                        Self::GreaterOrEqual => {
                            zip_row(row, a, b, starts, strides, |a, b| u32::from(a >= b))
                        }
                        Self::And => zip_row(row, a, b, starts, strides, |a, b| {
                            u32::from(a != zero && b != zero)
                        }),
                        Self::Or => zip_row(row, a, b, starts, strides, |a, b| {
                            u32::from(a != zero || b != zero)
                        }),
                    },
                );
            }};
        }
        match a.dtype {
            DType::I32 => of_type!(i32),
            DType::U32 | DType::Bool => of_type!(u32),
            _ => of_type!(f32),
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
        ];
        let bindings = [a.binding(), b.binding(), output.binding()];
        gpu.launch(&KERNEL, &defines, &bindings, &params, groups(elements))
    }

    fn gradient(&self, _pass: &Pass) -> Result<Gradients> {
        Ok(smallvec![None, None])
    }
}

impl Tensor {
    /// Where two tensors are equal.
    ///
    /// # Errors
    /// [`TensorError`](crate::TensorError) for shapes that do not broadcast, and types that differ.
    pub fn eq(&self, other: &Self) -> Result<Self> {
        apply_one(Compare::Equal, &[self, other])
    }

    /// Where two tensors differ.
    ///
    /// # Errors
    /// As [`Tensor::eq`].
    pub fn ne(&self, other: &Self) -> Result<Self> {
        apply_one(Compare::NotEqual, &[self, other])
    }

    /// Where this tensor is less than the other.
    ///
    /// # Errors
    /// As [`Tensor::eq`].
    pub fn lt(&self, other: &Self) -> Result<Self> {
        apply_one(Compare::Less, &[self, other])
    }

    /// Where this tensor is less than the other, or equal.
    ///
    /// # Errors
    /// As [`Tensor::eq`].
    pub fn le(&self, other: &Self) -> Result<Self> {
        apply_one(Compare::LessOrEqual, &[self, other])
    }

    /// Where this tensor is greater than the other.
    ///
    /// # Errors
    /// As [`Tensor::eq`].
    pub fn gt(&self, other: &Self) -> Result<Self> {
        apply_one(Compare::Greater, &[self, other])
    }

    /// Where this tensor is greater than the other, or equal.
    ///
    /// # Errors
    /// As [`Tensor::eq`].
    pub fn ge(&self, other: &Self) -> Result<Self> {
        apply_one(Compare::GreaterOrEqual, &[self, other])
    }

    /// Where both masks are true.
    ///
    /// # Errors
    /// As [`Tensor::eq`]; for tensors that are no masks.
    pub fn and(&self, other: &Self) -> Result<Self> {
        apply_one(Compare::And, &[self, other])
    }

    /// Where one mask or both are true.
    ///
    /// # Errors
    /// As [`Tensor::and`].
    pub fn or(&self, other: &Self) -> Result<Self> {
        apply_one(Compare::Or, &[self, other])
    }

    /// Where a mask is false.
    ///
    /// # Errors
    /// As [`Tensor::and`].
    pub fn not(&self) -> Result<Self> {
        self.eq(&Self::from_bools(&[false], (), self.device())?)
    }
}

#[cfg(test)]
pub(crate) fn cases() -> Vec<crate::conformance::Case> {
    use crate::conformance::{Case, indices, mask, these};
    type Run = fn(&Tensor, &Tensor) -> Result<Tensor>;
    type Test = fn(&f64, &f64) -> bool;
    type Logic = fn(f64, f64) -> f64;
    let comparisons: [(&str, Run, Test); 6] = [
        ("eq", Tensor::eq, |a, b| a == b),
        ("ne", Tensor::ne, |a, b| a != b),
        ("lt", Tensor::lt, |a, b| a < b),
        ("le", Tensor::le, |a, b| a <= b),
        ("gt", Tensor::gt, |a, b| a > b),
        ("ge", Tensor::ge, |a, b| a >= b),
    ];
    let mut cases = Vec::new();
    for (name, run, reference) in comparisons {
        let floats = || {
            let left = these([2, 4], &[1.0, -1.0, 0.5, 3.0, f64::NAN, 2.0, 0.0, -2.5]);
            [left, these([4], &[1.0, 1.0, 0.25, f64::NAN])].map(|input| input.without_gradient())
        };
        let integers = [
            indices([3, 1], &[1, 5, 4_000_000_000]),
            indices([2], &[5, 4_000_000_000]),
        ];
        for (kind, inputs) in [("numbers", floats()), ("integers", integers)] {
            cases.push(Case::new(
                format!("{name} of {kind}"),
                inputs,
                move |x| run(&x[0], &x[1]),
                move |x| x[0].zip(&x[1], |a, b| f64::from(reference(&a, &b))),
            ));
        }
    }
    let logic: [(&str, Run, Logic); 2] =
        [("and", Tensor::and, f64::min), ("or", Tensor::or, f64::max)];
    for (name, run, reference) in logic {
        cases.push(Case::new(
            name,
            [mask([7, 9]), mask([9])],
            move |x| run(&x[0], &x[1]),
            move |x| x[0].zip(&x[1], reference),
        ));
    }
    cases.push(Case::new(
        "not",
        [mask([5, 3])],
        |x| x[0].not(),
        |x| x[0].map(|x| 1.0 - x),
    ));
    cases
}
