//! Reductions over dimensions: sums, means, extremes, log-sum-exp and norms.

use smallvec::smallvec;

use crate::autograd::Pass;
use crate::cpu::{Cpu, reduce as kernels};
use crate::gpu::{Binding, Gpu, GpuBuffer, Kernel};
use crate::op::{
    CpuInput, CpuOutput, Cut, GpuInput, GpuOutput, Gradients, Keeps, Onto, Op, Spec, Specs,
    apply_one,
};
use crate::{DType, Device, Result, Shape, Tensor, TensorError};

/// How many numbers become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reduce {
    Sum,
    Mean,
    Max,
    Min,
    LogSumExp,
    /// The Euclidean norm.
    Norm,
}

/// One invocation a result.
const COLUMNS: Kernel = Kernel {
    label: "reduce columns",
    source: include_str!("../../../../shaders/reduce.wgsl"),
    entry: "columns",
};

/// One workgroup a result.
const ROWS: Kernel = Kernel {
    entry: "rows",
    label: "reduce rows",
    ..COLUMNS
};

/// The op reduces the middle of three dimensions, `[outer, count, inner]`, to `[outer, inner]`; [`Tensor::reduce`]
/// brings every other case to this one by views.
impl Op for Reduce {
    fn name(&self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Mean => "mean",
            Self::Max => "max",
            Self::Min => "min",
            Self::LogSumExp => "logsumexp",
            Self::Norm => "norm",
        }
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        self.expect_float(&inputs[0])?;
        let shape = &inputs[0].shape;
        if shape[1] == 0 && matches!(self, Self::Max | Self::Min) && shape.without(1).elements() > 0
        {
            return Err(self.misfit(
                inputs,
                "nothing to choose from: a reduced dimension is empty",
            ));
        }
        Ok(smallvec![Spec::new(shape.without(1), inputs[0].dtype)])
    }

    fn keeps(&self) -> Keeps {
        match self {
            Self::Sum | Self::Mean => Keeps::NOTHING,
            _ => Keeps {
                inputs: &[0],
                outputs: &[0],
            },
        }
    }

    fn cuts(&self, _inputs: &[Spec], _outputs: &[Spec]) -> Vec<Cut> {
        let along = [(0, 0), (2, 1)];
        let mut cuts = along
            .map(|(axis, of_result)| Cut::new([Some(axis)], [Onto::Along(of_result)]))
            .to_vec();
        // A mean of means would have to be weighted.
        if *self != Self::Mean {
            cuts.push(Cut::new([Some(1)], [Onto::Joined]));
        }
        cuts
    }

    fn join(&self, one: &Tensor, other: &Tensor) -> Result<Tensor> {
        match self {
            Self::Sum | Self::Mean => one.add(other),
            Self::Max => one.maximum(other),
            Self::Min => one.minimum(other),
            Self::LogSumExp | Self::Norm => Tensor::stack(&[one, other], 0)?.reduce(*self, &[0]),
        }
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        let shape = &inputs[0].layout.shape;
        let sizes = [shape[0], shape[1], shape[2]];
        kernels::reduce(cpu, *self, inputs[0].slice(), outputs[0].slice(), sizes);
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        let shape = &inputs[0].layout.shape;
        let sizes = [shape[0], shape[1], shape[2]];
        self.launch(gpu, inputs[0].binding(), outputs[0].binding(), sizes)
    }

    fn gradient(&self, pass: &Pass) -> Result<Gradients> {
        let shape = &pass.input_specs[0].shape;
        let spread = |tensor: &Tensor| tensor.unsqueeze(1)?.broadcast_to(shape);
        let upstream = spread(pass.upstream()?)?;
        let gradient = match self {
            Self::Sum => upstream,
            Self::Mean => upstream.affine(1.0 / shape[1] as f32, 0.0)?,
            // As in PyTorch's amax, equal extremes share the gradient.
            Self::Max | Self::Min => {
                let input = pass.input(0)?;
                let chosen = input.eq(&spread(pass.output(0)?)?)?.cast(input.dtype())?;
                let shared = chosen.div(&spread(&chosen.reduce(Self::Sum, &[1])?)?)?;
                upstream.mul(&shared)?
            }
            Self::LogSumExp => {
                upstream.mul(&pass.input(0)?.sub(&spread(pass.output(0)?)?)?.exp()?)?
            }
            // The norm has no slope at the origin; 0 is a subgradient.
            Self::Norm => {
                let norm = spread(pass.output(0)?)?;
                let zero = norm.eq(&Tensor::full(0.0, (), norm.dtype(), norm.device())?)?;
                let direction = pass.input(0)?.div(&norm.masked_fill(&zero, 1.0)?)?;
                upstream.mul(&direction)?
            }
        };
        Ok(smallvec![Some(gradient)])
    }
}

