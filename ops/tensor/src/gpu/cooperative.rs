//! Whether cooperative matrices can be trusted on this device.
//!
//! The feature is experimental in wgpu and young in drivers, so before the first use its results are compared with those
//! of the plain shader. What does not compile, differs or is slower is not used.

use std::time::Duration;

use half::f16;

use super::device::Gpu;
use super::matmul::Matmul;
use super::matrix::{FloatType, MatrixView};
use super::tiles::{Tile, class_of, default_tiles};
use crate::cpu::gemm::Activation;
use crate::{Result, TensorError};

/// Threads of the subgroups that the shader counts on.
const SUBGROUP: u32 = 32;

impl Gpu {
    /// The tile of products in half precision by cooperative matrices, where these work. Tested at the first call.
    pub(super) fn cooperative(&self) -> Option<Tile> {
        *self.cooperative.get_or_init(|| {
            let sizes = &self.adapter.cooperative_f16;
            let side = [16, 8].into_iter().find(|&side| sizes.contains(&[side; 3]))?;
            let subgroups = self.adapter.subgroups == Some((SUBGROUP, SUBGROUP));
            if !self.has_cooperative_matrix() || !self.has_f16() || !self.has_subgroups() || !subgroups {
                return None;
            }
            let tile = Tile::cooperative(side as usize);
            if !tile.fits(&self.adapter) {
                return None;
            }
            let tested = self.test_cooperative(tile);
            match &tested {
                Ok(()) => tracing::debug!(adapter = self.adapter.name, side, "cooperative matrices are right"),
                Err(error) => tracing::info!(adapter = self.adapter.name, %error, "cooperative matrices are not used"),
            }
            tested.is_ok().then_some(tile)
        })
    }

    /// Whether products in half precision go through cooperative matrices, after their test.
    pub fn uses_cooperative_matrix(&self) -> bool {
        self.cooperative().is_some()
    }

    fn test_cooperative(&self, tile: Tile) -> Result<()> {
        // Whole tiles, and sizes that end inside of a tile; both sides either way around.
        for sizes in [[128, 128, 64], [133, 70, 41]] {
            for transposed in [[false, false], [true, true], [false, true]] {
                let plain = default_tiles(&self.adapter)[class_of(sizes[0] * sizes[1])];
                let expected = self.sample_product(sizes, transposed, |problem| {
                    self.matmul_with(problem, plain)
                })?;
                let found = self
                    .sample_product(sizes, transposed, |problem| self.matmul_with(problem, tile))?;
                let wrong = expected
                    .iter()
                    .zip(&found)
                    .position(|(a, b)| (a - b).abs() > 1e-3 || !b.is_finite());
                if let Some(place) = wrong {
                    let reason = format!(
                        "{sizes:?} {transposed:?}: {} for {} at {place}",
                        found[place], expected[place]
                    );
                    return Err(TensorError::Kernel {
                        kernel: "matmul by cooperative matrices".to_owned(),
                        reason,
                    });
                }
            }
        }
        let side = 1024;
        let plain = default_tiles(&self.adapter)[class_of(side * side)];
        let [slow, fast] = [plain, tile].map(|tile| self.half_seconds(side, tile));
        let (slow, fast) = (slow?, fast?);
        if fast > slow {
            let reason = format!("slower than without: {fast} s for {slow} s");
            return Err(TensorError::Kernel {
                kernel: "matmul by cooperative matrices".to_owned(),
                reason,
            });
        }
        Ok(())
    }

