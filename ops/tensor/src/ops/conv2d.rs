//! Convolution of images.

mod gradient;

use smallvec::{SmallVec, smallvec};

use self::gradient::{InputGradient, WeightGradient};
use crate::autograd::Pass;
use crate::cpu::Cpu;
use crate::cpu::convolution::{self, Geometry};
use crate::gpu::{Gpu, Kernel};
use crate::launch::groups;
use crate::op::{
    CpuInput, CpuOutput, Cut, GpuInput, GpuOutput, Gradients, Keeps, Onto, Op, Spec, Specs,
    apply_one,
};
use crate::{Result, Shape, Tensor, TensorError};

/// How a filter goes over `N` dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvOptions<const N: usize> {
    /// From an output to the next, in elements of the input.
    pub stride: [usize; N],
    /// Zeros before and behind the input.
    pub padding: [usize; N],
    /// From an element of a filter to the next, in elements of the input.
    pub dilation: [usize; N],
    /// Channels and filters are divided into so many groups, which have nothing to do with each other.
    pub groups: usize,
}

impl<const N: usize> Default for ConvOptions<N> {
    fn default() -> Self {
        Self {
            stride: [1; N],
            padding: [0; N],
            dilation: [1; N],
            groups: 1,
        }
    }
}

/// Inputs: `[batch, channels, height, width]`, the filters, `[filters, channels / groups, height, width]`, and maybe the bias,
/// `[filters]`.
#[derive(Debug)]
pub(crate) struct Conv2d {
    options: ConvOptions<2>,
    has_bias: bool,
}

const FORWARD: Kernel = Kernel {
    label: "conv2d",
    source: include_str!("../../../../shaders/conv2d.wgsl"),
    entry: "forward",
};

fn params(geometry: &Geometry, has_bias: bool) -> Vec<u32> {
    let Geometry {
        batch,
        channels,
        input,
        filters,
        output,
        kernel,
        stride,
        padding,
        dilation,
        groups,
    } = *geometry;
    let mut params = vec![
        batch, channels, input[0], input[1], filters, output[0], output[1],
    ];
    params.extend([kernel[0], kernel[1], groups]);
    params.extend([stride, padding, dilation].concat());
    params.push(usize::from(has_bias));
    params.into_iter().map(|size| size as u32).collect()
}

impl Conv2d {
    fn geometry(&self, x: &Shape, weight: &Shape) -> std::result::Result<Geometry, String> {
        let ConvOptions {
            stride,
            padding,
            dilation,
            groups,
        } = self.options;
        if x.rank() != 4 || weight.rank() != 4 {
            return Err(
                "takes an input [batch, channels, height, width] and a weight [filters, channels / groups, height, width]"
                    .to_owned(),
            );
        }
        let (channels, filters) = (x[1], weight[0]);
        if groups == 0 || channels % groups != 0 || filters % groups != 0 {
            return Err(format!(
                "{groups} groups do not divide {channels} channels and {filters} filters"
            ));
        }
        if weight[1] != channels / groups {
            return Err(format!(
                "filters of {} channels do not fit {channels} channels in {groups} groups",
                weight[1]
            ));
        }
        let mut output = [0; 2];
        for axis in 0..2 {
            let (size, kernel) = (x[axis + 2], weight[axis + 2]);
            if stride[axis] == 0 || dilation[axis] == 0 || kernel == 0 {
                return Err("stride, dilation and filters must be at least 1".to_owned());
            }
            // Past what any tensor holds, whatever the options say.
            let covered = dilation[axis].saturating_mul(kernel - 1).saturating_add(1);
            let padded = padding[axis].saturating_mul(2).saturating_add(size);
            if padded > u32::MAX as usize / 2 || covered > padded {
                return Err(format!(
                    "a filter that covers {covered} does not fit an input of {size} with padding {} on both sides",
                    padding[axis]
                ));
            }
            output[axis] = (padded - covered) / stride[axis] + 1;
        }
        Ok(Geometry {
            batch: x[0],
            channels,
            input: [x[2], x[3]],
            filters,
            output,
            kernel: [weight[2], weight[3]],
            stride,
            padding,
            dilation,
            groups,
        })
    }

    fn known(&self, shapes: [&Shape; 2]) -> Result<Geometry> {
        self.geometry(shapes[0], shapes[1])
            .map_err(|reason| TensorError::Shape {
                op: self.name(),
                reason,
                shapes: shapes.map(Clone::clone).to_vec(),
            })
    }
}