/// Results that have an invocation each make an adapter busy; fewer are cut into blocks.
const BUSY: usize = 1 << 16;

impl Reduce {
    /// From `[outer, count, inner]` to `[outer, inner]`: at once, or to the results of blocks, which are reduced in turn. So
    /// many invocations share the work of few results, and none goes through more than some thousand elements.
    pub(super) fn launch(
        self,
        gpu: &Gpu,
        from: Binding<'_>,
        to: Binding<'_>,
        [outer, count, inner]: [usize; 3],
    ) -> Result<()> {
        let mut sizes = [outer, count, inner];
        let mut source: Option<GpuBuffer> = None;
        loop {
            let input = source.as_ref().map_or(from, Binding::read);
            let is_first = source.is_none();
            let block = Self::block(sizes);
            let blocks = sizes[1].div_ceil(block.max(1)).max(1);
            let counts = [blocks, block, count];
            if blocks == 1 {
                return self.stage(gpu, [input, to], sizes, counts, is_first, true);
            }
            let results = gpu.allocate(outer * blocks * inner * 4)?;
            let output = Binding::read_write(&results);
            self.stage(gpu, [input, output], sizes, counts, is_first, false)?;
            sizes[1] = blocks;
            source = Some(results);
        }
    }

    /// Elements of a block, all of them where they are few or the results many.
    fn block([outer, count, inner]: [usize; 3]) -> usize {
        if is_in_rows([outer, count, inner]) {
            // 64 elements of each invocation of a workgroup.
            let block = 1 << 14;
            return if count <= 2 * block { count } else { block };
        }
        if count <= 256 {
            return count;
        }
        let blocks = (BUSY / (outer * inner).max(1)).clamp(1, count / 64);
        count.div_ceil(blocks).min(1 << 13)
    }

