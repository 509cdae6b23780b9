//! Panels that lie one after the other.

use super::Source;
use crate::cpu::gemm::format::{Format, Pack, PanelShape};
use crate::cpu::gemm::matrix::Matrix;
use crate::cpu::threads::{Shareable, Threads};

/// Rows of A or columns of B, cut into panels.
pub(in crate::cpu::gemm) struct Block {
    pack: Pack,
    /// Rows or columns in all, and in a panel.
    across: usize,
    panel: usize,
    /// Whether the last panel is filled up with zeros.
    is_padded: bool,
    across_stride: usize,
    along_stride: usize,
    /// Elements of k in a step, and bytes of an element's step.
    step: usize,
    bytes: usize,
}

impl Block {
    /// So many rows of A.
    pub(in crate::cpu::gemm) fn left(format: &Format, a: &Matrix<'_>, rows: usize) -> Self {
        Self {
            pack: format.pack_a,
            across: rows,
            panel: format.rows,
            is_padded: false,
            across_stride: a.row_stride,
            along_stride: a.column_stride,
            step: format.step,
            bytes: format.bytes_a,
        }
    }

    /// So many columns of B.
    pub(in crate::cpu::gemm) fn right(format: &Format, b: &Matrix<'_>, columns: usize) -> Self {
        Self {
            pack: format.pack_b,
            across: columns,
            panel: format.columns,
            is_padded: true,
            across_stride: b.column_stride,
            along_stride: b.row_stride,
            step: format.step,
            bytes: format.bytes_b,
        }
    }

    /// Bytes from one panel to the next, for `k` elements of k.
    pub(in crate::cpu::gemm) fn stride(&self, k: usize) -> usize {
        k.div_ceil(self.step) * self.panel * self.bytes
    }

    /// Packs all panels over `k` elements of k. `source` is the first element.
    ///
    /// # Safety
    /// The elements exist, and the destination has room for the panels and a line more.
    pub(in crate::cpu::gemm) unsafe fn pack(
        &self,
        source: Source,
        k: usize,
        destination: *mut u8,
        threads: Option<&Threads>,
    ) {
        let destination = Shareable::new(destination);
        let panels = self.across.div_ceil(self.panel);
        let pack = |panel: usize| {
            let first = panel * self.panel;
            let across = self.panel.min(self.across - first);
            let shape = PanelShape {
                across,
                across_stride: self.across_stride,
                width: if self.is_padded { self.panel } else { across },
                along: k,
                along_stride: self.along_stride,
            };
            let source = source.offset(first * self.across_stride);
            let destination = destination.get().wrapping_add(panel * self.stride(k));
            // SAFETY: the caller vouches for the elements and for the room; panels are apart. What a narrow one is written
            // over its end belongs to the next, which its own packing follows: only B's, which are wide, are shared out.
            unsafe { (self.pack)(source, shape, destination) };
        };
        match threads {
            Some(threads) => threads.for_each(panels, pack),
            None => (0..panels).for_each(pack),
        }
    }
}
