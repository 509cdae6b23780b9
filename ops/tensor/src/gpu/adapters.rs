//! The graphics adapters of the machine, real ones before software ones.

use std::cmp::Reverse;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};

/// What an adapter is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AdapterKind {
    /// A processor that executes shaders: right, and slow.
    Software,
    /// Unknown to its driver.
    Other,
    /// A share of a real one in a virtual machine.
    Virtual,
    /// Shares its memory with the processor.
    Integrated,
    /// A card with its own memory.
    Discrete,
}

impl fmt::Display for AdapterKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Software => "software",
            Self::Other => "other",
            Self::Virtual => "virtual",
            Self::Integrated => "integrated",
            Self::Discrete => "discrete",
        })
    }
}

/// The limits of an adapter that ops meet, in bytes unless they are counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdapterLimits {
    /// The largest buffer.
    pub max_buffer_bytes: u64,
    /// The largest part of a buffer that a kernel sees at once.
    pub max_binding_bytes: u64,
    /// Where a binding may begin: a multiple of this.
    pub binding_alignment: usize,
    /// Buffers of one kernel.
    pub max_bindings: u32,
    /// Workgroups along one dimension; more are folded by the launch.
    pub max_workgroups: u32,
    /// Threads of one workgroup.
    pub max_threads: u32,
    /// Shared memory of one workgroup.
    pub max_shared_bytes: u32,
}

/// One graphics adapter, as its driver describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adapter {
    /// Its place in the list: the N of `gpu:N`.
    pub index: usize,
    /// The name that its driver gives it.
    pub name: String,
    /// Name and version of the driver.
    pub driver: String,
    /// `vulkan`, `metal` or `dx12`.
    pub backend: String,
    /// What it is made of.
    pub kind: AdapterKind,
    /// PCI vendor and device, which with name and driver identify it from run to run.
    pub pci: (u32, u32),
    /// What it allows at once.
    pub limits: AdapterLimits,
    /// Half precision in shaders.
    pub f16: bool,
    /// Subgroup operations, and the smallest and largest subgroup.
    pub subgroups: Option<(u32, u32)>,
    /// Sizes `[m, n, k]` of cooperative matrices with f16 inputs and f32 sums, and with f32 throughout.
    pub cooperative_f16: Vec<[u32; 3]>,
    /// As above, for f32 inputs.
    pub cooperative_f32: Vec<[u32; 3]>,
    /// Clocks of the device itself.
    pub timestamps: bool,
}

impl Adapter {
    fn describe(index: usize, adapter: &wgpu::Adapter) -> Self {
        let info = adapter.get_info();
        let features = adapter.features();
        let cooperative = |wanted: wgpu::CooperativeScalarType| -> Vec<[u32; 3]> {
            if !features.contains(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX) {
                return Vec::new();
            }
            let sizes = adapter.cooperative_matrix_properties();
            let fits = sizes.iter().filter(|size| {
                size.ab_type == wanted && size.cr_type == wgpu::CooperativeScalarType::F32
            });
            fits.map(|size| [size.m_size, size.n_size, size.k_size])
                .collect()
        };
        Self {
            index,
            driver: format!("{} {}", info.driver, info.driver_info)
                .trim()
                .to_owned(),
            backend: info.backend.to_string(),
            kind: kind_of(info.device_type),
            pci: (info.vendor, info.device),
            limits: AdapterLimits::of(&adapter.limits()),
            f16: features.contains(wgpu::Features::SHADER_F16),
            subgroups: features
                .contains(wgpu::Features::SUBGROUP)
                .then_some((info.subgroup_min_size, info.subgroup_max_size)),
            cooperative_f16: cooperative(wgpu::CooperativeScalarType::F16),
            cooperative_f32: cooperative(wgpu::CooperativeScalarType::F32),
            timestamps: features.contains(wgpu::Features::TIMESTAMP_QUERY),
            name: info.name,
        }
    }
}

impl AdapterLimits {
    pub(super) fn of(limits: &wgpu::Limits) -> Self {
        Self {
            max_buffer_bytes: limits.max_buffer_size,
            max_binding_bytes: limits
                .max_storage_buffer_binding_size
                .min(limits.max_buffer_size),
            binding_alignment: limits.min_storage_buffer_offset_alignment as usize,
            max_bindings: limits.max_storage_buffers_per_shader_stage,
            max_workgroups: limits.max_compute_workgroups_per_dimension,
            max_threads: limits.max_compute_invocations_per_workgroup,
            max_shared_bytes: limits.max_compute_workgroup_storage_size,
        }
    }
}

fn kind_of(kind: wgpu::DeviceType) -> AdapterKind {
    match kind {
        wgpu::DeviceType::DiscreteGpu => AdapterKind::Discrete,
        wgpu::DeviceType::IntegratedGpu => AdapterKind::Integrated,
        wgpu::DeviceType::VirtualGpu => AdapterKind::Virtual,
        wgpu::DeviceType::Cpu => AdapterKind::Software,
        wgpu::DeviceType::Other => AdapterKind::Other,
    }
}

/// Every adapter of the machine in a stable order: cards with their own memory first, software last. Empty where there is
/// no driver.
pub fn adapters() -> &'static [Adapter] {
    &found().1
}

/// The adapters beside their descriptions. Enumerated once a process: two enumerations may differ in order.
pub(super) fn found() -> &'static (Vec<wgpu::Adapter>, Vec<Adapter>) {
    static FOUND: OnceLock<(Vec<wgpu::Adapter>, Vec<Adapter>)> = OnceLock::new();
    FOUND.get_or_init(|| {
        let backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
        let mut description = wgpu::InstanceDescriptor::new_without_display_handle();
        description.backends = backends;
        description.flags = wgpu::InstanceFlags::empty().with_env();
        // Beyond its own memory a card takes the host's, and a step takes minutes: an error is better.
        description.memory_budget_thresholds.for_resource_creation = Some(97);
        let instance = wgpu::Instance::new(description);
        let mut handles = ready(instance.enumerate_adapters(backends));
        handles.retain(|adapter| {
            adapter
                .get_downlevel_capabilities()
                .flags
                .contains(wgpu::DownlevelFlags::COMPUTE_SHADERS)
        });
        handles.sort_by_cached_key(|adapter| {
            let info = adapter.get_info();
            // One card through two interfaces: Vulkan and Metal before DirectX, which has no cooperative matrices.
            (
                Reverse(kind_of(info.device_type)),
                info.backend == wgpu::Backend::Dx12,
                info.name,
                info.device_pci_bus_id,
            )
        });
        let descriptions = handles
            .iter()
            .enumerate()
            .map(|(index, handle)| Adapter::describe(index, handle))
            .collect();
        (handles, descriptions)
    })
}

/// The value of a future of wgpu, which outside of browsers is ready at once.
pub(super) fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::yield_now(),
        }
    }
}
