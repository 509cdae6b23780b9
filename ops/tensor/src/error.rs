//! [`TensorError`]: what can go wrong, with the op, the shapes and the place.

use crate::{DType, Shape};

/// The result of work on tensors.
pub type Result<T> = std::result::Result<T, TensorError>;

/// Why work on tensors could not be done.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TensorError {
    /// Shapes that do not fit the op.
    #[error("{op}: {reason} (shapes: {})", list(shapes))]
    Shape {
        /// The op.
        op: &'static str,
        /// What does not fit.
        reason: String,
        /// The shapes of its inputs.
        shapes: Vec<Shape>,
    },
    /// A type of elements that the op does not take.
    #[error("{op}: takes {expected}, not {found}; convert it with `cast`")]
    DType {
        /// The op.
        op: &'static str,
        /// What it takes.
        expected: &'static str,
        /// What it got.
        found: DType,
    },
    /// Tensors of two devices in one op.
    #[error(
        "{op}: one tensor is on {first}, another on {second}; bring them together with `to_device`"
    )]
    Devices {
        /// The op.
        op: &'static str,
        /// Where the first input is.
        first: String,
        /// Where another is.
        second: String,
    },
    /// A number that the op can do nothing with.
    #[error("{op}: {reason}")]
    Argument {
        /// The op.
        op: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// An index beyond the end.
    #[error("{op}: index {index} is out of range: there are {size}")]
    Index {
        /// The op.
        op: &'static str,
        /// The index.
        index: i64,
        /// How many there are.
        size: usize,
    },
    /// A derivative that the op does not have.
    #[error(
        "{op}: has no gradient with respect to input {input}; call `detach` on it if none is wanted"
    )]
    NoGradient {
        /// The op.
        op: &'static str,
        /// The place of the input, from 0.
        input: usize,
    },
    /// A backward pass that cannot be made.
    #[error("backward: {reason}")]
    Backward {
        /// Why not.
        reason: String,
    },
    /// More memory than the device has.
    #[error(
        "{device}: out of memory: {} asked for, {} in use, {} in all; use shorter texts, smaller batches with gradient \
         accumulation, or gradient checkpointing",
        size(*asked), size(*live), size(*limit)
    )]
    OutOfMemory {
        /// The device.
        device: String,
        /// Bytes asked for.
        asked: usize,
        /// Bytes that tensors hold.
        live: usize,
        /// Bytes that the device has for tensors.
        limit: usize,
    },
    /// An op for which the device has too little room.
    #[error("{op}: {source} (shapes: {})", list(shapes))]
    NoRoom {
        /// The op.
        op: &'static str,
        /// The shapes of its inputs.
        shapes: Vec<Shape>,
        /// What there is too little of: [`Self::OutOfMemory`], [`Self::OutOfDeviceMemory`] or [`Self::PastLimit`].
        source: Box<Self>,
    },
    /// A graphics adapter or its driver failed.
    #[error("gpu: {doing}: {reason}")]
    Gpu {
        /// What was being done.
        doing: String,
        /// What the driver or wgpu said, and what to do.
        reason: String,
    },
    /// A device that is not called so.
    #[error("`{name}` names no device; the names are `auto`, `cpu`, `gpu` and `gpu:N`")]
    DeviceName {
        /// The name given.
        name: String,
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

impl TensorError {
    /// The error with the op and its inputs' shapes, where it tells of too little room and does not say for what.
    pub(crate) fn for_op(self, op: &'static str, shapes: impl FnOnce() -> Vec<Shape>) -> Self {
        match self {
            Self::OutOfMemory { .. } | Self::OutOfDeviceMemory { .. } | Self::PastLimit { .. } => {
                Self::NoRoom {
                    op,
                    shapes: shapes(),
                    source: Box::new(self),
                }
            }
            other => other,
        }
    }
}

fn list(shapes: &[Shape]) -> String {
    let shapes: Vec<_> = shapes.iter().map(Shape::to_string).collect();
    shapes.join(", ")
}

fn size(bytes: usize) -> String {
    match bytes {
        0..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}
