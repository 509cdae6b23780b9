//! Native kernels.

pub mod gemm;
pub mod math;
pub mod simd;
pub mod threads;
