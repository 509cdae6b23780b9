//! [`Gpu`]: an adapter opened once for the whole process.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use super::adapters::{Adapter, AdapterKind, AdapterLimits, adapters, found, ready};
use super::batch::Batch;
use super::budget::host_budget;
use super::buffer::MemoryUse;
use super::faults::Faults;
use super::indices::IndexNote;
use super::kernel::Pipelines;
use super::pool::Pool;
use super::tiles::{CLASSES, Tile, default_tiles};
use crate::{Result, TensorError};

/// An open graphics adapter: its queue, its memory and its compiled kernels. All calls may come from any thread; what they
/// record executes in the order of the calls.
pub struct Gpu {
    pub(super) adapter: Adapter,
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) limits: AdapterLimits,
    pub(super) features: wgpu::Features,
    pub(super) faults: Arc<Faults>,
    pub(super) pool: Arc<Pool>,
    pub(super) staging: Arc<Pool>,
    /// Bytes that tensors may take at most, where no driver says so.
    pub(super) budget: Option<usize>,
    pub(super) pipelines: Pipelines,
    pub(super) batch: Mutex<Batch>,
    pub(super) index_note: IndexNote,
    /// The tile of each class of matrix products.
    pub(super) tiles: RwLock<[Tile; CLASSES]>,
    /// The tile of products in half precision, once it is tested.
    pub(super) cooperative: OnceLock<Option<Tile>>,
}

/// What is requested where the adapter has it.
const WANTED: wgpu::Features = wgpu::Features::SHADER_F16
    .union(wgpu::Features::SUBGROUP)
    .union(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX);

/// The devices that are open, by their index. Held while one is made: Mesa's software driver crashes when two are made at the
/// same time.
static OPEN: Mutex<Option<HashMap<usize, Arc<Gpu>>>> = Mutex::new(None);

impl Gpu {
    /// The adapter with this index in [`adapters`], or the first one. It is opened once; later calls give the same device.
    ///
    /// # Errors
    /// If there is no such adapter, or if its driver refuses.
    pub fn open(index: Option<usize>) -> Result<Arc<Self>> {
        let number = index.unwrap_or(0);
        let (handles, descriptions) = found();
        let (Some(handle), Some(adapter)) = (handles.get(number), descriptions.get(number)) else {
            let wanted = index.map_or_else(
                || "graphics adapter".to_owned(),
                |index| format!("graphics adapter {index}"),
            );
            let found = if adapters().is_empty() {
                "none".to_owned()
            } else {
                format!("{} (gpu:0 and on)", adapters().len())
            };
            return Err(TensorError::NoAdapter { wanted, found });
        };
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        let open = open.get_or_insert_default();
        if let Some(gpu) = open.get(&number) {
            return Ok(Arc::clone(gpu));
        }
        let gpu = Arc::new(Self::create(handle, adapter, &handle.limits())?);
        open.insert(number, Arc::clone(&gpu));
        Ok(gpu)
    }

    /// A device of its own that allows less than its adapter: what a smaller one does can be seen on it. The driver checks the
    /// buffers of a kernel and the bytes of a binding.
    ///
    /// # Errors
    /// As [`Gpu::open`].
    pub fn open_limited(
        index: Option<usize>,
        max_bindings: u32,
        max_binding_bytes: u64,
    ) -> Result<Arc<Self>> {
        // Opened first, and so not at the same time.
        let whole = Self::open(index)?;
        let (handles, _) = found();
        let Some(handle) = handles.get(whole.adapter.index) else {
            return Ok(whole);
        };
        let mut limits = handle.limits();
        limits.max_storage_buffers_per_shader_stage = max_bindings;
        limits.max_storage_buffer_binding_size = max_binding_bytes;
        let _other = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        Self::create(handle, &whole.adapter, &limits).map(Arc::new)
    }

