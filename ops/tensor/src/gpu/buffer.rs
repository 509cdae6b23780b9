//! [`GpuBuffer`]: memory of the device, which goes back to the pool when it is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::device::Gpu;
use super::pool::{Pool, Raw};
use crate::{Result, TensorError};

/// Bytes of the device's memory that tensors take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryUse {
    /// In use, rounded up to the sizes of the pool.
    pub live: usize,
    /// Kept for reuse.
    pub pooled: usize,
    /// The most that was in use at once.
    pub peak: usize,
}

/// A piece of the device's memory. It may be dropped while recorded work uses it.
pub struct GpuBuffer {
    raw: Option<Raw>,
    bytes: usize,
    last_batch: AtomicU64,
    pool: Arc<Pool>,
}

impl GpuBuffer {
    pub(super) fn new(raw: Raw, bytes: usize, pool: &Arc<Pool>) -> Self {
        Self {
            last_batch: AtomicU64::new(raw.last_batch),
            raw: Some(raw),
            bytes,
            pool: Arc::clone(pool),
        }
    }

    /// Its size in bytes, a multiple of 4.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn raw(&self) -> Option<&wgpu::Buffer> {
        self.raw.as_ref().map(|raw| &raw.buffer)
    }

    /// Notes that this batch uses it.
    pub(super) fn used_by(&self, batch: u64) {
        self.last_batch.store(batch, Ordering::Relaxed);
    }

    pub(super) fn last_batch(&self) -> u64 {
        self.last_batch.load(Ordering::Relaxed)
    }
}

impl Drop for GpuBuffer {
    fn drop(&mut self) {
        if let Some(mut raw) = self.raw.take() {
            raw.last_batch = self.last_batch();
            self.pool.give(raw);
        }
    }
}

impl std::fmt::Debug for GpuBuffer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "GpuBuffer({} bytes)", self.bytes)
    }
}

impl Gpu {
    /// Memory with undefined contents, of at least 4 bytes, rounded up to a multiple of 4.
    ///
    /// # Errors
    /// If that is more than a buffer of the adapter can be, or more than it has left.
    pub fn allocate(&self, bytes: usize) -> Result<GpuBuffer> {
        self.take_buffer(&self.pool, bytes)
    }

    pub(super) fn take_buffer(&self, pool: &Arc<Pool>, bytes: usize) -> Result<GpuBuffer> {
        self.faults.check("allocating")?;
        let limit = self.limits.max_buffer_bytes;
        let rounded = bytes
            .max(4)
            .checked_next_multiple_of(4)
            .filter(|&rounded| rounded as u64 <= limit);
        let Some(bytes) = rounded else {
            let advice = "split the tensor, or use smaller batches";
            let what = "a buffer, in bytes,".to_owned();
            return Err(TensorError::PastLimit {
                what,
                asked: bytes as u64,
                limit,
                adapter: self.adapter.name.clone(),
                advice,
            });
        };
        if let Some(raw) = pool.take(bytes) {
            return Ok(GpuBuffer::new(raw, bytes, pool));
        }
        let mut attempt = self.create_buffer(pool, bytes);
        if matches!(attempt, Err(TensorError::OutOfDeviceMemory { .. })) {
            // What is kept for reuse and what submitted work still holds may be enough.
            self.wait()?;
            self.trim();
            self.wait()?;
            attempt = self.create_buffer(pool, bytes);
        }
        attempt
    }

    fn create_buffer(&self, pool: &Arc<Pool>, bytes: usize) -> Result<GpuBuffer> {
        let MemoryUse { live, pooled, .. } = self.pool.memory();
        if self
            .budget
            .is_some_and(|budget| live + pooled + bytes > budget)
        {
            let adapter = self.adapter.name.clone();
            return Err(TensorError::OutOfDeviceMemory {
                adapter,
                asked: bytes,
                live,
            });
        }
        let (raw, error) = self.scoped(|| pool.create(&self.device, bytes));
        let Some(error) = error else {
            return Ok(GpuBuffer::new(raw, bytes, pool));
        };
        pool.forget(&raw);
        self.faults.check("allocating")?;
        Err(match error {
            wgpu::Error::OutOfMemory { .. } => TensorError::OutOfDeviceMemory {
                adapter: self.adapter.name.clone(),
                asked: bytes,
                live: self.memory().live,
            },
            error => TensorError::Gpu {
                doing: format!("allocating {bytes} bytes"),
                reason: error.to_string(),
            },
        })
    }

    /// Gives all memory that is kept for reuse back to the driver.
    pub fn trim(&self) {
        self.pool.trim(0);
        self.staging.trim(0);
    }
}
