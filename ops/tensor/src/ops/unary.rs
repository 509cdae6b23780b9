//! Functions of one number, element by element.

use smallvec::smallvec;

use super::unary_gradient::UnaryGradient;
use crate::autograd::Pass;
use crate::cpu::simd::{self, Isa};
use crate::cpu::{Cpu, Walk, math};
use crate::gpu::{Gpu, Kernel};
use crate::launch::{groups, layout_params};
use crate::op::{
    CpuInput, CpuOutput, Cut, GpuInput, GpuOutput, Gradients, Keeps, Op, Spec, Specs, apply_one,
};
use crate::{Result, Tensor};

/// The functions, some with parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Unary {
    Exp,
    Log,
    Sqrt,
    Reciprocal,
    Abs,
    Square,
    Sin,
    Cos,
    Tanh,
    Sigmoid,
    Relu,
    /// `x Φ(x)` by the error function (Hendrycks & Gimpel 2016).
    Gelu,
    /// The same by the hyperbolic tangent, as GPT-2 has it.
    GeluTanh,
    Silu,
    /// `scale * x + shift`.
    Affine {
        scale: f32,
        shift: f32,
    },
    Clamp {
        low: f32,
        high: f32,
    },
    Power {
        exponent: f32,
    },
}

const KERNEL: Kernel = Kernel {
    label: "unary",
    source: include_str!("../../../../shaders/unary.wgsl"),
    entry: "main",
};

impl Unary {
    pub fn function(self) -> &'static str {
        match self {
            Self::Exp => "exp",
            Self::Log => "log",
            Self::Sqrt => "sqrt",
            Self::Reciprocal => "reciprocal",
            Self::Abs => "abs",
            Self::Square => "square",
            Self::Sin => "sin",
            Self::Cos => "cos",
            Self::Tanh => "tanh",
            Self::Sigmoid => "sigmoid",
            Self::Relu => "relu",
            Self::Gelu => "gelu",
            Self::GeluTanh => "gelu_tanh",
            Self::Silu => "silu",
            Self::Affine { .. } => "affine",
            Self::Clamp { .. } => "clamp",
            Self::Power { .. } => "power",
        }
    }

    /// The function's parameters, as shaders get them.
    pub fn parameters(self) -> [f32; 2] {
        match self {
            Self::Affine { scale, shift } => [scale, shift],
            Self::Clamp { low, high } => [low, high],
            Self::Power { exponent } => [exponent, 0.0],
            _ => [0.0; 2],
        }
    }

    /// Whether the slope is computed from the result rather than from the argument.
    pub fn slope_of_result(self) -> bool {
        matches!(
            self,
            Self::Exp | Self::Sqrt | Self::Reciprocal | Self::Tanh | Self::Sigmoid | Self::Relu
        )
    }

    /// Calls `work` with the function.
    #[inline(always)]
    fn with_function<I: Isa>(self, work: impl WithFunction) {
        match self {
            Self::Exp => work.call(math::exp::<I>),
            Self::Log => work.call(math::ln::<I>),
            Self::Sqrt => work.call(f32::sqrt),
            Self::Reciprocal => work.call(|x| 1.0 / x),
            Self::Abs => work.call(f32::abs),
            Self::Square => work.call(|x| x * x),
            Self::Sin => work.call(f32::sin),
            Self::Cos => work.call(f32::cos),
            Self::Tanh => work.call(math::tanh::<I>),
            Self::Sigmoid => work.call(math::sigmoid::<I>),
            Self::Relu => work.call(|x| if x > 0.0 { x } else { 0.0 }),
            Self::Gelu => work.call(math::gelu::<I>),
            Self::GeluTanh => work.call(math::gelu_tanh::<I>),
            Self::Silu => work.call(|x| x * math::sigmoid::<I>(x)),
            Self::Affine { scale, shift } => work.call(|x| x * scale + shift),
            Self::Clamp { low, high } => work.call(|x| x.clamp(low, high)),
            Self::Power { exponent } => work.call(|x| x.powf(exponent)),
        }
    }

    /// Calls `work` with the slope, a function of the argument or of the result (see [`Unary::slope_of_result`]).
    #[inline(always)]
    pub fn with_slope<I: Isa>(self, work: impl WithFunction) {
        match self {
            Self::Exp => work.call(|y| y),
            Self::Log => work.call(|x| 1.0 / x),
            Self::Sqrt => work.call(|y| 0.5 / y),
            Self::Reciprocal => work.call(|y| -y * y),
            Self::Abs => work.call(|x| f32::from(x > 0.0) - f32::from(x < 0.0)),
            Self::Square => work.call(|x| 2.0 * x),
            Self::Sin => work.call(f32::cos),
            Self::Cos => work.call(|x| -x.sin()),
            Self::Tanh => work.call(|y| 1.0 - y * y),
            Self::Sigmoid => work.call(|y| y * (1.0 - y)),
            Self::Relu => work.call(|y| f32::from(y > 0.0)),
            Self::Gelu => work.call(math::gelu_derivative::<I>),
            Self::GeluTanh => work.call(math::gelu_tanh_derivative::<I>),
            Self::Silu => work.call(|x| {
                let s = math::sigmoid::<I>(x);
                s * (1.0 + x * (1.0 - s))
            }),
            Self::Affine { scale, .. } => work.call(|_| scale),
            Self::Clamp { low, high } => work.call(|x| f32::from(x >= low && x <= high)),
            Self::Power { exponent } => work.call(|x| exponent * x.powf(exponent - 1.0)),
        }
    }
}

