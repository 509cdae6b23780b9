//! The ops, one a file: its rule for shapes, its kernels, its gradient, its methods of [`Tensor`](crate::Tensor) and the
//! cases that it is tested on. A new op is its file, its shader and a line in the list below.

use crate::op::{Op, Spec};
use crate::{DType, Result, Shape};

macro_rules! rooms {
    ($($name:ident),+ $(,)?) => {
        $(pub(crate) mod $name;)+

        /// The ops' files, with their cases.
        #[cfg(test)]
        pub(crate) const ROOMS: &[(&str, fn() -> Vec<crate::conformance::Case>)] =
            &[$((stringify!($name), $name::cases)),+];
    };
}

rooms! {
    add_layer_norm,
    arg,
    attention,
    bce_with_logits,
    binary,
    cast,
    compare,
    concat,
    conv1d,
    conv2d,
    copy,
    cross_entropy,
    dense,
    dropout,
    embedding,
    gather,
    index_select,
    kl_div,
    layer_norm,
    linear_cross_entropy,
    matmul,
    pad,
    random,
    reduce,
    scatter_add,
    select,
    softmax,
    top_k,
    unary,
    unary_gradient,
    view,
}

/// The shape of two inputs of one type, stretched to each other.
fn broadcast<O: Op>(op: &O, inputs: &[Spec]) -> Result<Shape> {
    let [a, b] = [&inputs[0], &inputs[1]];
    if a.dtype != b.dtype {
        op.expect(b, a.dtype.name(), false)?;
    }
    (a.shape.broadcast(&b.shape)).ok_or_else(|| op.misfit(inputs, "the shapes do not broadcast"))
}

/// As shaders call a type of 32 bits.
fn wgsl_type(dtype: DType) -> &'static str {
    match dtype {
        DType::I32 => "i32",
        DType::U32 | DType::Bool => "u32",
        DType::F32 | DType::F16 | DType::BF16 => "f32",
    }
}
