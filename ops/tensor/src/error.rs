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
}
