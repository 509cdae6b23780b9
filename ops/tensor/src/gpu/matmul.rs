//! Matrix products: bindings, defines and grid of `shaders/matmul.wgsl`.

use std::sync::PoisonError;

use super::adapters::AdapterKind;
use super::buffer::GpuBuffer;
use super::device::Gpu;
use super::kernel::Kernel;
use super::launch::{Access, Binding};
use super::tiles::{Tile, Way, class_of};
use crate::cpu::gemm::Activation;
use crate::{Result, TensorError};

pub(super) const SOURCE: &str = include_str!("../../../../shaders/matmul.wgsl");
const COOPERATIVE: Kernel = Kernel {
    label: "matmul by cooperative matrices",
    source: SOURCE,
    entry: "cooperative",
};
const TILED: Kernel = Kernel {
    label: "matmul",
    source: SOURCE,
    entry: "tiled",
};
const DIRECT: Kernel = Kernel {
    label: "matmul",
    source: SOURCE,
    entry: "direct",
};

/// Mesa's software driver leaves a loop after 65,535 iterations, of four steps of the depth here.
const MOST_DEPTH: usize = 1 << 17;

/// The type of the elements of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FloatType {
    /// 4 bytes.
    F32,
    /// 2 bytes; needs [`Gpu::has_f16`].
    F16,
}

impl FloatType {
    /// Bytes of an element.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
        }
    }

    pub(super) fn wgsl(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        }
    }
}

/// The name of an activation among the shader's defines.
fn define(activation: Activation) -> &'static str {
    match activation {
        Activation::None => "IDENTITY",
        Activation::Relu => "RELU",
        Activation::Gelu => "GELU",
        Activation::GeluTanh => "GELU_TANH",
        Activation::Tanh => "TANH",
        Activation::Sigmoid => "SIGMOID",
    }
}

/// A batch of matrices in a buffer. Offset and strides count elements; a stride of 0 repeats.
#[derive(Clone, Copy, Debug)]
pub struct MatrixView<'a> {
    /// Where they are.
    pub buffer: &'a GpuBuffer,
    /// The type of their elements.
    pub float: FloatType,
    /// The place of the first element.
    pub offset: usize,
    /// From one matrix to the next, along the outer and the inner dimension of the batch.
    pub batch_strides: [usize; 2],
    /// From one row to the next.
    pub row_stride: usize,
    /// From one column to the next.
    pub column_stride: usize,
}

impl<'a> MatrixView<'a> {
    /// Matrices of `rows` x `columns` in rows, one after the other from the start of the buffer.
    pub fn dense(
        buffer: &'a GpuBuffer,
        float: FloatType,
        inner_batch: usize,
        rows: usize,
        columns: usize,
    ) -> Self {
        let batch_strides = [inner_batch * rows * columns, rows * columns];
        Self {
            buffer,
            float,
            offset: 0,
            batch_strides,
            row_stride: columns,
            column_stride: 1,
        }
    }

    /// Rows and columns exchanged.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self {
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    fn moved(self, batch: [usize; 2], row: usize, column: usize) -> Self {
        let batches = batch[0] * self.batch_strides[0] + batch[1] * self.batch_strides[1];
        Self {
            offset: self.offset + batches + row * self.row_stride + column * self.column_stride,
            ..self
        }
    }

    /// Elements from the first one to behind the last one.
    fn span(&self, batch: [usize; 2], rows: usize, columns: usize) -> usize {
        let counts = [batch[0], batch[1], rows, columns];
        if counts.contains(&0) {
            return 0;
        }
        let strides = [
            self.batch_strides[0],
            self.batch_strides[1],
            self.row_stride,
            self.column_stride,
        ];
        counts
            .iter()
            .zip(strides)
            .map(|(count, stride)| (count - 1).saturating_mul(stride))
            .fold(1, usize::saturating_add)
    }

    /// Whether it can be read four elements at a time, along rows or along columns.
    fn vectors(&self, gpu: &Gpu, rows: usize, columns: usize, along_columns: bool) -> bool {
        let (stride, across, length) = if along_columns {
            (self.column_stride, self.row_stride, columns)
        } else {
            (self.row_stride, self.column_stride, rows)
        };
        let (_, rest) = self.base(gpu);
        let all = [
            self.batch_strides[0],
            self.batch_strides[1],
            across,
            length,
            rest,
        ];
        stride == 1 && rows > 0 && columns > 0 && all.iter().all(|value| value.is_multiple_of(4))
    }

    /// The aligned byte at which it is bound, and the elements from there to the first one.
    fn base(&self, gpu: &Gpu) -> (usize, usize) {
        let bytes = self.offset * self.float.bytes();
        let aligned = bytes - bytes % gpu.binding_alignment();
        (aligned, (bytes - aligned) / self.float.bytes())
    }

    /// The bytes that are bound for so many elements.
    fn bound_bytes(&self, gpu: &Gpu, span: usize) -> usize {
        let (_, rest) = self.base(gpu);
        ((rest + span.max(1)) * self.float.bytes()).next_multiple_of(4)
    }