    fn stage(
        self,
        gpu: &Gpu,
        bindings: [Binding<'_>; 2],
        sizes: [usize; 3],
        [blocks, block, of]: [usize; 3],
        is_first: bool,
        is_last: bool,
    ) -> Result<()> {
        let [outer, count, inner] = sizes;
        let (term, join, finish) = match self {
            Self::Sum => ("itself", "add", "itself"),
            Self::Mean => ("itself", "add", "mean"),
            Self::Max => ("itself", "max", "itself"),
            Self::Min => ("itself", "min", "itself"),
            Self::LogSumExp => ("exponential", "add", "logarithm"),
            Self::Norm => ("square", "add", "root"),
        };
        // Logarithms are joined as logarithms; means and norms are sums until the end.
        let is_logarithm = self == Self::LogSumExp;
        let term = if is_first || is_logarithm {
            term
        } else {
            "itself"
        };
        let finish = if is_last || is_logarithm {
            finish
        } else {
            "itself"
        };
        let defines = [
            ("TERM", term.to_owned()),
            ("JOIN", join.to_owned()),
            ("FINISH", finish.to_owned()),
            ("EXTREME", (join != "add").to_string()),
            ("NEEDS_TOP", is_logarithm.to_string()),
        ];
        let results = outer * blocks * inner;
        let params = [results, count, inner, blocks, block, of].map(|size| size as u32);
        // Few long rows need many invocations each; many results have enough of their own.
        let (kernel, groups) = match is_in_rows(sizes) {
            true => (&ROWS, [results as u32, 1, 1]),
            false => (&COLUMNS, crate::launch::groups(results)),
        };
        gpu.launch(kernel, &defines, &bindings, &params, groups)
    }
}

/// Whether a tensor is past what a kernel may bind.
fn is_cut(tensor: &Tensor) -> bool {
    let bytes = (tensor.elements() * DType::F32.size()) as u64;
    matches!(tensor.device(), Device::Gpu(gpu) if bytes > gpu.limits().max_binding_bytes)
}

fn is_in_rows([_, count, inner]: [usize; 3]) -> bool {
    inner == 1 && count >= 64
}

impl Tensor {
    /// Reduces dimensions, which go.
    fn reduce(&self, kind: Reduce, axes: &[usize]) -> Result<Self> {
        if !self.dtype().is_float() {
            // Counts of masks and sums of integers are wanted as numbers.
            return self.cast(DType::F32)?.reduce(kind, axes);
        }
        let mut axes = axes.to_vec();
        axes.sort_unstable();
        for (place, &axis) in axes.iter().enumerate() {
            self.axis(kind.name(), axis)?;
            if place > 0 && axes[place - 1] == axis {
                return Err(TensorError::Shape {
                    op: kind.name(),
                    reason: format!("dimension {axis} is named twice"),
                    shapes: vec![self.shape().clone()],
                });
            }
        }
        let kept: Vec<usize> = (0..self.rank())
            .filter(|axis| !axes.contains(axis))
            .collect();
        let shape: Shape = kept.iter().map(|&axis| self.shape()[axis]).collect();
        let neighbours = axes.windows(2).all(|pair| pair[0] + 1 == pair[1]);
        let product = |axes: &[usize]| axes.iter().map(|&axis| self.shape()[axis]).product();
        let count: usize = product(&axes);
        let before = axes.first().copied().unwrap_or(self.rank());
        let (ordered, [outer, inner]): (Self, [usize; 2]) = if neighbours {
            let outer = self.shape()[..before].iter().product();
            let inner = self.shape()[before + axes.len()..].iter().product();
            (self.clone(), [outer, inner])
        } else {
            let order: Vec<usize> = kept.iter().chain(&axes).copied().collect();
            (self.permute(&order)?, [shape.elements(), 1])
        };
        let ordered = ordered.reshape([outer, count, inner])?;
        if kind == Reduce::Mean && is_cut(&ordered) {
            let sum = apply_one(Reduce::Sum, &[&ordered])?.reshape(shape)?;
            return sum.affine(1.0 / count as f32, 0.0);
        }
        apply_one(kind, &[&ordered])?.reshape(shape)
    }

    /// The sum over dimensions, which go. An empty dimension sums to 0.
    ///
    /// # Errors
    /// [`TensorError::Shape`] for dimensions that do not exist or are named twice.
    pub fn sum(&self, axes: &[usize]) -> Result<Self> {
        self.reduce(Reduce::Sum, axes)
    }

    /// The sum of all elements.
    ///
    /// # Errors
    /// [`TensorError::OutOfMemory`].
    pub fn sum_all(&self) -> Result<Self> {
        self.sum(&self.all_axes())
    }

    /// The mean over dimensions, which go.
    ///
    /// # Errors
    /// As [`Tensor::sum`].
    pub fn mean(&self, axes: &[usize]) -> Result<Self> {
        self.reduce(Reduce::Mean, axes)
    }

    /// The mean of all elements.
    ///
    /// # Errors
    /// [`TensorError::OutOfMemory`].
    pub fn mean_all(&self) -> Result<Self> {
        self.mean(&self.all_axes())
    }

    /// The largest element over dimensions, which go.
    ///
    /// # Errors
    /// As [`Tensor::sum`], and for empty dimensions.
    pub fn max(&self, axes: &[usize]) -> Result<Self> {
        self.reduce(Reduce::Max, axes)
    }

