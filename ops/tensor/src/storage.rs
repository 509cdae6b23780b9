//! [`Storage`]: the memory that views share.

use std::sync::{Arc, Mutex, PoisonError};

use crate::cpu::Buffer;
use crate::cpu::gemm::{PackedB, Precision};
use crate::gpu::GpuBuffer;
use crate::shape::Layout;
use crate::{Device, Result};

/// Shaders read vectors of up to so many bytes, also where there is nothing to read.
const SMALLEST: usize = 16;

/// Memory on one device, and what is made of it once for many ops.
#[derive(Debug)]
pub(crate) struct Storage {
    memory: Memory,
    packed: Mutex<Vec<(Layout, Arc<PackedB>)>>,
}

#[derive(Debug)]
pub(crate) enum Memory {
    Cpu(Buffer),
    Gpu(GpuBuffer),
}

impl From<Memory> for Storage {
    fn from(memory: Memory) -> Self {
        Self {
            memory,
            packed: Mutex::default(),
        }
    }
}

impl Storage {
    pub fn allocate(device: &Device, bytes: usize) -> Result<Self> {
        let memory = match device {
            Device::Cpu(cpu) => Memory::Cpu(cpu.allocate(bytes)?),
            Device::Gpu(gpu) => Memory::Gpu(gpu.allocate(bytes.max(SMALLEST))?),
        };
        Ok(memory.into())
    }

    pub fn upload(device: &Device, bytes: &[u8]) -> Result<Self> {
        let memory = match device {
            Device::Cpu(cpu) => {
                let mut buffer = cpu.allocate(bytes.len())?;
                buffer.bytes_mut().copy_from_slice(bytes);
                Memory::Cpu(buffer)
            }
            Device::Gpu(gpu) if bytes.len() < SMALLEST => {
                let mut padded = [0; SMALLEST];
                padded[..bytes.len()].copy_from_slice(bytes);
                Memory::Gpu(gpu.upload(&padded)?)
            }
            Device::Gpu(gpu) => Memory::Gpu(gpu.upload(bytes)?),
        };
        Ok(memory.into())
    }

    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The memory, to be written to: what was made of it is of no use any more.
    pub fn memory_mut(&mut self) -> &mut Memory {
        self.packed = Mutex::default();
        &mut self.memory
    }

    /// A matrix of this memory, packed for products in `precision` now or before.
    pub fn packed(
        &self,
        layout: &Layout,
        precision: Precision,
        pack: impl FnOnce() -> PackedB,
    ) -> Arc<PackedB> {
        let mut packed = self.packed.lock().unwrap_or_else(PoisonError::into_inner);
        let fits =
            |(of, found): &&(Layout, Arc<PackedB>)| of == layout && found.precision() == precision;
        if let Some((_, found)) = packed.iter().find(fits) {
            return Arc::clone(found);
        }
        let new = Arc::new(pack());
        packed.push((layout.clone(), Arc::clone(&new)));
        new
    }
}