    fn binding(&self, gpu: &Gpu, span: usize, access: Access) -> (Binding<'a>, u32) {
        if span == 0 {
            // Nothing of it is read, but something has to be bound.
            let nothing = Binding {
                buffer: self.buffer,
                offset: 0,
                bytes: 4,
                access,
            };
            return (nothing, 0);
        }
        let (aligned, rest) = self.base(gpu);
        (
            Binding {
                buffer: self.buffer,
                offset: aligned,
                bytes: self.bound_bytes(gpu, span),
                access,
            },
            rest as u32,
        )
    }
}

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

    fn spans(&self) -> [usize; 3] {
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

    pub(super) fn matmul_with(&self, problem: &Matmul<'_>, tile: Tile) -> Result<()> {
        let kernel = match tile.way {
            Way::Direct => &DIRECT,
            Way::Tiled => &TILED,
            Way::Cooperative(_) => &COOPERATIVE,
        };
        self.matmul_by(kernel, problem, tile)
    }

    pub(super) fn matmul_by(
        &self,
        kernel: &Kernel,
        problem: &Matmul<'_>,
        tile: Tile,
    ) -> Result<()> {
        let Matmul {
            batch,
            rows,
            columns,
            depth,
            left,
            right,
            out,
            ..
        } = *problem;
        let [left_span, right_span, out_span] = problem.spans();
        let along = |stride: usize| stride == 1;
        // Where both strides are 1, one of the sizes is too, and either reading is right.
        let left_along_depth = along(left.column_stride) || !along(left.row_stride);
        let right_along_depth = along(right.row_stride) && !along(right.column_stride);
        let left_vector = left.vectors(self, rows, depth, left_along_depth);
        let right_vector = right.vectors(self, depth, columns, !right_along_depth);
        let pre = problem.pre_activation.map(|(buffer, offset)| MatrixView {
            buffer,
            offset,
            ..out
        });
        let out_vector = out.vectors(self, rows, columns, true)
            && pre.is_none_or(|pre| pre.vectors(self, rows, columns, true));
        let [tile_rows, tile_columns] = tile.outputs();
        let exact = rows.is_multiple_of(tile_rows)
            && columns.is_multiple_of(tile_columns)
            && depth.is_multiple_of(tile.depth);

        let (left_binding, left_base) = left.binding(self, left_span, Access::Read);
        let (right_binding, right_base) = right.binding(self, right_span, Access::Read);
        let (out_binding, out_base) = out.binding(self, out_span, Access::ReadWrite);
        let mut bindings = vec![left_binding, right_binding, out_binding];
        let (mut bias_base, mut pre_base) = (0, 0);
        if let Some((buffer, float, offset)) = problem.bias {
            let view = MatrixView {
                buffer,
                float,
                offset,
                batch_strides: [0; 2],
                row_stride: 0,
                column_stride: 1,
            };
            let (binding, base) = view.binding(self, columns, Access::Read);
            bindings.push(binding);
            bias_base = base;
        }
        let pre_binding = bindings.len();
        if let Some(view) = pre {
            let (binding, base) = view.binding(self, out_span, Access::ReadWrite);
            bindings.push(binding);
            pre_base = base;
        }

        let matrix = if let Way::Cooperative(matrix) = tile.way {
            matrix
        } else {
            0
        };
        let [left_tile, right_tile] = tile.tile_elements();
        let bit = |value: bool| u8::from(value).to_string();
        let half = [
            Some(left.float),
            Some(right.float),
            Some(out.float),
            problem.bias.map(|bias| bias.1),
        ]
        .contains(&Some(FloatType::F16));
        let defines = [
            ("HALF", bit(half)),
            ("LEFT", left.float.wgsl().to_owned()),
            ("RIGHT", right.float.wgsl().to_owned()),
            ("OUT", out.float.wgsl().to_owned()),
            (
                "BIAS",
                problem
                    .bias
                    .map_or(FloatType::F32, |bias| bias.1)
                    .wgsl()
                    .to_owned(),
            ),
            ("LEFT_VECTOR", bit(left_vector)),
            ("RIGHT_VECTOR", bit(right_vector)),
            ("OUT_VECTOR", bit(out_vector)),
            ("LEFT_ALONG_DEPTH", bit(left_along_depth)),
            ("RIGHT_ALONG_DEPTH", bit(right_along_depth)),
            ("EXACT", bit(exact)),
            ("HAS_BIAS", bit(problem.bias.is_some())),
            ("ACCUMULATE", bit(problem.accumulate)),
            ("KEEP_PRE", bit(pre.is_some())),
            ("PRE_BINDING", pre_binding.to_string()),
            (define(problem.activation), "1".to_owned()),
            ("DIRECT", bit(tile.way == Way::Direct)),
            ("TILED", bit(tile.way == Way::Tiled)),
            ("COOPERATIVE", bit(matrix > 0)),
            ("SHARED", bit(tile.way != Way::Direct)),
            ("MATRIX", matrix.to_string()),
            ("LEFT_MATRIX", format!("coop_mat{matrix}x{matrix}<f16, A>")),
            ("RIGHT_MATRIX", format!("coop_mat{matrix}x{matrix}<f16, B>")),
            ("SUM_MATRIX", format!("coop_mat{matrix}x{matrix}<f32, C>")),
            ("RESULTS", (8 * matrix * matrix).to_string()),
            ("TILE_ROWS", tile_rows.to_string()),
            ("TILE_COLUMNS", tile_columns.to_string()),
            ("BLOCK_ROWS", tile.blocks[0].to_string()),
            ("BLOCK_COLUMNS", tile.blocks[1].to_string()),
            ("THREAD_ROWS", tile.threads[0].to_string()),
            ("THREAD_COLUMNS", tile.threads[1].to_string()),
            ("THREADS", tile.thread_count().to_string()),
            ("TILE_DEPTH", tile.depth.to_string()),
            ("LEFT_TILE", left_tile.to_string()),
            ("RIGHT_TILE", right_tile.to_string()),
        ];
        let params = [
            rows as u32,
            columns as u32,
            depth as u32,
            batch[1] as u32,
            left_base,
            left.batch_strides[0] as u32,
            left.batch_strides[1] as u32,
            left.row_stride as u32,
            left.column_stride as u32,
            right_base,
            right.batch_strides[0] as u32,
            right.batch_strides[1] as u32,
            right.row_stride as u32,
            right.column_stride as u32,
            out_base,
            out.batch_strides[0] as u32,
            out.batch_strides[1] as u32,
            out.row_stride as u32,
            bias_base,
            pre_base,
            problem.alpha.to_bits(),
        ];
        let grid = [
            columns.div_ceil(tile_columns) as u32,
            rows.div_ceil(tile_rows) as u32,
            (batch[0] * batch[1]) as u32,
        ];
        self.launch(kernel, &defines, &bindings, &params, grid)
    }
}

