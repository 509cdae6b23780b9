//! [`Matmul`]: a batch of matrix products with what is fused to them.

use std::sync::PoisonError;

use super::adapters::AdapterKind;
use super::buffer::GpuBuffer;
use super::device::Gpu;
use super::matrix::{FloatType, MatrixView};
use super::tiles::class_of;
use crate::cpu::gemm::Activation;
use crate::{Result, TensorError};

/// Mesa's software driver leaves a loop after 65,535 iterations, of four steps of the depth here.
const MOST_DEPTH: usize = 1 << 17;

/// out = activation(alpha * left @ right + bias), for `batch[0] * batch[1]` products `[rows, depth] @ [depth, columns]`.
#[derive(Clone, Copy, Debug)]
pub struct Matmul<'a> {
    /// The outer and the inner dimension of the batch.
    pub batch: [usize; 2],
    /// Rows of left and out.
    pub rows: usize,
    /// Columns of right and out.
    pub columns: usize,
    /// Columns of left, rows of right.
    pub depth: usize,
    /// The left factor.
    pub left: MatrixView<'a>,
    /// The right factor.
    pub right: MatrixView<'a>,
    /// The result, in another buffer than both factors, with a column stride of 1.
    pub out: MatrixView<'a>,
    /// Multiplies the product.
    pub alpha: f32,
    /// Added to every row: a buffer, its type and the offset of `columns` elements in it.
    pub bias: Option<(&'a GpuBuffer, FloatType, usize)>,
    /// Whether what is in `out` is added too, before the activation.
    pub accumulate: bool,
    /// Applied last.
    pub activation: Activation,
    /// Where the argument of the activation goes: a buffer and an offset, laid out like `out` and of its type.
    pub pre_activation: Option<(&'a GpuBuffer, usize)>,
}

impl<'a> Matmul<'a> {
    /// A product with nothing beside it.
    pub fn new(
        batch: [usize; 2],
        [rows, columns, depth]: [usize; 3],
        left: MatrixView<'a>,
        right: MatrixView<'a>,
        out: MatrixView<'a>,
    ) -> Self {
        Self {
            batch,
            rows,
            columns,
            depth,
            left,
            right,
            out,
            alpha: 1.0,
            bias: None,
            accumulate: false,
            activation: Activation::None,
            pre_activation: None,
        }
    }

    /// Operations, a multiplication and an addition counted as two.
    pub fn operations(&self) -> f64 {
        2.0 * self.batch.iter().product::<usize>() as f64
            * self.rows as f64
            * self.columns as f64
            * self.depth as f64
    }

    pub(super) fn spans(&self) -> [usize; 3] {
        [
            self.left.span(self.batch, self.rows, self.depth),
            self.right.span(self.batch, self.depth, self.columns),
            self.out.span(self.batch, self.rows, self.columns),
        ]
    }

    fn largest_binding(&self, gpu: &Gpu) -> usize {
        let views = [self.left, self.right, self.out];
        views
            .iter()
            .zip(self.spans())
            .map(|(view, span)| view.bound_bytes(gpu, span))
            .max()
            .unwrap_or(0)
    }

    /// The same problem from `start` on, over `count` steps of a dimension: 0 and 1 the batch, 2 rows, 3 columns, 4 depth.
    fn part(&self, dimension: usize, start: usize, count: usize) -> Self {
        let mut part = *self;
        let mut moved = [0; 5];
        moved[dimension] = start;
        let [outer, inner, row, column, depth] = moved;
        part.left = part.left.moved([outer, inner], row, depth);
        part.right = part.right.moved([outer, inner], depth, column);
        part.out = part.out.moved([outer, inner], row, column);
        part.bias = part
            .bias
            .map(|(buffer, float, offset)| (buffer, float, offset + column));
        let pre_offset = part.out.offset - self.out.offset;
        part.pre_activation = part
            .pre_activation
            .map(|(buffer, offset)| (buffer, offset + pre_offset));
        match dimension {
            0 | 1 => part.batch[dimension] = count,
            2 => part.rows = count,
            3 => part.columns = count,
            _ => part.depth = count,
        }
        part
    }

    fn size(&self, dimension: usize) -> usize {
        [
            self.batch[0],
            self.batch[1],
            self.rows,
            self.columns,
            self.depth,
        ][dimension]
    }

    /// Two problems that one after the other do the same.
    fn cut(&self, dimension: usize) -> [Self; 2] {
        let size = self.size(dimension);
        // Whole tiles, so that vectors stay aligned.
        let middle = (size / 2).next_multiple_of(128).min(size - 1);
        let [mut first, mut second] = [
            self.part(dimension, 0, middle),
            self.part(dimension, middle, size - middle),
        ];
        if dimension == 4 {
            // Sums go on in the result; what comes after the sum comes once, with the second half.
            first.bias = None;
            first.activation = Activation::None;
            first.pre_activation = None;
            second.accumulate = true;
        }
        [first, second]
    }
}

impl Gpu {
    /// Records a product. A part that is past the adapter's largest binding is cut, along batch, rows, columns or depth.
    ///
    /// # Errors
    /// If a view is not inside of its buffer, `out` is also a factor or not contiguous along its rows, half precision is
    /// asked of a device without it, or the device is lost.
    pub fn matmul(&self, problem: &Matmul<'_>) -> Result<()> {
        if problem.batch.contains(&0) || problem.rows == 0 || problem.columns == 0 {
            return self.faults.check("matmul");
        }
        self.check_views(problem)?;
        if problem.depth > MOST_DEPTH && self.adapter.kind == AdapterKind::Software {
            let [first, second] = problem.cut(4);
            self.matmul(&first)?;
            return self.matmul(&second);
        }
        if problem.largest_binding(self) as u64 > self.limits.max_binding_bytes {
            return self.matmul_in_parts(problem);
        }
        let outputs = problem.batch[0] * problem.batch[1] * problem.rows * problem.columns;
        let halves = [problem.left.float, problem.right.float] == [FloatType::F16; 2];
        let large =
            problem.rows.min(problem.columns).min(problem.depth) >= 16 && outputs >= 1 << 12;
        let cooperative = if halves && large {
            self.cooperative()
        } else {
            None
        };
        let tile = cooperative.unwrap_or_else(|| {
            self.tiles.read().unwrap_or_else(PoisonError::into_inner)[class_of(outputs)]
        });
        self.matmul_with(problem, tile)
    }

    fn check_views(&self, problem: &Matmul<'_>) -> Result<()> {
        let faulty = |reason: String| {
            Err(TensorError::Kernel {
                kernel: "matmul".to_owned(),
                reason,
            })
        };
        let [batch, rows, columns, depth] = [
            problem.batch[0] * problem.batch[1],
            problem.rows,
            problem.columns,
            problem.depth,
        ];
        let shapes = format!("{batch} x [{rows}, {depth}] @ [{depth}, {columns}]");
        if problem.out.float == FloatType::BF16 {
            return faulty(format!(
                "{shapes}: the result cannot be written as bf16; use f32 or f16"
            ));
        }
        if problem.out.column_stride != 1 && columns > 1 {
            return faulty(format!(
                "{shapes}: the columns of the result are {} elements apart",
                problem.out.column_stride
            ));
        }
        let mut views = vec![
            ("left", problem.left),
            ("right", problem.right),
            ("the result", problem.out),
        ];
        let mut spans = problem.spans().to_vec();
        if let Some((buffer, float, offset)) = problem.bias {
            let bias = MatrixView {
                buffer,
                float,
                offset,
                batch_strides: [0; 2],
                row_stride: 0,
                column_stride: 1,
            };
            views.push(("the bias", bias));
            spans.push(columns);
        }
        if let Some((buffer, offset)) = problem.pre_activation {
            views.push((
                "the argument of the activation",
                MatrixView {
                    buffer,
                    offset,
                    ..problem.out
                },
            ));
            spans.push(spans[2]);
        }
        for ((name, view), span) in views.iter().zip(spans) {
            let bytes = view
                .offset
                .saturating_add(span)
                .saturating_mul(view.float.bytes());
            if bytes > view.buffer.bytes() {
                return faulty(format!(
                    "{shapes}: {name} ends at byte {bytes} of a buffer of {}",
                    view.buffer.bytes()
                ));
            }
            if view.float == FloatType::F16 && !self.has_f16() {
                return faulty(format!(
                    "{shapes}: {} has no half precision; use f32",
                    self.adapter.name
                ));
            }
        }
        Ok(())
    }

    /// Halves what is too large, along the dimension that makes the largest operand smaller.
    fn matmul_in_parts(&self, problem: &Matmul<'_>) -> Result<()> {
        let before = problem.largest_binding(self);
        let largest = |parts: &[Matmul<'_>; 2]| {
            parts
                .iter()
                .map(|part| part.largest_binding(self))
                .max()
                .unwrap_or(0)
        };
        let cuts = (0..5)
            .filter(|&dimension| problem.size(dimension) > 1)
            .map(|dimension| problem.cut(dimension));
        let Some([first, second]) = cuts
            .min_by_key(largest)
            .filter(|parts| largest(parts) < before)
        else {
            return Err(TensorError::PastLimit {
                what: "an operand of a matrix product, in bytes,".to_owned(),
                asked: before as u64,
                limit: self.limits.max_binding_bytes,
                adapter: self.adapter.name.clone(),
                advice: "make its rows contiguous, or use smaller batches",
            });
        };
        self.matmul(&first)?;
        self.matmul(&second)
    }
}