impl Op for Conv2d {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        self.expect_float(&inputs[0])?;
        for other in &inputs[1..] {
            self.expect(
                other,
                inputs[0].dtype.name(),
                other.dtype == inputs[0].dtype,
            )?;
        }
        let geometry = self.geometry(&inputs[0].shape, &inputs[1].shape);
        let geometry = geometry.map_err(|reason| self.misfit(inputs, reason))?;
        if let Some(bias) = inputs.get(2)
            && *bias.shape != [geometry.filters]
        {
            return Err(self.misfit(inputs, "the bias must have a number for each filter"));
        }
        let [height, width] = geometry.output;
        let shape = [geometry.batch, geometry.filters, height, width];
        Ok(smallvec![Spec::new(shape.into(), inputs[0].dtype)])
    }

    fn keeps(&self) -> Keeps {
        Keeps::inputs(&[0, 1])
    }

    fn cuts(&self, inputs: &[Spec], _outputs: &[Spec]) -> Vec<Cut> {
        let of_input = |place| (place == 0).then_some(0);
        vec![Cut::new((0..inputs.len()).map(of_input), [Onto::Along(0)])]
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        let geometry = self.known([&inputs[0].layout.shape, &inputs[1].layout.shape])?;
        let bias = inputs.get(2).map(CpuInput::slice);
        let [x, weight] = [inputs[0].slice(), inputs[1].slice()];
        convolution::convolve(cpu, &geometry, [x, weight], bias, outputs[0].slice());
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        let geometry = self.known([&inputs[0].layout.shape, &inputs[1].layout.shape])?;
        // Without a bias, something must stand in for it.
        let bias = inputs.get(2).unwrap_or(&inputs[1]);
        let [x, weight] = [inputs[0].binding(), inputs[1].binding()];
        let bindings = [x, weight, bias.binding(), outputs[0].binding()];
        let params = params(&geometry, self.has_bias);
        let of_filter = 1 + geometry.kernel[0] * (1 + geometry.kernel[1]);
        let channels = geometry.channels / geometry.groups;
        gpu.check_loops(self.name(), channels * of_filter)?;
        gpu.launch(
            &FORWARD,
            &[],
            &bindings,
            &params,
            groups(outputs[0].shape.elements()),
        )
    }

    fn gradient(&self, pass: &Pass) -> Result<Gradients> {
        let (x, weight, upstream) = (pass.input(0)?, pass.input(1)?, pass.upstream()?);
        let geometry = self.known([x.shape(), weight.shape()])?;
        let of_x = || apply_one(InputGradient { geometry }, &[weight, upstream]);
        let of_weight = || apply_one(WeightGradient { geometry }, &[x, upstream]);
        let mut gradients: Gradients = smallvec![
            pass.wants(0).then(of_x).transpose()?,
            pass.wants(1).then(of_weight).transpose()?,
        ];
        if self.has_bias {
            let of_bias = || {
                upstream
                    .sum_to(&Shape::from([1, geometry.filters, 1, 1]))?
                    .reshape(geometry.filters)
            };
            gradients.push(pass.wants(2).then(of_bias).transpose()?);
        }
        Ok(gradients)
    }
}

impl Tensor {
    /// The cross-correlation of images `[batch, channels, height, width]` with filters `[filters, channels / groups, height,
    /// width]`, plus a bias `[filters]`: `[batch, filters, height, width]`, of which each size is `(size + 2 padding - dilation
    /// (filter - 1) - 1) / stride + 1`.
    ///
    /// # Errors
    /// [`TensorError::Shape`] for shapes that do not fit, and filters larger than the padded image; [`TensorError::DType`].
    pub fn conv2d(
        &self,
        weight: &Self,
        bias: Option<&Self>,
        options: ConvOptions<2>,
    ) -> Result<Self> {
        let op = Conv2d {
            options,
            has_bias: bias.is_some(),
        };
        let mut inputs: SmallVec<[&Self; 3]> = smallvec![self, weight];
        inputs.extend(bias);
        apply_one(op, &inputs)
    }
}

#[cfg(test)]
use crate::conformance::{Array, Case};

