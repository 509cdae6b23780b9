//! The native device: [`Cpu`], its threads, its memory and its kernels.

mod arena;
pub(crate) mod attention;
mod buffer;
pub(crate) mod convolution;
pub mod gemm;
pub(crate) mod index;
pub(crate) mod lanes;
pub(crate) mod losses;
pub mod math;
pub(crate) mod order;
pub(crate) mod random;
pub(crate) mod reduce;
mod report;
pub(crate) mod rows;
pub(crate) mod scratch;
pub mod simd;
pub mod threads;
mod walk;

use std::sync::Arc;

pub use buffer::{Buffer, Pool};
pub use report::{CpuReport, report};
pub use threads::{Cores, Threads};
pub(crate) use walk::{Walk, zip_row};

use crate::host::total_memory;
use crate::{Result, TensorError};

/// A set of threads with a pool of memory.
#[derive(Debug)]
pub struct Cpu {
    threads: Threads,
    pool: Arc<Pool>,
    memory: usize,
}

impl Cpu {
    /// A device of a thread for each of the cores (0 counts as 1), the caller's included, that holds up to all memory of the
    /// machine.
    pub fn new(cores: impl Into<Cores>) -> Self {
        Self {
            threads: Threads::new(cores),
            pool: Arc::default(),
            memory: total_memory().unwrap_or(usize::MAX),
        }
    }

    /// The same with a limit on the bytes that its tensors may hold together.
    #[must_use]
    pub fn with_memory(self, bytes: usize) -> Self {
        Self {
            memory: bytes,
            ..self
        }
    }

    /// The threads that kernels run on.
    pub fn threads(&self) -> &Threads {
        &self.threads
    }

    /// The memory that tensors share.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    pub(crate) fn allocate(&self, bytes: usize) -> Result<Buffer> {
        let live = self.pool.memory().live;
        let full = || TensorError::OutOfMemory {
            device: "cpu".to_owned(),
            asked: bytes,
            live,
            limit: self.memory,
        };
        if bytes > self.memory.saturating_sub(live) {
            return Err(full());
        }
        self.pool.take(bytes).map_err(|_| full())
    }
}
