//! Shaders through wgpu: adapters, one [`Gpu`] an adapter, its buffers, and the launch of kernels.
//!
//! What ops need: [`Gpu::open`], [`Gpu::allocate`], [`Gpu::upload`], [`Gpu::launch`], [`Gpu::download`]. Launches are recorded
//! and submitted in batches, in the order in which they were made; nothing waits before a download.

mod adapters;
mod batch;
mod budget;
mod buffer;
mod chunks;
mod cooperative;
mod device;
mod faults;
mod indices;
mod kernel;
mod launch;
mod matmul;
mod matrix;
mod multiply;
mod pool;
mod report;
mod source;
mod tiles;
mod transfer;
mod tuning;

pub use adapters::{Adapter, AdapterKind, AdapterLimits, adapters};
pub use buffer::{GpuBuffer, MemoryUse};
pub use chunks::{RowChunk, row_chunks};
pub use device::Gpu;
pub(crate) use indices::noted;
pub use kernel::Kernel;
pub use launch::{Access, Binding, MAX_PARAMS};
pub use matmul::Matmul;
pub use matrix::{FloatType, MatrixView};
pub use report::{AdapterRates, AdapterReport, report};
