//! [`Pool`] and [`Buffer`]: memory that goes from one tensor to the next without a visit to the system.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError};

use bytemuck::{Pod, Zeroable};

use super::arena::{Arena, Place, rounded};
use crate::MemoryUse;

/// A cache line: what small buffers are made of, so that they are aligned for the widest vectors.
#[derive(Clone, Copy, Zeroable, Pod)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// Buffers of up to so many bytes are pieces of their own, which would only stand between ranges of an arena.
const SMALL: usize = 32 << 10;
/// Blocks without use are kept until they are so many bytes more than a quarter of what was once in use together.
const SLACK: usize = 128 << 20;

/// Freed memory.
#[derive(Debug, Default)]
pub struct Pool {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    arena: Arena,
    /// Small buffers by size.
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
    start: NonNull<u8>,
    bytes: usize,
    /// What is set aside for it.
    size: usize,
    home: Home,
    pool: Arc<Pool>,
}

enum Home {
    Piece(Vec<Line>),
    Arena(Place),
}

// SAFETY: a buffer has its memory to itself.
unsafe impl Send for Buffer {}
// SAFETY: it is written to only through a mutable reference.
unsafe impl Sync for Buffer {}

/// Small sizes are rounded up to one of eight steps between powers of two, so that texts of many lengths share buffers.
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
    ///
    /// # Errors
    /// If the system has no more memory.
    pub(crate) fn take(self: &Arc<Self>, bytes: usize) -> io::Result<Buffer> {
        let mut state = self.state();
        let (start, size, home) = match bytes <= SMALL {
            true => {
                let lines = size_class(bytes);
                let size = lines * size_of::<Line>();
                let reused = state.free.get_mut(&lines).and_then(Vec::pop);
                if reused.is_some() {
                    state.memory.pooled -= size;
                }
                let mut piece = reused.unwrap_or_else(|| vec![Line::zeroed(); lines]);
                let start = NonNull::from(&mut piece[..]).cast();
                (start, size, Home::Piece(piece))
            }
            false => {
                let size = rounded(bytes);
                let held = state.arena.held();
                let (start, place) = state.arena.take(size)?;
                let grown = state.arena.held() - held;
                state.memory.pooled = state.memory.pooled + grown - size;
                (start, size, Home::Arena(place))
            }
        };
        state.memory.live += size;
        state.memory.peak = state.memory.peak.max(state.memory.live);
        drop(state);
        Ok(Buffer {
            start,
            bytes,
            size,
            home,
            pool: Arc::clone(self),
        })
    }

    /// Gives what is free back to the system.
    pub fn trim(&self) {
        self.state().trim();
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

impl State {
    fn trim(&mut self) {
        let pieces = self.free.iter();
        let small: usize = pieces
            .map(|(lines, pieces)| lines * size_of::<Line>() * pieces.len())
            .sum();
        self.free.clear();
        let held = self.arena.held();
        self.arena.trim();
        self.memory.pooled -= small + held - self.arena.held();
    }
}

impl Buffer {
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: so many bytes are this buffer's, and were zeros when they came from the system.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.bytes) }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and nobody else has them.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.bytes) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let home = std::mem::replace(&mut self.home, Home::Piece(Vec::new()));
        let mut state = self.pool.state();
        state.memory.live -= self.size;
        state.memory.pooled += self.size;
        match home {
            Home::Arena(place) => state.arena.give(place, self.size),
            Home::Piece(piece) => state.free.entry(piece.len()).or_default().push(piece),
        }
        let MemoryUse { live, pooled, peak } = state.memory;
        if live + pooled > peak + peak / 4 + SLACK {
            state.trim();
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
    fn a_freed_buffer_serves_the_next_tensor_of_its_size() -> io::Result<()> {
        let pool = Arc::new(Pool::default());
        for (bytes, less, size) in [(1000, 1010, 1024), (1 << 20, (1 << 20) - 100, 1 << 20)] {
            let first = pool.take(bytes)?;
            let place = first.bytes().as_ptr();
            let before = pool.memory();
            drop(first);
            assert_eq!(pool.memory().pooled, before.pooled + size);
            assert_eq!(pool.take(less)?.bytes().as_ptr(), place);
        }
        assert_eq!(pool.memory().live, 0);
        assert_eq!(pool.memory().peak, 1 << 20);
        pool.trim();
        assert_eq!(pool.memory().pooled, 0);
        Ok(())
    }

    #[test]
    fn buffers_are_aligned_to_cache_lines_and_writable_to_their_end() -> io::Result<()> {
        let pool = Arc::new(Pool::default());
        let mut kept = Vec::new();
        for bytes in [0, 1, 100, SMALL, SMALL + 1, 5_000_000, 100_000_000] {
            let mut buffer = pool.take(bytes)?;
            assert_eq!(buffer.bytes().as_ptr().addr() % 64, 0);
            assert_eq!(buffer.bytes().len(), bytes);
            if let Some(last) = buffer.bytes_mut().last_mut() {
                *last = 1;
            }
            kept.push(buffer);
        }
        Ok(())
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
