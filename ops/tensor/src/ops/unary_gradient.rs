//! The gradients of functions of one number, in one pass over memory.

use smallvec::smallvec;

use super::unary::{Unary, WithFunction};
use crate::Result;
use crate::autograd::Pass;
use crate::cpu::simd;
use crate::cpu::{Cpu, Walk};
use crate::gpu::{Gpu, Kernel};
use crate::launch::{groups, layout_params};
use crate::op::{CpuInput, CpuOutput, Cut, GpuInput, GpuOutput, Gradients, Op, Spec, Specs};

/// Inputs: the argument or the result of the function, and the upstream gradient.
#[derive(Debug)]
pub(crate) struct UnaryGradient {
    pub function: Unary,
}

const KERNEL: Kernel = Kernel {
    label: "unary gradient",
    source: include_str!("../../../../shaders/unary_gradient.wgsl"),
    entry: "main",
};

struct Row<'a> {
    row: &'a mut [f32],
    kept: &'a [f32],
    upstream: &'a [f32],
    strides: [usize; 2],
}

impl WithFunction for Row<'_> {
    #[inline(always)]
    fn call(self, slope: impl Fn(f32) -> f32) {
        crate::cpu::zip_row(
            self.row,
            self.kept,
            self.upstream,
            [0, 0],
            self.strides,
            |kept, upstream| slope(kept) * upstream,
        );
    }
}

simd::kernel! {
    fn apply<I>(function: Unary, row: &mut [f32], kept: &[f32], upstream: &[f32], strides: [usize; 2]) {
        function.with_slope::<I>(Row { row, kept, upstream, strides });
    }
}

impl Op for UnaryGradient {
    fn name(&self) -> &'static str {
        "gradient of a function"
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        Ok(smallvec![inputs[0].clone()])
    }

    fn takes_strides(&self) -> bool {
        true
    }

    fn has_gradient(&self, _input: usize) -> bool {
        false
    }

    fn cuts(&self, inputs: &[Spec], outputs: &[Spec]) -> Vec<Cut> {
        Cut::elements(inputs, &outputs[0])
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        let [kept, upstream] = [0, 1].map(|input| inputs[input].all::<f32>());
        let walk = Walk::new([inputs[0].layout, inputs[1].layout]);
        walk.each_row(cpu, outputs[0].slice(), |row, starts, strides| {
            let (kept, upstream) = (&kept[starts[0]..], &upstream[starts[1]..]);
            apply(self.function, row, kept, upstream, strides);
        });
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        let elements = outputs[0].shape.elements();
        let mut params = vec![elements as u32];
        params.extend(self.function.parameters().map(f32::to_bits));
        params.extend(layout_params([inputs[0].layout, inputs[1].layout]));
        let defines = [("FUNCTION", self.function.function().to_owned())];
        let bindings = [
            inputs[0].binding(),
            inputs[1].binding(),
            outputs[0].binding(),
        ];
        gpu.launch(&KERNEL, &defines, &bindings, &params, groups(elements))
    }

    fn gradient(&self, _pass: &Pass) -> Result<Gradients> {
        Ok(smallvec![None, None])
    }
}

/// It has no gradient of its own: what it computes is checked as the gradient of each function.
#[cfg(test)]
pub(crate) fn cases() -> Vec<crate::conformance::Case> {
    super::unary::cases()
        .into_iter()
        .filter(|case| case.inputs[0].has_gradient)
        .take(1)
        .collect()
}
