//! One launch of `shaders/matmul.wgsl`: defines, bindings, parameters and grid.

use super::device::Gpu;
use super::kernel::Kernel;
use super::launch::Access;
use super::matmul::Matmul;
use super::matrix::{FloatType, MatrixView};
use super::tiles::{Tile, Way};
use crate::Result;
use crate::cpu::gemm::Activation;

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

impl Gpu {
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
            ("LEFT_BF16", bit(left.float == FloatType::BF16)),
            ("RIGHT_BF16", bit(right.float == FloatType::BF16)),
            (
                "BIAS_BF16",
                bit(problem.bias.is_some_and(|bias| bias.1 == FloatType::BF16)),
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
    use crate::gpu::tiles::possible;
    use crate::gpu::{FloatType, Gpu, Matmul, MatrixView};

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