#[cfg(test)]
mod tests {
    use super::{FloatType, Matmul, MatrixView};
    use crate::gpu::Gpu;
    use crate::gpu::tiles::possible;

    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        let byte = |i: usize| ((i * 2_654_435_761 + seed * 40_503) >> 7) as u8;
        (0..count)
            .map(|i| f32::from(byte(i)) / 128.0 - 1.0)
            .collect()
    }

    #[test]
    fn every_tile_gives_the_product_of_f64() {
        let gpu = match Gpu::open(None) {
            Ok(gpu) => gpu,
            Err(error) if std::env::var_os("ENGINE_REQUIRE_GPU").is_some() => panic!("{error}"),
            Err(error) => return println!("ignored: {error}"),
        };
        // Vectors along rows and columns past one tile; single elements, transposed; whole tiles.
        let shapes = [
            ([140, 132, 20], false),
            ([67, 70, 19], true),
            ([128, 128, 32], false),
        ];
        for ([rows, columns, depth], transposed) in shapes {
            let (left, right) = (numbers(rows * depth, 1), numbers(depth * columns, 2));
            let left_buffer = gpu.upload(bytemuck::cast_slice(&left)).unwrap();
            let right_buffer = gpu.upload(bytemuck::cast_slice(&right)).unwrap();
            let out_buffer = gpu.allocate(rows * columns * 4).unwrap();
            let dense =
                |buffer, rows, columns| MatrixView::dense(buffer, FloatType::F32, 1, rows, columns);
            let (left_view, right_view) = if transposed {
                let left = dense(&left_buffer, depth, rows).transposed();
                (left, dense(&right_buffer, columns, depth).transposed())
            } else {
                (
                    dense(&left_buffer, rows, depth),
                    dense(&right_buffer, depth, columns),
                )
            };
            let out = dense(&out_buffer, rows, columns);
            let problem = Matmul::new([1, 1], [rows, columns, depth], left_view, right_view, out);
            for (_, tile) in possible(&gpu.adapter) {
                gpu.clear(&out_buffer, 0, out_buffer.bytes()).unwrap();
                gpu.matmul_with(&problem, tile).unwrap();
                let bytes = gpu.download(&out_buffer, 0, rows * columns * 4).unwrap();
                let result: Vec<f32> = bytemuck::pod_collect_to_vec(&bytes);
                for (at, &found) in result.iter().enumerate() {
                    let (row, column) = (at / columns, at % columns);
                    let term = |k: usize| {
                        let l = left[row * left_view.row_stride + k * left_view.column_stride];
                        let r =
                            right[k * right_view.row_stride + column * right_view.column_stride];
                        f64::from(l) * f64::from(r)
                    };
                    let expected: f64 = (0..depth).map(term).sum();
                    let error = (f64::from(found) - expected).abs();
                    assert!(
                        error < 1e-4,
                        "{tile}: {found} for {expected} at {row}, {column}"
                    );
                }
            }
        }
    }
}