/// The sum over a filter, term by term.
#[cfg(test)]
pub(super) fn reference(
    x: &Array,
    weight: &Array,
    bias: Option<&Array>,
    options: ConvOptions<2>,
) -> Array {
    let ConvOptions {
        stride,
        padding,
        dilation,
        groups,
    } = options;
    let size = |axis: usize| {
        let covered = dilation[axis] * (weight.shape[axis + 2] - 1) + 1;
        (x.shape[axis + 2] + 2 * padding[axis] - covered) / stride[axis] + 1
    };
    let (filters, channels) = (weight.shape[0], weight.shape[1]);
    Array::from_fn([x.shape[0], filters, size(0), size(1)], |at| {
        let group = at[1] / (filters / groups);
        let mut sum = bias.map_or(0.0, |bias| bias.at(&[at[1]]));
        for channel in 0..channels {
            for i in 0..weight.shape[2] {
                for j in 0..weight.shape[3] {
                    let row = at[2] * stride[0] + i * dilation[0];
                    let column = at[3] * stride[1] + j * dilation[1];
                    let inside = |place: usize, axis: usize| {
                        place >= padding[axis] && place < padding[axis] + x.shape[axis + 2]
                    };
                    if inside(row, 0) && inside(column, 1) {
                        let place = [
                            at[0],
                            group * channels + channel,
                            row - padding[0],
                            column - padding[1],
                        ];
                        sum += x.at(&place) * weight.at(&[at[1], channel, i, j]);
                    }
                }
            }
        }
        sum
    })
}

#[cfg(test)]
pub(crate) fn cases() -> Vec<Case> {
    use crate::conformance::{Input, numbers};
    let options = |stride, padding, dilation, groups| ConvOptions {
        stride,
        padding,
        dilation,
        groups,
    };
    let ones = [1, 1];
    let cases: [([usize; 4], [usize; 4], ConvOptions<2>); 12] = [
        ([2, 3, 5, 7], [4, 3, 3, 2], ConvOptions::default()),
        ([1, 1, 1, 1], [1, 1, 1, 1], ConvOptions::default()),
        ([2, 4, 5, 6], [6, 2, 3, 3], options([2, 3], [1, 2], ones, 2)),
        // Each channel on its own, with one and with two filters.
        ([2, 3, 6, 5], [3, 1, 3, 3], options(ones, [1, 1], ones, 3)),
        (
            [1, 3, 7, 8],
            [6, 1, 2, 3],
            options([2, 2], [1, 0], [1, 2], 3),
        ),
        // Outputs that see nothing but padding.
        (
            [1, 2, 2, 3],
            [3, 2, 2, 2],
            options([1, 2], [4, 3], [1, 2], 1),
        ),
        (
            [1, 1, 2, 2],
            [1, 1, 2, 3],
            options([3, 1], [5, 2], [3, 1], 1),
        ),
        (
            [1, 2, 7, 6],
            [2, 2, 3, 2],
            options([2, 1], [0, 3], [2, 4], 1),
        ),
        ([3, 4, 3, 3], [2, 4, 1, 1], ConvOptions::default()),
        ([2, 4, 3, 3], [2, 2, 1, 1], options([2, 1], [0, 0], ones, 2)),
        ([0, 2, 3, 3], [2, 2, 3, 3], options(ones, ones, ones, 1)),
        // More patches than exist at once.
        (
            [1, 24, 40, 41],
            [5, 24, 5, 5],
            options(ones, [2, 2], ones, 1),
        ),
    ];
    let mut all = Vec::new();
    for (place, (x, weight, options)) in cases.into_iter().enumerate() {
        for has_bias in [true, false] {
            if has_bias != (place % 2 == 0) && place > 1 {
                continue;
            }
            let large = x.iter().product::<usize>() > 10_000;
            let mut inputs = vec![numbers(x), numbers(weight)];
            inputs.extend(has_bias.then(|| numbers(weight[0])));
            if large {
                inputs = inputs.into_iter().map(Input::without_gradient).collect();
            }
            let case = Case::new(
                format!("conv2d of {x:?} by {weight:?}, {options:?}, bias {has_bias}"),
                inputs,
                move |x| x[0].conv2d(&x[1], x.get(2), options),
                move |x| reference(&x[0], &x[1], x.get(2), options),
            );
            let case = case.tolerance(5e-6);
            all.push(if large {
                case.tolerance(2e-5).not_in_half()
            } else {
                case
            });
        }
    }
    all
}
