//! Indices past the end, which only shaders see: they read and write nothing there, and leave a note. Waiting for every
//! kernel would stall the device, so the next download or synchronisation turns the note into an error.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::buffer::GpuBuffer;
use super::device::Gpu;
use crate::{DType, Result, TensorError};

/// Ops whose shaders check indices. Their number, counted from 1, is what shaders note.
const OPS: [&str; 5] = [
    "index_select",
    "embedding",
    "gather",
    "scatter_add",
    "cross_entropy",
];

/// In the number of an op, for indices that have a sign.
const SIGNED: u32 = 1 << 16;

/// Whether there is one, the index, how many there are, and the number of the op.
const NOTE_BYTES: usize = 16;

/// The note of a device.
#[derive(Default)]
pub(super) struct IndexNote {
    buffer: OnceLock<GpuBuffer>,
    /// Whether a kernel that may write to it was launched since it was read.
    pending: AtomicBool,
}

impl Gpu {
    /// The note, four words that a kernel writes where an index is past the end, to be bound for one launch.
    pub(crate) fn index_note(&self) -> Result<&GpuBuffer> {
        self.index_note.pending.store(true, Ordering::Release);
        if let Some(buffer) = self.index_note.buffer.get() {
            return Ok(buffer);
        }
        let buffer = self.allocate(NOTE_BYTES)?;
        self.clear(&buffer, 0, NOTE_BYTES)?;
        Ok(self.index_note.buffer.get_or_init(|| buffer))
    }

    /// Fails for an index past the end that a kernel met since the last call.
    pub(crate) fn check_indices(&self) -> Result<()> {
        if !self.index_note.pending.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let Some(buffer) = self.index_note.buffer.get() else {
            return Ok(());
        };
        let mut note = [0_u32; 4];
        self.download_piece(buffer, 0, NOTE_BYTES, |bytes| {
            bytemuck::cast_slice_mut(&mut note).copy_from_slice(bytes);
        })?;
        let [found, index, size, op] = note;
        if found == 0 {
            return Ok(());
        }
        self.clear(buffer, 0, NOTE_BYTES)?;
        Err(TensorError::Index {
            op: OPS
                .get((op & !SIGNED) as usize - 1)
                .copied()
                .unwrap_or("indexing"),
            index: match op & SIGNED != 0 {
                true => i64::from(index as i32),
                false => i64::from(index),
            },
            size: size as usize,
        })
    }
}

/// The number by which shaders note an op.
pub(crate) fn noted(op: &str, dtype: DType) -> u32 {
    let number = OPS.iter().position(|name| *name == op).unwrap_or(0) as u32 + 1;
    number | if dtype == DType::I32 { SIGNED } else { 0 }
}
