//! [`Pool`] and [`Buffer`]: memory that goes from one tensor to the next without a visit to the system.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytemuck::{Pod, Zeroable};

use crate::MemoryUse;

/// A cache line: what buffers are made of, so that they are aligned for the widest vectors.
#[derive(Clone, Copy, Zeroable, Pod)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// Freed buffers by size.
#[derive(Debug, Default)]
pub struct Pool {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    free: BTreeMap<usize, Vec<Vec<Line>>>,
    memory: MemoryUse,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.memory.fmt(f)
    }
}

/// Memory of a tensor, aligned to 64 bytes. Its contents are undefined at first; it goes back to the pool when dropped.
pub struct Buffer {
    lines: Vec<Line>,
    bytes: usize,
    pool: Arc<Pool>,
}

/// Sizes are rounded up to one of eight steps between powers of two, so that texts of many lengths share buffers.
fn size_class(bytes: usize) -> usize {
    let lines = bytes.div_ceil(size_of::<Line>());
    if lines <= 8 {
        return lines;
    }
    let step = (lines.next_power_of_two() / 16).max(1);
    lines.div_ceil(step) * step
}

impl Pool {
    /// A buffer of at least `bytes` bytes.
    pub(crate) fn take(self: &Arc<Self>, bytes: usize) -> Buffer {
        let lines = size_class(bytes);
        let mut state = self.state();
        let reused = state.free.get_mut(&lines).and_then(Vec::pop);
        let size = lines * size_of::<Line>();
        if reused.is_some() {
            state.memory.pooled -= size;
        }
        state.memory.live += size;
        state.memory.peak = state.memory.peak.max(state.memory.live);
        drop(state);
        Buffer {
            lines: reused.unwrap_or_else(|| vec![Line::zeroed(); lines]),
            bytes,
            pool: Arc::clone(self),
        }
    }

    /// Gives what is free back to the system.
    pub fn trim(&self) {
        let mut state = self.state();
        state.free.clear();
        state.memory.pooled = 0;
    }

    /// What tensors hold now, what is free for them, and the most that they ever held.
    pub fn memory(&self) -> MemoryUse {
        self.state().memory
    }

    /// Lets the peak begin again at what is live now.
    pub fn reset_peak(&self) {
        let mut state = self.state();
        state.memory.peak = state.memory.live;
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Buffer {
    pub(crate) fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.lines)[..self.bytes]
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.bytes]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        let size = lines.len() * size_of::<Line>();
        let mut state = self.pool.state();
        state.memory.live -= size;
        // What lies unused never exceeds what was once in use together.
        if size > 0 && state.memory.live + state.memory.pooled + size <= state.memory.peak {
            state.memory.pooled += size;
            state.free.entry(lines.len()).or_default().push(lines);
        }
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_freed_buffer_serves_the_next_tensor_of_its_size() {
        let pool = Arc::new(Pool::default());
        let first = pool.take(1000);
        let place = first.bytes().as_ptr();
        drop(first);
        assert_eq!(pool.memory().pooled, 1024);
        assert_eq!(pool.take(1010).bytes().as_ptr(), place);
        assert_eq!(pool.memory().peak, 1024);
    }

    #[test]
    fn rounding_wastes_an_eighth_at_most() {
        for bytes in 1..100_000 {
            let size = size_class(bytes) * 64;
            assert!(
                size >= bytes && size <= (bytes + bytes / 8).next_multiple_of(64),
                "{bytes} {size}"
            );
        }
    }
}
