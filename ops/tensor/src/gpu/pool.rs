//! Freed buffers by size, kept for the next allocation of about that size.
//!
//! A buffer comes back as soon as it is dropped, although recorded work may still use it: all work goes through one queue in
//! order, so whoever gets it next writes after the last read. Live and kept buffers together stay within a quarter above the
//! most that was ever live.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::buffer::MemoryUse;

/// Kept beyond the peak of live bytes whatever that is.
const SLACK: usize = 32 << 20;

/// A buffer of the device with the number of the last batch that uses it.
pub(super) struct Raw {
    pub buffer: wgpu::Buffer,
    pub capacity: usize,
    pub last_batch: u64,
}

/// Buffers of one usage.
pub(super) struct Pool {
    label: &'static str,
    usage: wgpu::BufferUsages,
    largest: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By capacity; the last freed at the back, where the next allocation looks.
    free: BTreeMap<usize, VecDeque<(u64, Raw)>>,
    clock: u64,
    live: usize,
    pooled: usize,
    peak: usize,
}

impl Pool {
    pub fn new(label: &'static str, usage: wgpu::BufferUsages, max_buffer_bytes: u64) -> Self {
        let largest = usize::try_from(max_buffer_bytes).unwrap_or(usize::MAX) & !3;
        Self {
            label,
            usage,
            largest,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A kept buffer of at least `bytes` and at most a quarter more, if there is one; else room is made for a new one.
    pub fn take(&self, bytes: usize) -> Option<Raw> {
        let capacity = self.capacity(bytes);
        let mut state = self.state();
        let fit = state
            .free
            .range_mut(capacity..=capacity.saturating_add(capacity / 4))
            .next();
        let raw = fit
            .and_then(|(&size, kept)| kept.pop_back().map(|(_, raw)| (size, raw, kept.is_empty())));
        let Some((size, raw, last)) = raw else {
            let most = state.peak.max(state.live + capacity);
            let room = (most + most / 4 + SLACK).saturating_sub(state.live + capacity);
            state.trim(room);
            return None;
        };
        if last {
            state.free.remove(&size);
        }
        state.pooled -= size;
        state.use_more(size);
        Some(raw)
    }

    /// A new buffer, which counts as live; errors go to the scope of the caller, who then gives up the buffer with
    /// [`Pool::forget`].
    pub fn create(&self, device: &wgpu::Device, bytes: usize) -> Raw {
        let capacity = self.capacity(bytes);
        let description = wgpu::BufferDescriptor {
            label: Some(self.label),
            size: capacity as u64,
            usage: self.usage,
            mapped_at_creation: false,
        };
        let buffer = device.create_buffer(&description);
        self.state().use_more(capacity);
        Raw {
            buffer,
            capacity,
            last_batch: 0,
        }
    }

    /// Takes back a buffer that is no longer used.
    pub fn give(&self, raw: Raw) {
        let mut state = self.state();
        state.live -= raw.capacity;
        state.pooled += raw.capacity;
        state.clock += 1;
        let now = state.clock;
        state
            .free
            .entry(raw.capacity)
            .or_default()
            .push_back((now, raw));
    }

    /// Counts a buffer that is not given back.
    pub fn forget(&self, raw: &Raw) {
        self.state().live -= raw.capacity;
    }

    /// Frees what is kept until at most `most` bytes are, longest unused first.
    pub fn trim(&self, most: usize) {
        self.state().trim(most);
    }

    pub fn memory(&self) -> MemoryUse {
        let state = self.state();
        MemoryUse {
            live: state.live,
            pooled: state.pooled,
            peak: state.peak,
        }
    }

    /// Sizes in steps of an eighth of their power of two, so at most that share is wasted.
    fn capacity(&self, bytes: usize) -> usize {
        let bytes = bytes.max(256);
        let step = (1usize << (bytes.ilog2() - 3)).max(256);
        bytes.next_multiple_of(step).min(self.largest).max(bytes)
    }
}

impl State {
    fn use_more(&mut self, bytes: usize) {
        self.live += bytes;
        self.peak = self.peak.max(self.live);
    }

    fn trim(&mut self, most: usize) {
        while self.pooled > most {
            let oldest = self
                .free
                .iter()
                .filter_map(|(&size, kept)| kept.front().map(|(freed, _)| (*freed, size)))
                .min();
            let Some((_, size)) = oldest else { return };
            if let Some(kept) = self.free.get_mut(&size) {
                kept.pop_front();
                if kept.is_empty() {
                    self.free.remove(&size);
                }
            }
            self.pooled -= size;
        }
    }
}
