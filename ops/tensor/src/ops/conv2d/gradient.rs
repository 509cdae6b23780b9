//! The gradients of a convolution: of its input and of its weight.

use smallvec::smallvec;

use super::params;
use crate::Result;
use crate::autograd::Pass;
use crate::cpu::Cpu;
use crate::cpu::convolution::{self, Geometry};
use crate::gpu::{Gpu, Kernel};
use crate::launch::groups;
use crate::op::{CpuInput, CpuOutput, Cut, GpuInput, GpuOutput, Gradients, Onto, Op, Spec, Specs};

/// Inputs: the filters and the upstream gradient.
#[derive(Debug)]
pub(super) struct InputGradient {
    pub geometry: Geometry,
}

/// Inputs: the image and the upstream gradient.
#[derive(Debug)]
pub(super) struct WeightGradient {
    pub geometry: Geometry,
}

const OF_INPUT: Kernel = Kernel {
    label: "conv2d gradient of the input",
    entry: "of_input",
    ..super::FORWARD
};

const OF_WEIGHT: Kernel = Kernel {
    label: "conv2d gradient of the weight",
    entry: "of_weight",
    ..super::FORWARD
};

/// Elements of the upstream gradient that an invocation adds to a gradient of the weight in one launch.
const AT_ONCE: usize = 1 << 15;

impl Op for InputGradient {
    fn name(&self) -> &'static str {
        "gradient of conv2d's input"
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        let batch = inputs[1].shape[0];
        let Geometry {
            channels,
            input: [height, width],
            ..
        } = self.geometry;
        let shape = [batch, channels, height, width];
        Ok(smallvec![Spec::new(shape.into(), inputs[0].dtype)])
    }

    fn has_gradient(&self, _input: usize) -> bool {
        false
    }

    fn cuts(&self, _inputs: &[Spec], _outputs: &[Spec]) -> Vec<Cut> {
        vec![Cut::new([None, Some(0)], [Onto::Along(0)])]
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        let inputs = [inputs[0].slice(), inputs[1].slice()];
        convolution::gradient_of_input(cpu, &self.geometry, inputs, outputs[0].slice());
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        let geometry = &Geometry {
            batch: inputs[1].layout.shape[0],
            ..self.geometry
        };
        let of_filter = 1 + geometry.kernel[0] * (1 + geometry.kernel[1]);
        let filters = geometry.filters / geometry.groups;
        gpu.check_loops(self.name(), filters * of_filter)?;
        let [weight, upstream] = [inputs[0].binding(), inputs[1].binding()];
        let bindings = [weight, upstream, weight, outputs[0].binding()];
        let groups = groups(outputs[0].shape.elements());
        gpu.launch(&OF_INPUT, &[], &bindings, &params(geometry, false), groups)
    }

    fn gradient(&self, _pass: &Pass) -> Result<Gradients> {
        Ok(Gradients::new())
    }
}

impl Op for WeightGradient {
    fn name(&self) -> &'static str {
        "gradient of conv2d's weight"
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        let Geometry {
            channels,
            filters,
            kernel: [height, width],
            groups,
            ..
        } = self.geometry;
        let shape = [filters, channels / groups, height, width];
        Ok(smallvec![Spec::new(shape.into(), inputs[0].dtype)])
    }

    fn has_gradient(&self, _input: usize) -> bool {
        false
    }

    fn cuts(&self, _inputs: &[Spec], _outputs: &[Spec]) -> Vec<Cut> {
        vec![Cut::new([Some(0), Some(0)], [Onto::Joined])]
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        let inputs = [inputs[0].slice(), inputs[1].slice()];
        convolution::gradient_of_weight(cpu, &self.geometry, inputs, outputs[0].slice());
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        let geometry = &Geometry {
            batch: inputs[0].layout.shape[0],
            ..self.geometry
        };
        let [x, upstream] = [inputs[0].binding(), inputs[1].binding()];
        let bindings = [x, upstream, x, outputs[0].binding()];
        let groups = groups(outputs[0].shape.elements());
        let results = geometry.batch * geometry.output[0] * geometry.output[1];
        // Without results there is one launch as well, which writes zeros.
        (0..results.max(1)).step_by(AT_ONCE).try_for_each(|first| {
            let mut params = params(geometry, false);
            let end = (first + AT_ONCE).min(results);
            params.extend([first as u32, end as u32]);
            gpu.launch(&OF_WEIGHT, &[], &bindings, &params, groups)
        })
    }

    fn gradient(&self, _pass: &Pass) -> Result<Gradients> {
        Ok(Gradients::new())
    }
}