/// Work that is compiled once for each function, so that the function is part of its loop.
pub(crate) trait WithFunction {
    fn call(self, f: impl Fn(f32) -> f32);
}

struct Row<'a> {
    row: &'a mut [f32],
    source: &'a [f32],
    stride: usize,
}

impl WithFunction for Row<'_> {
    #[inline(always)]
    fn call(self, f: impl Fn(f32) -> f32) {
        match self.stride {
            1 => {
                for (to, &x) in self.row.iter_mut().zip(self.source) {
                    *to = f(x);
                }
            }
            stride => {
                for (place, to) in self.row.iter_mut().enumerate() {
                    *to = f(self.source[place * stride]);
                }
            }
        }
    }
}

simd::kernel! {
    fn apply<I>(function: Unary, row: &mut [f32], source: &[f32], stride: usize) {
        function.with_function::<I>(Row { row, source, stride });
    }
}

impl Op for Unary {
    fn name(&self) -> &'static str {
        self.function()
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        self.expect_float(&inputs[0])?;
        Ok(smallvec![inputs[0].clone()])
    }

    fn takes_strides(&self) -> bool {
        true
    }

    fn keeps(&self) -> Keeps {
        match self {
            Self::Affine { .. } => Keeps::NOTHING,
            _ if self.slope_of_result() => Keeps::outputs(&[0]),
            _ => Keeps::inputs(&[0]),
        }
    }

    fn cuts(&self, inputs: &[Spec], outputs: &[Spec]) -> Vec<Cut> {
        Cut::elements(inputs, &outputs[0])
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        let source = inputs[0].all::<f32>();
        Walk::new([inputs[0].layout]).each_row(
            cpu,
            outputs[0].slice(),
            |row, [start], [stride]| {
                apply(*self, row, &source[start..], stride);
            },
        );
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        let elements = outputs[0].shape.elements();
        let mut params = vec![elements as u32];
        params.extend(self.parameters().map(f32::to_bits));
        params.extend(layout_params([inputs[0].layout]));
        let defines = [("FUNCTION", self.function().to_owned())];
        let bindings = [inputs[0].binding(), outputs[0].binding()];
        gpu.launch(&KERNEL, &defines, &bindings, &params, groups(elements))
    }

    fn gradient(&self, pass: &Pass) -> Result<Gradients> {
        let upstream = pass.upstream()?;
        let gradient = match self {
            Self::Affine { scale, .. } => upstream.affine(*scale, 0.0)?,
            _ => {
                let kept = match self.slope_of_result() {
                    true => pass.output(0)?,
                    false => pass.input(0)?,
                };
                apply_one(UnaryGradient { function: *self }, &[kept, upstream])?
            }
        };
        Ok(smallvec![Some(gradient)])
    }
}

