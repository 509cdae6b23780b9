//! Memory that a thread keeps from one task to the next.

use std::cell::Cell;

use bytemuck::{Pod, Zeroable};

/// Numbers of a cache line: every part of the scratch memory begins with one.
pub(super) const LINE: usize = 16;

#[derive(Clone, Copy, Zeroable, Pod)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

thread_local! {
    static LINES: Cell<Vec<Line>> = const { Cell::new(Vec::new()) };
}

/// Calls `run` with places for as many numbers as asked for, on cache lines of their own. What they hold is anything.
pub(super) fn with<const N: usize>(sizes: [usize; N], run: impl FnOnce([*mut f32; N])) {
    LINES.with(|cell| {
        let mut lines = cell.take();
        let needed = sizes.iter().map(|size| size.div_ceil(LINE)).sum();
        if lines.len() < needed {
            lines.resize(needed, Line::zeroed());
        }
        let mut rest = lines.as_mut_ptr().cast::<f32>();
        run(sizes.map(|size| {
            let part = rest;
            rest = rest.wrapping_add(size.div_ceil(LINE) * LINE);
            part
        }));
        cell.set(lines);
    });
}
