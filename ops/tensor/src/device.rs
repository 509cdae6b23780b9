//! [`Device`]: where tensors live and ops run.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use crate::cpu::{Cores, Cpu};
use crate::gpu::{self, AdapterKind, Gpu};
use crate::{MemoryUse, Result, TensorError};

/// Where a tensor lives. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Device {
    /// Native code.
    Cpu(Arc<Cpu>),
    /// Shaders on a graphics adapter.
    Gpu(Arc<Gpu>),
}

/// Which device is wanted, before it is opened: `auto`, `cpu`, `gpu` or `gpu:N`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DeviceChoice {
    /// The first real graphics adapter; without one, the CPU.
    #[default]
    Auto,
    /// Native code.
    Cpu,
    /// The graphics adapter with this index in the list of adapters.
    Gpu(usize),
}

impl Device {
    /// The native device that everybody shares, with one thread a core.
    pub fn cpu() -> Self {
        static SHARED: OnceLock<Arc<Cpu>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| {
            Arc::new(Cpu::new(
                std::thread::available_parallelism().map_or(1, |cores| cores.get()),
            ))
        });
        Self::Cpu(Arc::clone(shared))
    }

    /// A native device with its own `threads` threads and memory.
    pub fn cpu_with_threads(threads: impl Into<Cores>) -> Self {
        Self::Cpu(Arc::new(Cpu::new(threads)))
    }

    /// The graphics adapter of that index, or the first.
    ///
    /// # Errors
    /// [`TensorError::Gpu`] if there is none, or it cannot be opened.
    pub fn gpu(index: Option<usize>) -> Result<Self> {
        Gpu::open(index).map(Self::Gpu)
    }

    /// Opens what was chosen; a native device gets `threads` threads.
    ///
    /// # Errors
    /// As [`Device::gpu`]. [`DeviceChoice::Auto`] never fails.
    pub fn open(choice: DeviceChoice, threads: impl Into<Cores>) -> Result<Self> {
        let threads = threads.into();
        match choice {
            DeviceChoice::Cpu => Ok(Self::cpu_with_threads(threads)),
            DeviceChoice::Gpu(index) => Self::gpu(Some(index)),
            DeviceChoice::Auto => Ok(match choice.resolved() {
                DeviceChoice::Gpu(index) => {
                    Self::gpu(Some(index)).unwrap_or_else(|_| Self::cpu_with_threads(threads))
                }
                _ => Self::cpu_with_threads(threads),
            }),
        }
    }

    /// Whether both are the same device, sharing memory.
    pub fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Cpu(a), Self::Cpu(b)) => Arc::ptr_eq(a, b),
            (Self::Gpu(a), Self::Gpu(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// What its tensors hold.
    pub fn memory(&self) -> MemoryUse {
        match self {
            Self::Cpu(cpu) => cpu.pool().memory(),
            Self::Gpu(gpu) => gpu.memory(),
        }
    }

    /// Waits until everything asked of the device is done.
    ///
    /// # Errors
    /// [`TensorError::Gpu`] for work that failed on the way, [`TensorError::Index`] for an index past the end.
    pub fn synchronize(&self) -> Result<()> {
        match self {
            Self::Cpu(_) => Ok(()),
            Self::Gpu(gpu) => gpu.wait().and_then(|()| gpu.check_indices()),
        }
    }
}

impl DeviceChoice {
    /// What `auto` comes to on this machine; the others are what they are.
    #[must_use]
    pub fn resolved(self) -> Self {
        match self {
            Self::Auto => gpu::adapters()
                .iter()
                .find(|adapter| adapter.kind != AdapterKind::Software)
                .map_or(Self::Cpu, |adapter| Self::Gpu(adapter.index)),
            chosen => chosen,
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu(cpu) => write!(f, "cpu ({} threads)", cpu.threads().count()),
            Self::Gpu(gpu) => write!(f, "gpu ({})", gpu.adapter().name),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = TensorError;

    fn from_str(text: &str) -> Result<Self> {
        let index = match text {
            "auto" => return Ok(Self::Auto),
            "cpu" => return Ok(Self::Cpu),
            "gpu" => Some(0),
            _ => text
                .strip_prefix("gpu:")
                .and_then(|index| index.parse().ok()),
        };
        index.map(Self::Gpu).ok_or_else(|| TensorError::DeviceName {
            name: text.to_owned(),
        })
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Gpu(index) => write!(f, "gpu:{index}"),
        }
    }
}
