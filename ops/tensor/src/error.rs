//! [`TensorError`]: what can go wrong, with the op, the shapes and the place.

/// The result of work on tensors.
pub type Result<T> = std::result::Result<T, TensorError>;

/// Why work on tensors could not be done.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TensorError {
    /// A graphics adapter or its driver failed.
    #[error("gpu: {doing}: {reason}")]
    Gpu {
        /// What was being done.
        doing: String,
        /// What the driver or wgpu said, and what to do.
        reason: String,
    },
    /// There is no such graphics adapter.
    #[error(
        "gpu: no {wanted}: found {found}; `engine devices` lists the adapters, `--device cpu` works without one"
    )]
    NoAdapter {
        /// What was asked for.
        wanted: String,
        /// What there is.
        found: String,
    },
    /// The device went away: unplugged, reset by its driver, or closed. It stays lost until the process ends.
    #[error(
        "gpu: {doing}: {adapter} was lost ({reason}); run again, with smaller batches if its driver resets it for taking too long, \
         or with `--device cpu`"
    )]
    DeviceLost {
        /// What was being done.
        doing: String,
        /// The adapter's name.
        adapter: String,
        /// What the driver said.
        reason: String,
    },
    /// The device has no memory left.
    #[error(
        "gpu: {adapter} has no memory left for {asked} bytes more ({live} bytes in use); use smaller batches, half precision or \
         gradient checkpointing, or `--device cpu`"
    )]
    OutOfDeviceMemory {
        /// The adapter's name.
        adapter: String,
        /// Bytes asked for.
        asked: usize,
        /// Bytes in use by tensors.
        live: usize,
    },
    /// More was asked for than the adapter allows at once.
    #[error("gpu: {what} of {asked} is past the {limit} that {adapter} allows; {advice}")]
    PastLimit {
        /// What is too large, with its unit.
        what: String,
        /// What was asked for.
        asked: u64,
        /// What the adapter allows.
        limit: u64,
        /// The adapter's name.
        adapter: String,
        /// What to do.
        advice: &'static str,
    },
    /// A kernel could not be built or launched: a mistake in its shader or in how it is called.
    #[error("gpu: kernel `{kernel}`: {reason}")]
    Kernel {
        /// The kernel's label.
        kernel: String,
        /// What is wrong.
        reason: String,
    },
}
