//! [`Storage`]: the memory that views share.

use crate::cpu::Buffer;
use crate::gpu::GpuBuffer;
use crate::{Device, Result};

/// Shaders read vectors of up to so many bytes, also where there is nothing to read.
const SMALLEST: usize = 16;

/// Memory on one device.
#[derive(Debug)]
pub(crate) enum Storage {
    Cpu(Buffer),
    Gpu(GpuBuffer),
}

impl Storage {
    pub fn allocate(device: &Device, bytes: usize) -> Result<Self> {
        Ok(match device {
            Device::Cpu(cpu) => Self::Cpu(cpu.allocate(bytes)?),
            Device::Gpu(gpu) => Self::Gpu(gpu.allocate(bytes.max(SMALLEST))?),
        })
    }

    pub fn upload(device: &Device, bytes: &[u8]) -> Result<Self> {
        Ok(match device {
            Device::Cpu(cpu) => {
                let mut buffer = cpu.allocate(bytes.len())?;
                buffer.bytes_mut().copy_from_slice(bytes);
                Self::Cpu(buffer)
            }
            Device::Gpu(gpu) if bytes.len() < SMALLEST => {
                let mut padded = [0; SMALLEST];
                padded[..bytes.len()].copy_from_slice(bytes);
                Self::Gpu(gpu.upload(&padded)?)
            }
            Device::Gpu(gpu) => Self::Gpu(gpu.upload(bytes)?),
        })
    }
}