    /// The smallest element over dimensions, which go.
    ///
    /// # Errors
    /// As [`Tensor::max`].
    pub fn min(&self, axes: &[usize]) -> Result<Self> {
        self.reduce(Reduce::Min, axes)
    }

    /// The logarithm of the sum of exponentials over dimensions, which go.
    ///
    /// # Errors
    /// As [`Tensor::sum`].
    pub fn logsumexp(&self, axes: &[usize]) -> Result<Self> {
        self.reduce(Reduce::LogSumExp, axes)
    }

    /// The Euclidean norm over dimensions, which go.
    ///
    /// # Errors
    /// As [`Tensor::sum`].
    pub fn norm(&self, axes: &[usize]) -> Result<Self> {
        self.reduce(Reduce::Norm, axes)
    }

    fn all_axes(&self) -> Vec<usize> {
        (0..self.rank()).collect()
    }
}

#[cfg(test)]
pub(crate) fn cases() -> Vec<crate::conformance::Case> {
    use crate::conformance::{Case, numbers};
    type Run = fn(&Tensor, &[usize]) -> Result<Tensor>;
    let sum = |x: &[f64]| x.iter().sum();
    type Reference = fn(&[f64]) -> f64;
    let kinds: [(&str, Run, Reference); 6] = [
        ("sum", Tensor::sum, sum),
        ("mean", Tensor::mean, |x| {
            x.iter().sum::<f64>() / x.len() as f64
        }),
        ("max", Tensor::max, |x| {
            x.iter().copied().fold(f64::NEG_INFINITY, f64::max)
        }),
        ("min", Tensor::min, |x| {
            x.iter().copied().fold(f64::INFINITY, f64::min)
        }),
        ("logsumexp", Tensor::logsumexp, |x| {
            x.iter().map(|x| x.exp()).sum::<f64>().ln()
        }),
        ("norm", Tensor::norm, |x| {
            x.iter().map(|x| x * x).sum::<f64>().sqrt()
        }),
    ];
    let shapes: [(&[usize], &[usize], bool); 10] = [
        (&[3, 5], &[1], true),
        (&[3, 5], &[0], true),
        (&[2, 3, 4], &[1], true),
        (&[2, 3, 4, 2], &[0, 3], true),
        (&[2, 3], &[0, 1], true),
        (&[3, 2], &[], true),
        (&[3, 100], &[1], false),
        (&[2, 70_000], &[1], false),
        (&[500, 130], &[0], false),
        (&[70_001, 3], &[0], false),
    ];
    let mut cases = Vec::new();
    for (name, run, reference) in kinds {
        for (shape, axes, has_gradient) in shapes {
            let input = match has_gradient {
                true => numbers(shape),
                false => numbers(shape).without_gradient(),
            };
            let what = format!("{name} of {shape:?} over {axes:?}");
            let case = Case::new(
                what,
                [input],
                move |x| run(&x[0], axes),
                move |x| x[0].reduce(axes, reference),
            );
            // The numbers are multiples of 1/128, so extremes are shared: their gradients are not those of differences.
            let ties = matches!(name, "max" | "min");
            cases.push(if ties {
                without_ties(case, shape)
            } else {
                case
            });
        }
    }
    cases.push(Case::new(
        "sum over nothing",
        [numbers([3, 0])],
        |x| x[0].sum(&[1]),
        move |x| x[0].reduce(&[1], sum),
    ));
    cases
}

#[cfg(test)]
fn without_ties(case: crate::conformance::Case, shape: &[usize]) -> crate::conformance::Case {
    use crate::conformance::{Case, these};
    let elements: usize = shape.iter().product();
    if elements > 1000 {
        return case;
    }
    let values: Vec<f64> = (0..elements)
        .map(|place| (place * 37 % elements) as f64 / 8.0 - 2.0)
        .collect();
    let has_gradient = case.inputs[0].has_gradient;
    let input = these(shape, &values);
    let input = if has_gradient {
        input
    } else {
        input.without_gradient()
    };
    Case {
        inputs: vec![input],
        ..case
    }
}