macro_rules! functions {
    ($($(#[$doc:meta])+ $name:ident => $function:expr;)+) => {
        impl Tensor {
            $(
                $(#[$doc])+
                ///
                /// # Errors
                /// [`TensorError::DType`](crate::TensorError::DType) if the elements are no floating-point numbers.
                pub fn $name(&self) -> Result<Self> {
                    apply_one($function, &[self])
                }
            )+
        }
    };
}

functions! {
    /// The exponential of each element.
    exp => Unary::Exp;
    /// The natural logarithm of each element.
    log => Unary::Log;
    /// The square root of each element.
    sqrt => Unary::Sqrt;
    /// One divided by each element.
    reciprocal => Unary::Reciprocal;
    /// The absolute value of each element; its slope at 0 is taken as 0.
    abs => Unary::Abs;
    /// The square of each element.
    square => Unary::Square;
    /// The sine of each element.
    sin => Unary::Sin;
    /// The cosine of each element.
    cos => Unary::Cos;
    /// The hyperbolic tangent of each element.
    tanh => Unary::Tanh;
    /// `1 / (1 + exp(-x))` of each element.
    sigmoid => Unary::Sigmoid;
    /// Each element, or 0 if that is larger.
    relu => Unary::Relu;
    /// The Gaussian error linear unit, exact: `x Φ(x)` (Hendrycks & Gimpel 2016).
    gelu => Unary::Gelu;
    /// The Gaussian error linear unit by the hyperbolic tangent, as GPT-2 has it.
    gelu_tanh => Unary::GeluTanh;
    /// The sigmoid linear unit, `x * sigmoid(x)`.
    silu => Unary::Silu;
    /// The negative of each element.
    neg => Unary::Affine { scale: -1.0, shift: 0.0 };
}

impl Tensor {
    /// `scale * x + shift` of each element `x`.
    ///
    /// # Errors
    /// [`TensorError::DType`](crate::TensorError::DType) if the elements are no floating-point numbers.
    pub fn affine(&self, scale: f32, shift: f32) -> Result<Self> {
        apply_one(Unary::Affine { scale, shift }, &[self])
    }

    /// Each element, at least `low` and at most `high`; the slope outside is 0.
    ///
    /// # Errors
    /// As [`Tensor::affine`].
    pub fn clamp(&self, low: f32, high: f32) -> Result<Self> {
        apply_one(
            Unary::Clamp {
                low,
                high: high.max(low),
            },
            &[self],
        )
    }

    /// Each element to the power of `exponent`.
    ///
    /// # Errors
    /// As [`Tensor::affine`].
    pub fn power(&self, exponent: f32) -> Result<Self> {
        apply_one(Unary::Power { exponent }, &[self])
    }
}

#[cfg(test)]
pub(crate) fn cases() -> Vec<crate::conformance::Case> {
    use crate::conformance::{Case, between, numbers};
    type Run = fn(&Tensor) -> Result<Tensor>;
    type Reference = fn(f64) -> f64;
    let everywhere: [(&str, Run, Reference); 12] = [
        ("exp", Tensor::exp, f64::exp),
        ("square", Tensor::square, |x| x * x),
        ("sin", Tensor::sin, f64::sin),
        ("cos", Tensor::cos, f64::cos),
        ("tanh", Tensor::tanh, f64::tanh),
        ("sigmoid", Tensor::sigmoid, |x| 1.0 / (1.0 + (-x).exp())),
        ("gelu", Tensor::gelu, |x| {
            0.5 * x * (1.0 + erf(x / 2.0_f64.sqrt()))
        }),
        ("gelu_tanh", Tensor::gelu_tanh, |x| {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
            0.5 * x * (1.0 + inner.tanh())
        }),
        ("silu", Tensor::silu, |x| x / (1.0 + (-x).exp())),
        ("neg", Tensor::neg, |x| -x),
        ("affine", |x| x.affine(2.5, -0.75), |x| 2.5 * x - 0.75),
        (
            "clamp",
            |x| x.clamp(-1.003, 0.503),
            |x| x.clamp(-1.003, 0.503),
        ),
    ];
    let positive: [(&str, Run, Reference); 7] = [
        ("log", Tensor::log, f64::ln),
        ("sqrt", Tensor::sqrt, f64::sqrt),
        ("reciprocal", Tensor::reciprocal, f64::recip),
        ("abs", Tensor::abs, f64::abs),
        ("relu", Tensor::relu, |x| x.max(0.0)),
        ("power 1.5", |x| x.power(1.5), |x| x.powf(1.5)),
        ("power -2", |x| x.power(-2.0), |x| x.powi(-2)),
    ];
    let negative: [(&str, Run, Reference); 3] = [
        ("abs", Tensor::abs, f64::abs),
        ("relu", Tensor::relu, |x| x.max(0.0)),
        ("power 3", |x| x.power(3.0), |x| x.powi(3)),
    ];
    let shapes: [&[usize]; 4] = [&[3, 5, 7], &[], &[0], &[3, 7000]];
    let mut cases = Vec::new();
    let groups = [
        (&everywhere[..], -4.0, 4.0),
        (&positive[..], 0.5, 4.0),
        (&negative[..], -4.0, -0.5),
    ];
    for (functions, low, high) in groups {
        for &(name, run, reference) in functions {
            for shape in shapes {
                let input = between(shape, low, high);
                let input = if shape.contains(&7000) {
                    input.without_gradient()
                } else {
                    input
                };
                let what = format!("{name} of {shape:?} from {low} to {high}");
                cases.push(Case::new(
                    what,
                    [input],
                    move |x| run(&x[0]),
                    move |x| x[0].map(reference),
                ));
            }
        }
    }
    // Far out, where formulas overflow or round to nothing.
    for (name, run, reference) in everywhere {
        if !matches!(name, "exp" | "square" | "affine" | "sin" | "cos") {
            let far = crate::conformance::these([6], &[-200.0, -30.0, -9.0, 9.0, 30.0, 200.0]);
            cases.push(Case::new(
                format!("{name} far out"),
                [far],
                move |x| run(&x[0]),
                move |x| x[0].map(reference),
            ));
        }
    }
    cases.push(Case::new(
        "a chain",
        [numbers([4, 3])],
        |x| x[0].tanh()?.mul(&x[0])?.gelu(),
        |x| {
            x[0].map(|x| {
                let x = x.tanh() * x;
                0.5 * x * (1.0 + erf(x / 2.0_f64.sqrt()))
            })
        },
    ));
    cases
}

/// The error function by its series, and by a continued fraction far out.
#[cfg(test)]
pub(crate) fn erf(x: f64) -> f64 {
    let magnitude = x.abs();
    if magnitude > 6.0 {
        return x.signum();
    }
    if magnitude < 2.5 {
        let (mut term, mut sum) = (x, x);
        for n in 1..200 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        return sum * 2.0 / std::f64::consts::PI.sqrt();
    }
    let fraction = (1..120)
        .rev()
        .fold(0.0, |tail, n| f64::from(n) / 2.0 / (magnitude + tail));
    let rest = (-x * x).exp() / std::f64::consts::PI.sqrt() / (magnitude + fraction);
    x.signum() * (1.0 - rest)
}
