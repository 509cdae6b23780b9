//! Values and gradients beside PyTorch's, on both devices. The fixtures are made by `tests/peers/tensor_*.py`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod attention;
#[path = "../common/mod.rs"]
mod common;
mod convolution;
mod fixture;
mod losses;
mod ops;
