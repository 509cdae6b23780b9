//! Tensors on two devices with tape autograd.
//!
//! `cpu` is native code; `gpu` runs the shaders in `shaders/` through wgpu. An op is one file in `ops/`: its shape rule,
//! its kernels, its gradient and the cases that it is tested on.

mod autograd;
mod checkpoint;
#[cfg(test)]
mod conformance;
pub mod cpu;
mod device;
mod dtype;
mod error;
pub mod gpu;
mod host;
mod in_place;
mod launch;
mod loss;
mod offsets;
mod op;
mod ops;
mod pieces;
mod rng;
mod shape;
mod storage;
mod tensor;

pub use autograd::{Gradients, LeafId, no_grad};
pub use checkpoint::checkpoint;
pub use cpu::gemm::Activation;
pub use device::{Device, DeviceChoice};
pub use dtype::{DType, Element};
pub use error::{Result, TensorError};
pub use gpu::MemoryUse;
pub use in_place::{AdamW, Sgd, square_sums};
pub use loss::Reduction;
pub use offsets::Offsets;
pub use ops::attention::{AttentionDropout, AttentionOptions};
pub use ops::conv2d::ConvOptions;
pub use ops::cross_entropy::CrossEntropy;
pub use rng::RandomKey;
pub use shape::{MAX_RANK, Shape};
pub use tensor::Tensor;
