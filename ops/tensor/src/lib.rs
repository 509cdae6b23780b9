//! Tensors on two devices with tape autograd.
//!
//! `cpu` is native code; `gpu` runs the shaders in `shaders/` through wgpu. An op is one file in `ops/`.

pub mod cpu;
mod error;
pub mod gpu;

pub use error::{Result, TensorError};
