//! What happens to the sums of a tile before they are done.

use super::matrix::MatrixMut;
use crate::cpu::math;
use crate::cpu::simd;

/// A function applied to every element of a product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Activation {
    /// The element itself.
    #[default]
    None,
    /// The larger of the element and zero.
    Relu,
    /// x P(X < x) for a standard normal X (Hendrycks & Gimpel 2016).
    Gelu,
    /// GELU by its tanh approximation.
    GeluTanh,
    /// The hyperbolic tangent.
    Tanh,
    /// 1 / (1 + e^-x).
    Sigmoid,
}

/// What a product does beyond the product.
#[derive(Debug)]
pub struct Epilogue<'a> {
    /// Multiplies the product, before the bias.
    pub alpha: f32,
    /// One number for each column.
    pub bias: Option<&'a [f32]>,
    /// Applied after the bias.
    pub activation: Activation,
    /// Gets `alpha A B + bias`, as a backward pass needs it; the shape is that of C, the type too.
    pub pre_activation: Option<MatrixMut<'a>>,
    /// Adds the outcome to C instead of overwriting it.
    pub accumulate: bool,
}

impl Default for Epilogue<'_> {
    fn default() -> Self {
        Self {
            alpha: 1.0,
            bias: None,
            activation: Activation::None,
            pre_activation: None,
            accumulate: false,
        }
    }
}

impl Activation {
    /// The function on the elements of a row.
    fn apply(self, row: &mut [f32]) {
        match self {
            Self::None => {}
            Self::Relu => relu(row),
            Self::Gelu => gelu(row),
            Self::GeluTanh => gelu_tanh(row),
            Self::Tanh => tanh(row),
            Self::Sigmoid => sigmoid(row),
        }
    }
}

macro_rules! activations {
    ($($name:ident => $function:expr;)*) => {$(
        simd::kernel! {
            fn $name<I>(row: &mut [f32]) {
                let function = $function;
                for x in row {
                    *x = function(*x);
                }
            }
        }
    )*};
}

activations! {
    // `f32::max` would make zero of what is not a number.
    relu => |x: f32| if x < 0.0 { 0.0 } else { x };
    gelu => math::gelu::<I>;
    gelu_tanh => math::gelu_tanh::<I>;
    tanh => math::tanh::<I>;
    sigmoid => math::sigmoid::<I>;
}

simd::kernel! {
    fn add<I>(row: &mut [f32], other: &[f32]) {
        for (x, y) in row.iter_mut().zip(other) {
            *x += *y;
        }
    }
}

/// What a tile needs of an [`Epilogue`] when its sums over all of k are in place.
pub(super) struct Finish<'a> {
    /// For the columns of the tile.
    pub(super) bias: Option<&'a [f32]>,
    pub(super) activation: Activation,
}

impl Finish<'_> {
    pub(super) fn is_nothing(&self) -> bool {
        self.bias.is_none() && self.activation == Activation::None
    }

    /// Makes `row` the finished one; `pre` sees it before the activation.
    #[inline]
    pub(super) fn apply(&self, row: &mut [f32], pre: impl FnOnce(&[f32])) {
        if let Some(bias) = self.bias {
            add(row, bias);
        }
        pre(row);
        self.activation.apply(row);
    }
}
