//! What happens to the sums of a tile before they are done.

use std::marker::PhantomData;
use std::slice;

use super::matrix::MatrixMut;
use crate::cpu::math;
use crate::cpu::simd::{self, Isa, Kernel, LANES};

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

/// A function of one number.
trait Function {
    fn of<I: Isa>(x: f32) -> f32;
}

struct Itself;

impl Function for Itself {
    #[inline(always)]
    fn of<I: Isa>(x: f32) -> f32 {
        x
    }
}

macro_rules! functions {
    ($($name:ident => $function:expr;)*) => {$(
        struct $name;

        impl Function for $name {
            #[inline(always)]
            fn of<I: Isa>(x: f32) -> f32 {
                ($function)(x)
            }
        }
    )*};
}

functions! {
    // `f32::max` would make zero of what is not a number.
    Relu => |x: f32| if x < 0.0 { 0.0 } else { x };
    Gelu => math::gelu::<I>;
    GeluTanh => math::gelu_tanh::<I>;
    Tanh => math::tanh::<I>;
    Sigmoid => math::sigmoid::<I>;
}

/// Rows of sums.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    pub(super) first: *mut f32,
    pub(super) stride: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
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

    /// Makes finished rows of sums, whose columns are those of the bias; `pre` gets them as they are before the activation, its rows
    /// as far apart as it says.
    ///
    /// # Safety
    /// The rows exist, those of `pre` too, which are others, and nobody else uses them.
    pub(super) unsafe fn tile(&self, sums: Rows, pre: Option<(*mut f32, usize)>) {
        let bias = self.bias;
        macro_rules! with {
            ($function:ident) => {
                simd::dispatch(Finishing::<$function> {
                    sums,
                    bias,
                    pre,
                    function: PhantomData,
                })
            };
        }
        match self.activation {
            Activation::None => with!(Itself),
            Activation::Relu => with!(Relu),
            Activation::Gelu => with!(Gelu),
            Activation::GeluTanh => with!(GeluTanh),
            Activation::Tanh => with!(Tanh),
            Activation::Sigmoid => with!(Sigmoid),
        }
    }

    /// Makes `row` the finished one; `pre` sees it before the activation.
    pub(super) fn row(&self, row: &mut [f32], pre: impl FnOnce(&[f32])) {
        let rows = Rows {
            first: row.as_mut_ptr(),
            stride: 0,
            rows: 1,
            columns: row.len(),
        };
        let only = |bias, activation| Finish { bias, activation };
        // SAFETY: the row is borrowed.
        unsafe { only(self.bias, Activation::None).tile(rows, None) };
        pre(row);
        // SAFETY: as above.
        unsafe { only(None, self.activation).tile(rows, None) };
    }
}

/// [`Finish::tile`], whose caller vouches for the rows.
struct Finishing<'a, F> {
    sums: Rows,
    bias: Option<&'a [f32]>,
    pre: Option<(*mut f32, usize)>,
    function: PhantomData<F>,
}

impl<F: Function> Kernel for Finishing<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let Rows {
            first,
            stride,
            rows,
            columns,
        } = self.sums;
        for row in 0..rows {
            // SAFETY: whoever made this vouches for the rows.
            let sums = unsafe { slice::from_raw_parts_mut(first.add(row * stride), columns) };
            let mut pre = self.pre.map(|(first, stride)| {
                // SAFETY: as above.
                unsafe { slice::from_raw_parts_mut(first.add(row * stride), columns) }
            });
            let whole = columns / LANES * LANES;
            for place in (0..whole).step_by(LANES) {
                finish::<I, F, LANES>(place, sums, self.bias, pre.as_deref_mut());
            }
            for place in whole..columns {
                finish::<I, F, 1>(place, sums, self.bias, pre.as_deref_mut());
            }
        }
    }
}

/// `N` of the sums, in registers from the first step to the last.
#[inline(always)]
fn finish<I: Isa, F: Function, const N: usize>(
    place: usize,
    sums: &mut [f32],
    bias: Option<&[f32]>,
    pre: Option<&mut [f32]>,
) {
    let mut found = [0.0; N];
    found.copy_from_slice(&sums[place..place + N]);
    if let Some(bias) = bias {
        for (x, bias) in found.iter_mut().zip(&bias[place..place + N]) {
            *x += bias;
        }
    }
    if let Some(pre) = pre {
        pre[place..place + N].copy_from_slice(&found);
    }
    for x in &mut found {
        *x = F::of::<I>(*x);
    }
    sums[place..place + N].copy_from_slice(&found);
}