    fn create(handle: &wgpu::Adapter, adapter: &Adapter, limits: &wgpu::Limits) -> Result<Self> {
        let features = WANTED.intersection(handle.features());
        // Once more without what is experimental, should the driver refuse it.
        let plain = features.difference(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX);
        let (device, queue) = match Self::request(handle, features, limits) {
            Ok(opened) => opened,
            Err(reason) if plain != features => {
                tracing::info!(
                    adapter = adapter.name,
                    reason,
                    "opened without cooperative matrices"
                );
                Self::request(handle, plain, limits).map_err(|reason| refused(adapter, reason))?
            }
            Err(reason) => return Err(refused(adapter, reason)),
        };
        let faults = Arc::new(Faults::new(adapter.name.clone()));
        let lost = Arc::clone(&faults);
        device.set_device_lost_callback(move |reason, message| {
            lost.lose(format!("{reason:?}: {message}"))
        });
        let uncaptured = Arc::clone(&faults);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            uncaptured.raise(error.to_string())
        }));

        let limits = AdapterLimits::of(&device.limits());
        let storage = wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::COPY_SRC
            | wgpu::BufferUsages::COPY_DST;
        let reading = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let pipelines = Pipelines::new(&device);
        Ok(Self {
            adapter: adapter.clone(),
            features: device.features(),
            pool: Arc::new(Pool::new("tensor", storage, limits.max_buffer_bytes)),
            staging: Arc::new(Pool::new("download", reading, limits.max_buffer_bytes)),
            budget: (adapter.kind == AdapterKind::Software)
                .then(host_budget)
                .flatten(),
            batch: Mutex::new(Batch::new(&device, &pipelines.params)),
            index_note: IndexNote::default(),
            pipelines,
            cooperative: OnceLock::new(),
            tiles: RwLock::new(default_tiles(adapter)),
            limits,
            device,
            queue,
            faults,
        })
    }

    fn request(
        handle: &wgpu::Adapter,
        features: wgpu::Features,
        limits: &wgpu::Limits,
    ) -> std::result::Result<(wgpu::Device, wgpu::Queue), String> {
        let experimental_features =
            if features.contains(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX) {
                // SAFETY: cooperative matrices are used only by shaders of this crate, after a test of their results.
                unsafe { wgpu::ExperimentalFeatures::enabled() }
            } else {
                wgpu::ExperimentalFeatures::disabled()
            };
        let description = wgpu::DeviceDescriptor {
            label: Some("tensor"),
            required_features: features,
            required_limits: limits.clone(),
            experimental_features,
            memory_hints: wgpu::MemoryHints::Performance,
            trace: wgpu::Trace::Off,
        };
        match catch_unwind(AssertUnwindSafe(|| {
            ready(handle.request_device(&description))
        })) {
            Ok(Ok(opened)) => Ok(opened),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("its driver failed while the device was made".to_owned()),
        }
    }

    /// The adapter that this is.
    pub fn adapter(&self) -> &Adapter {
        &self.adapter
    }

    /// What it allows at once.
    pub fn limits(&self) -> &AdapterLimits {
        &self.limits
    }

    /// Whether kernels may compute in half precision.
    pub fn has_f16(&self) -> bool {
        self.features.contains(wgpu::Features::SHADER_F16)
    }

    /// Whether kernels may use subgroup operations.
    pub fn has_subgroups(&self) -> bool {
        self.features.contains(wgpu::Features::SUBGROUP)
    }

    /// Whether the device was opened with cooperative matrices. Their results still have to pass a test.
    pub fn has_cooperative_matrix(&self) -> bool {
        self.features
            .contains(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX)
    }

    /// Bytes of tensors on the device.
    pub fn memory(&self) -> MemoryUse {
        self.pool.memory()
    }

    /// Destroys the device, which frees its memory at once. Every later call on it fails.
    pub fn close(&self) {
        self.faults.lose("it was closed");
        self.device.destroy();
    }

    pub(super) fn batch(&self) -> MutexGuard<'_, Batch> {
        self.batch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs wgpu calls on this thread and gives what went wrong in them.
    pub(super) fn scoped<T>(&self, work: impl FnOnce() -> T) -> (T, Option<wgpu::Error>) {
        let memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let internal = self.device.push_error_scope(wgpu::ErrorFilter::Internal);
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let value = work();
        let validation = ready(validation.pop());
        let internal = ready(internal.pop());
        let memory = ready(memory.pop());
        (value, memory.or(validation).or(internal))
    }

    /// Waits for a submission, or for all of them.
    pub(super) fn poll(&self, poll: wgpu::PollType) -> Result<()> {
        self.poll_status(poll).map(drop)
    }

    /// Whether all that was submitted has ended.
    pub(super) fn is_idle(&self) -> Result<bool> {
        Ok(self.poll_status(wgpu::PollType::Poll)?.is_queue_empty())
    }

    fn poll_status(&self, poll: wgpu::PollType) -> Result<wgpu::PollStatus> {
        // wgpu panics in a poll that finds the device lost.
        match catch_unwind(AssertUnwindSafe(|| self.device.poll(poll))) {
            Ok(Ok(status)) => self.faults.check("waiting for the device").map(|()| status),
            Ok(Err(error)) => {
                self.faults.check("waiting for the device")?;
                Err(TensorError::Gpu {
                    doing: "waiting for the device".to_owned(),
                    reason: error.to_string(),
                })
            }
            Err(_) => {
                self.faults
                    .lose("its driver failed while work was waited for");
                self.faults.check("waiting for the device")?;
                Ok(wgpu::PollStatus::Poll)
            }
        }
    }
}

impl std::fmt::Debug for Gpu {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Gpu")
            .field("adapter", &self.adapter.name)
            .field("memory", &self.memory())
            .finish_non_exhaustive()
    }
}

fn refused(adapter: &Adapter, reason: String) -> TensorError {
    let doing = format!("opening {} ({})", adapter.name, adapter.driver);
    TensorError::Gpu {
        doing,
        reason: format!("{reason}; update its driver, or use `--device cpu`"),
    }
}
