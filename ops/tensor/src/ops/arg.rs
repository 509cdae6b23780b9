//! Where the largest or the smallest element of a dimension is.

use smallvec::smallvec;

use super::index_select::around;
use crate::autograd::Pass;
use crate::cpu::{Cpu, order};
use crate::gpu::{Gpu, Kernel};
use crate::launch::groups;
use crate::op::{
    CpuInput, CpuOutput, Cut, GpuInput, GpuOutput, Gradients, Onto, Op, Spec, Specs, apply_one,
};
use crate::{DType, Result, Tensor};

/// See the module.
#[derive(Debug)]
pub(crate) struct Arg {
    axis: usize,
    smallest: bool,
}

/// One invocation a result.
const COLUMNS: Kernel = Kernel {
    label: "place of extremes in columns",
    source: include_str!("../../../../shaders/arg.wgsl"),
    entry: "columns",
};

/// One workgroup a result.
const ROWS: Kernel = Kernel {
    label: "place of extremes in rows",
    entry: "rows",
    ..COLUMNS
};

/// Elements of a column from which on a workgroup shares them.
const LONG: usize = 1 << 12;

impl Op for Arg {
    fn name(&self) -> &'static str {
        if self.smallest { "argmin" } else { "argmax" }
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        self.expect_float(&inputs[0])?;
        let shape = &inputs[0].shape;
        let result = shape.without(self.axis);
        if shape[self.axis] == 0 && result.elements() > 0 {
            return Err(self.misfit(
                inputs,
                format!("nothing to choose from: dimension {} is empty", self.axis),
            ));
        }
        Ok(smallvec![Spec::new(result, DType::U32)])
    }

    fn cuts(&self, inputs: &[Spec], _outputs: &[Spec]) -> Vec<Cut> {
        let others = (0..inputs[0].shape.rank()).filter(|&axis| axis != self.axis);
        let along = |axis| {
            let of_result = axis - usize::from(axis > self.axis);
            Cut::new([Some(axis)], [Onto::Along(of_result)])
        };
        others.map(along).collect()
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        let shape = &inputs[0].layout.shape;
        let [_, count, inner] = around(shape, self.axis, shape[self.axis]);
        order::extreme_places(
            cpu,
            inputs[0].slice(),
            outputs[0].slice(),
            [count, inner],
            self.smallest,
        );
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        let shape = &inputs[0].layout.shape;
        let [_, count, inner] = around(shape, self.axis, shape[self.axis]);
        let results = outputs[0].shape.elements();
        let params = [
            results as u32,
            count as u32,
            inner as u32,
            u32::from(self.smallest),
        ];
        let bindings = [inputs[0].binding(), outputs[0].binding()];
        let long = if inner == 1 { 64 } else { LONG };
        let (kernel, groups) = match count >= long {
            true => (&ROWS, [results as u32, 1, 1]),
            false => (&COLUMNS, groups(results)),
        };
        gpu.launch(kernel, &[], &bindings, &params, groups)
    }

    fn gradient(&self, _pass: &Pass) -> Result<Gradients> {
        Ok(smallvec![None])
    }
}

impl Tensor {
    /// The index of the largest element of dimension `axis`, which goes; of type u32. Of equal elements the first; what is
    /// not a number counts as larger than all.
    ///
    /// # Errors
    /// [`TensorError::Shape`](crate::TensorError::Shape) if there is no such dimension, or nothing in it;
    /// [`TensorError::DType`](crate::TensorError::DType) for integers and masks.
    pub fn argmax(&self, axis: usize) -> Result<Self> {
        self.axis("argmax", axis)?;
        let op = Arg {
            axis,
            smallest: false,
        };
        apply_one(op, &[self])
    }

    /// The index of the smallest element; what is not a number counts as smaller than all. Else as [`Tensor::argmax`].
    ///
    /// # Errors
    /// As [`Tensor::argmax`].
    pub fn argmin(&self, axis: usize) -> Result<Self> {
        self.axis("argmin", axis)?;
        let op = Arg {
            axis,
            smallest: true,
        };
        apply_one(op, &[self])
    }
}

#[cfg(test)]
pub(crate) fn cases() -> Vec<crate::conformance::Case> {
    use crate::conformance::{Array, Case, numbers, these};
    let shapes: [(&[usize], usize); 6] = [
        (&[5, 3], 0),
        (&[5, 3], 1),
        (&[2, 7, 4], 1),
        (&[3, 700], 1),
        (&[0, 2], 1),
        (&[1], 0),
    ];
    let first = |smallest: bool| {
        move |row: &[f64]| {
            let better = |a: f64, b: f64| {
                (a.is_nan() && !b.is_nan()) || if smallest { a < b } else { a > b }
            };
            (1..row.len()).fold(0, |best, place| {
                if better(row[place], row[best]) {
                    place
                } else {
                    best
                }
            }) as f64
        }
    };
    let mut cases = Vec::new();
    for smallest in [false, true] {
        let run = move |x: &Tensor, axis| {
            if smallest {
                x.argmin(axis)
            } else {
                x.argmax(axis)
            }
        };
        for (shape, axis) in shapes {
            cases.push(Case::new(
                format!("argmin ({smallest}) or argmax of {shape:?} along {axis}"),
                [numbers(shape).without_gradient()],
                move |x| run(&x[0], axis),
                move |x: &[Array]| x[0].reduce(&[axis], first(smallest)),
            ));
        }
        let odd = [
            0.0,
            -0.0,
            1.0,
            1.0,
            f64::NAN,
            f64::NAN,
            f64::INFINITY,
            -1.0,
            f64::NEG_INFINITY,
            f64::NEG_INFINITY,
        ];
        cases.push(Case::new(
            format!("argmin ({smallest}) or argmax with ties and what is no number"),
            [these([5, 2], &odd).without_gradient()],
            move |x| run(&x[0], 1),
            move |x: &[Array]| x[0].reduce(&[1], first(smallest)),
        ));
    }
    cases
}

#[cfg(test)]
mod tests {
    use crate::{Device, Result, Tensor, TensorError};

    #[test]
    fn nothing_has_no_largest_element() -> Result<()> {
        let device = Device::cpu();
        let empty = Tensor::zeros([3, 0], &device)?;
        assert!(matches!(
            empty.argmax(1),
            Err(TensorError::Shape { op: "argmax", .. })
        ));
        assert!(matches!(
            empty.argmin(2),
            Err(TensorError::Shape { op: "argmin", .. })
        ));
        let integers = Tensor::new(&[1_u32, 2], [2], &device)?;
        assert!(matches!(
            integers.argmax(0),
            Err(TensorError::DType { op: "argmax", .. })
        ));
        Ok(())
    }
}