    /// relu(left @ right + bias) of fixed numbers between -1 and 1.
    fn sample_product(
        &self,
        [rows, columns, depth]: [usize; 3],
        transposed: [bool; 2],
        multiply: impl Fn(&Matmul<'_>) -> Result<()>,
    ) -> Result<Vec<f32>> {
        let halves = |count: usize, seed: usize| -> Vec<f16> {
            let byte = |i: usize| ((i * 40_503 + seed * 7_919) >> 5) as u8;
            (0..count)
                .map(|i| f16::from_f32(f32::from(byte(i)) / 128.0 - 1.0))
                .collect()
        };
        let left = self.upload(bytemuck::cast_slice(&halves(rows * depth, 1)))?;
        let right = self.upload(bytemuck::cast_slice(&halves(depth * columns, 2)))?;
        let bias = self.upload(bytemuck::cast_slice(&halves(columns, 3)))?;
        let out = self.allocate(rows * columns * 4)?;
        let view = |buffer, rows, columns, transposed| {
            if transposed {
                MatrixView::dense(buffer, FloatType::F16, 1, columns, rows).transposed()
            } else {
                MatrixView::dense(buffer, FloatType::F16, 1, rows, columns)
            }
        };
        let problem = Matmul {
            bias: Some((&bias, FloatType::F16, 0)),
            activation: Activation::Relu,
            ..Matmul::new(
                [1, 1],
                [rows, columns, depth],
                view(&left, rows, depth, transposed[0]),
                view(&right, depth, columns, transposed[1]),
                MatrixView::dense(&out, FloatType::F32, 1, rows, columns),
            )
        };
        multiply(&problem)?;
        Ok(bytemuck::pod_collect_to_vec(&self.download(
            &out,
            0,
            rows * columns * 4,
        )?))
    }

    fn half_seconds(&self, side: usize, tile: Tile) -> Result<f64> {
        let factor = self.upload(&vec![0; side * side * 2])?;
        let out = self.allocate(side * side * 2)?;
        let view = |buffer| MatrixView::dense(buffer, FloatType::F16, 1, side, side);
        let problem = Matmul::new([1, 1], [side; 3], view(&factor), view(&factor), view(&out));
        self.least_seconds(Duration::from_millis(3), || {
            self.matmul_with(&problem, tile)
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::gpu::multiply::SOURCE;
    use crate::gpu::tiles::{Tile, class_of, default_tiles};
    use crate::gpu::{Gpu, Kernel, Matmul};

    /// A thread holds two of the 64 sums of a matrix; factors are only the places in workgroup memory where they lie.
    const SOFT: &str = "
var<private> lane: u32;
fn soft_left(at: u32, along_rows: u32, along_columns: u32) -> vec3<u32> {
    return vec3<u32>(at, along_rows, along_columns);
}
fn soft_right(at: u32, along_rows: u32, along_columns: u32) -> vec3<u32> {
    return vec3<u32>(at, along_rows, along_columns);
}
fn soft_multiply_add(l: vec3<u32>, r: vec3<u32>, sums: vec2<f32>) -> vec2<f32> {
    let row = l.x + 2u * lane / MATRIX * l.y;
    let column = r.x + 2u * lane % MATRIX * r.z;
    var result = sums;
    for (var k = 0u; k < MATRIX; k++) {
        let left = f32(left_tile[row + k * l.z]);
        result += left * vec2<f32>(f32(right_tile[column + k * r.y]), f32(right_tile[column + r.z + k * r.y]));
    }
    return result;
}
fn soft_store(sums: vec2<f32>, at: u32) {
    results[at + 2u * lane] = sums.x;
    results[at + 2u * lane + 1u] = sums.y;
}
";

    /// The shader with its cooperative calls replaced by the functions above. A call that is written differently stays, and
    /// does not compile without the feature.
    fn soft_source() -> String {
        let mut text = String::new();
        for line in SOURCE.lines() {
            let mut line = line
                .replace("enable wgpu_cooperative_matrix;", "")
                .replace("{{SUM_MATRIX}}", "vec2<f32>");
            for (side, name) in [("left", "LEFT"), ("right", "RIGHT")] {
                let row_major = format!("coopLoadT<{{{{{name}_MATRIX}}}}>(&{side}_tile[");
                let column_major = format!("coopLoad<{{{{{name}_MATRIX}}}}>(&{side}_tile[");
                if line.contains(&row_major) {
                    line = line
                        .replace(&row_major, &format!("soft_{side}("))
                        .replace(&format!("], {name}_LINE)"), &format!(", {name}_LINE, 1u)"));
                } else if line.contains(&column_major) {
                    line = line
                        .replace(&column_major, &format!("soft_{side}("))
                        .replace(&format!("], {name}_LINE)"), &format!(", 1u, {name}_LINE)"));
                }
            }
            line = line.replace("coopMultiplyAdd(", "soft_multiply_add(");
            line = line
                .replace("coopStoreT(", "soft_store(")
                .replace(", &results[result], MATRIX)", ", result)");
            if line.contains("@builtin(subgroup_") {
                continue;
            }
            text += &line.replace(
                "let my_row =",
                "let subgroup = lid / 32u;\n lane = lid % 32u;\n let my_row =",
            );
            text.push('\n');
        }
        text + "#if COOPERATIVE\n" + SOFT + "#endif\n"
    }

    #[test]
    fn the_shader_of_cooperative_matrices_is_right_with_matrices_in_software() {
        let gpu = match Gpu::open(None) {
            Ok(gpu) => gpu,
            Err(error) if std::env::var_os("ENGINE_REQUIRE_GPU").is_some() => panic!("{error}"),
            Err(error) => return println!("ignored: {error}"),
        };
        if !gpu.has_f16() {
            return println!("ignored: {} has no half precision", gpu.adapter().name);
        }
        let kernel = Kernel {
            label: "soft cooperative",
            source: soft_source().leak(),
            entry: "cooperative",
        };
        for (sizes, transposed) in [
            ([64, 128, 32], [false, false]),
            ([69, 70, 41], [true, true]),
            ([64, 64, 16], [false, true]),
        ] {
            let plain = default_tiles(&gpu.adapter)[class_of(sizes[0] * sizes[1])];
            let expected = gpu
                .sample_product(sizes, transposed, |problem| gpu.matmul_with(problem, plain))
                .unwrap();
            let soft = |problem: &Matmul<'_>| gpu.matmul_by(&kernel, problem, Tile::cooperative(8));
            let found = gpu.sample_product(sizes, transposed, soft).unwrap();
            for (place, (expected, found)) in expected.iter().zip(found).enumerate() {
                assert!(
                    (expected - found).abs() < 1e-3,
                    "{sizes:?} {transposed:?}: {found} for {expected} at {place}"
                );
            }
        }
    }
}
