//! [`Case`]: an op on inputs of certain shapes, with what it should give.

use super::Array;
use crate::{DType, Result, Shape, Tensor};

type Run = Box<dyn Fn(&[Tensor]) -> Result<Vec<Tensor>>>;
type Reference = Box<dyn Fn(&[Array]) -> Vec<Array>>;

/// An input of a case.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub shape: Shape,
    pub dtype: DType,
    pub values: Values,
    /// Whether its gradient is checked.
    pub has_gradient: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Values {
    /// Drawn evenly from a range.
    Between(f64, f64),
    These(Vec<f64>),
}

/// Numbers from -2 to 2, whose gradient is checked.
pub(crate) fn numbers(shape: impl Into<Shape>) -> Input {
    between(shape, -2.0, 2.0)
}

/// Numbers of a range, whose gradient is checked.
pub(crate) fn between(shape: impl Into<Shape>, low: f64, high: f64) -> Input {
    Input {
        shape: shape.into(),
        dtype: DType::F32,
        values: Values::Between(low, high),
        has_gradient: true,
    }
}

/// Given numbers, whose gradient is checked.
pub(crate) fn these(shape: impl Into<Shape>, values: &[f64]) -> Input {
    Input {
        values: Values::These(values.to_vec()),
        ..numbers(shape)
    }
}

/// Given integers, such as indices.
pub(crate) fn indices(shape: impl Into<Shape>, values: &[u32]) -> Input {
    Input {
        shape: shape.into(),
        dtype: DType::U32,
        values: Values::These(values.iter().map(|&value| value.into()).collect()),
        has_gradient: false,
    }
}

/// A mask, drawn.
pub(crate) fn mask(shape: impl Into<Shape>) -> Input {
    Input {
        dtype: DType::Bool,
        values: Values::Between(0.0, 2.0),
        ..numbers(shape)
    }
    .without_gradient()
}

impl Input {
    pub fn without_gradient(self) -> Self {
        Self {
            has_gradient: false,
            ..self
        }
    }
}

/// See the module.
pub(crate) struct Case {
    pub name: String,
    pub inputs: Vec<Input>,
    pub run: Run,
    pub reference: Reference,
    /// How far single precision may be from double precision, relative to the larger of 1 and the value.
    pub tolerance: f64,
    /// Whether inputs in 16 bits are tried too.
    pub in_half: bool,
}

impl Case {
    /// An op of one output.
    pub fn new(
        name: impl Into<String>,
        inputs: impl IntoIterator<Item = Input>,
        run: impl Fn(&[Tensor]) -> Result<Tensor> + 'static,
        reference: impl Fn(&[Array]) -> Array + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            inputs: inputs.into_iter().collect(),
            run: Box::new(move |inputs| Ok(vec![run(inputs)?])),
            reference: Box::new(move |inputs| vec![reference(inputs)]),
            tolerance: 2e-6,
            in_half: true,
        }
    }

    pub fn tolerance(self, tolerance: f64) -> Self {
        Self { tolerance, ..self }
    }

    /// For ops whose result jumps with a small change of an input.
    pub fn not_in_half(self) -> Self {
        Self {
            in_half: false,
            ..self
        }
    }
}
