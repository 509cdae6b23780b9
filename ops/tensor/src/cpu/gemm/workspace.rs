//! Memory that a thread keeps from one product to the next.

use std::cell::Cell;

/// A cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line {
    _bytes: [u8; 64],
}

/// Bytes at the alignment of a cache line, whose content is whatever was there.
#[derive(Default)]
pub(super) struct Buffer(Vec<Line>);

impl Buffer {
    /// At least `bytes` bytes, plus a line that a store may run into.
    pub(super) fn reserve(&mut self, bytes: usize) -> *mut u8 {
        let lines = bytes.div_ceil(64) + 1;
        if self.0.len() < lines {
            // Freed first, so that old and new never exist together.
            self.0 = Vec::new();
            self.0.resize(lines, Line { _bytes: [0; 64] });
        }
        self.0.as_mut_ptr().cast()
    }

    pub(super) fn as_ptr(&self) -> *const u8 {
        self.0.as_ptr().cast()
    }
}

thread_local! {
    static A: Cell<Buffer> = const { Cell::new(Buffer(Vec::new())) };
    static B: Cell<Buffer> = const { Cell::new(Buffer(Vec::new())) };
    static C: Cell<Buffer> = const { Cell::new(Buffer(Vec::new())) };
}

/// Which buffer.
#[derive(Clone, Copy)]
pub(super) enum Use {
    A,
    B,
    C,
}

/// Calls `run` with this thread's buffer for that use.
pub(super) fn with<R>(which: Use, run: impl FnOnce(&mut Buffer) -> R) -> R {
    let key = match which {
        Use::A => &A,
        Use::B => &B,
        Use::C => &C,
    };
    key.with(|cell| {
        let mut buffer = cell.take();
        let outcome = run(&mut buffer);
        cell.set(buffer);
        outcome
    })
}
