//! Matrix products on the GPU against sums in f64; with `ENGINE_REQUIRE_GPU=1` there has to be an adapter.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::adapter as gpu;
use half::{bf16, f16};
use proptest::prelude::*;
use tensor::Activation;
use tensor::gpu::{FloatType, Gpu, GpuBuffer, Matmul, MatrixView};

/// Numbers between -1 and 1 that half precision holds exactly.
fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count)
        .map(|i| ((i * 2_654_435_761 + seed * 40_503) >> 7) as u8 as f32 / 128.0 - 1.0)
        .collect()
}

fn upload(gpu: &Gpu, values: &[f32], float: FloatType) -> GpuBuffer {
    match float {
        FloatType::F32 => gpu.upload(bytemuck::cast_slice(values)).unwrap(),
        FloatType::F16 => {
            let halves: Vec<f16> = values.iter().map(|&value| f16::from_f32(value)).collect();
            gpu.upload(bytemuck::cast_slice(&halves)).unwrap()
        }
        FloatType::BF16 => {
            let halves: Vec<bf16> = values.iter().map(|&value| bf16::from_f32(value)).collect();
            gpu.upload(bytemuck::cast_slice(&halves)).unwrap()
        }
    }
}

fn download(gpu: &Gpu, buffer: &GpuBuffer, count: usize, float: FloatType) -> Vec<f32> {
    let bytes = gpu.download(buffer, 0, count * float.bytes()).unwrap();
    match float {
        FloatType::F32 => bytemuck::pod_collect_to_vec(&bytes),
        FloatType::F16 => bytemuck::pod_collect_to_vec::<u8, f16>(&bytes)
            .into_iter()
            .map(f16::to_f32)
            .collect(),
        FloatType::BF16 => panic!("no result is bf16"),
    }
}

fn activate(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::None => x,
        Activation::Relu => x.max(0.0),
        // The error function by its series, which is exact for the arguments of these tests.
        Activation::Gelu => {
            let z = x / std::f64::consts::SQRT_2;
            if z.abs() > 5.0 {
                return if z > 0.0 { x } else { 0.0 };
            }
            let (mut term, mut sum) = (z, z);
            for n in 1..200 {
                term *= -z * z / f64::from(n);
                sum += term / f64::from(2 * n + 1);
            }
            0.5 * x * (1.0 + 2.0 / std::f64::consts::PI.sqrt() * sum)
        }
        Activation::GeluTanh => {
            0.5 * x
                * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x)).tanh())
        }
        Activation::Tanh => x.tanh(),
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
    }
}

/// What varies from case to case.
#[derive(Clone, Debug)]
struct Case {
    batch: [usize; 2],
    sizes: [usize; 3],
    transposed: [bool; 2],
    /// Elements in front of each operand, and between its rows.
    offsets: [usize; 3],
    gaps: [usize; 3],
    floats: [FloatType; 3],
    bias: bool,
    accumulate: bool,
    pre: bool,
    activation: Activation,
    alpha: f32,
}

impl Case {
    fn plain(batch: [usize; 2], sizes: [usize; 3]) -> Self {
        Self {
            batch,
            sizes,
            transposed: [false; 2],
            offsets: [0; 3],
            gaps: [0; 3],
            floats: [FloatType::F32; 3],
            bias: false,
            accumulate: false,
            pre: false,
            activation: Activation::None,
            alpha: 1.0,
        }
    }

    /// Strides of one operand of `rows` x `columns`, and the length of its buffer.
    fn layout(
        &self,
        operand: usize,
        rows: usize,
        columns: usize,
        transposed: bool,
    ) -> ([usize; 2], usize, usize, usize) {
        let (lines, length) = if transposed {
            (columns, rows)
        } else {
            (rows, columns)
        };
        let line = length + self.gaps[operand];
        let matrix = lines * line;
        let batch_strides = [self.batch[1] * matrix, matrix];
        let (row_stride, column_stride) = if transposed { (1, line) } else { (line, 1) };
        (
            batch_strides,
            row_stride,
            column_stride,
            self.offsets[operand] + self.batch[0] * self.batch[1] * matrix,
        )
    }

    fn check(&self, gpu: &Gpu) {
        let [rows, columns, depth] = self.sizes;
        let shapes = [
            (rows, depth, self.transposed[0]),
            (depth, columns, self.transposed[1]),
            (rows, columns, false),
        ];
        let layouts: Vec<_> = shapes
            .iter()
            .enumerate()
            .map(|(i, &(r, c, t))| self.layout(i, r, c, t))
            .collect();
        let values: Vec<Vec<f32>> = (0..3).map(|i| numbers(layouts[i].3, i + 1)).collect();
        let buffers: Vec<GpuBuffer> = (0..3)
            .map(|i| upload(gpu, &values[i], self.floats[i]))
            .collect();
        let view = |i: usize| MatrixView {
            buffer: &buffers[i],
            float: self.floats[i],
            offset: self.offsets[i],
            batch_strides: layouts[i].0,
            row_stride: layouts[i].1,
            column_stride: layouts[i].2,
        };
        let bias = numbers(columns + 3, 9);
        let bias_buffer = upload(gpu, &bias, FloatType::F32);
        let pre_buffer = gpu
            .allocate((layouts[2].3 * self.floats[2].bytes()).max(4))
            .unwrap();
        let problem = Matmul {
            alpha: self.alpha,
            bias: self.bias.then_some((&bias_buffer, FloatType::F32, 3)),
            accumulate: self.accumulate,
            activation: self.activation,
            pre_activation: self.pre.then_some((&pre_buffer, self.offsets[2])),
            ..Matmul::new(self.batch, self.sizes, view(0), view(1), view(2))
        };
        gpu.matmul(&problem).unwrap();
        let result = download(gpu, &buffers[2], layouts[2].3, self.floats[2]);
        let pre_result = download(gpu, &pre_buffer, layouts[2].3, self.floats[2]);

        let tolerance = if self.floats[2] == FloatType::F16 {
            2e-3
        } else {
            1e-6
        };
        let mut touched = vec![false; result.len()];
        for outer in 0..self.batch[0] {
            for inner in 0..self.batch[1] {
                let place = |i: usize, row: usize, column: usize| {
                    let (batch_strides, row_stride, column_stride, _) = layouts[i];
                    self.offsets[i]
                        + outer * batch_strides[0]
                        + inner * batch_strides[1]
                        + row * row_stride
                        + column * column_stride
                };
                for row in 0..rows {
                    for column in 0..columns {
                        let terms = (0..depth).map(|k| {
                            f64::from(values[0][place(0, row, k)])
                                * f64::from(values[1][place(1, k, column)])
                        });
                        let (mut sum, mut size) = (0.0, 1.0);
                        for term in terms {
                            sum += term;
                            size += term.abs();
                        }
                        let at = place(2, row, column);
                        let mut pre = f64::from(self.alpha) * sum;
                        pre += if self.bias {
                            f64::from(bias[3 + column])
                        } else {
                            0.0
                        };
                        pre += if self.accumulate {
                            f64::from(values[2][at])
                        } else {
                            0.0
                        };
                        let expected = activate(self.activation, pre);
                        let close = |found: f32, expected: f64| {
                            (f64::from(found) - expected).abs()
                                <= tolerance * size.max(expected.abs())
                        };
                        assert!(
                            close(result[at], expected),
                            "{self:?} at {row}, {column}: {} for {expected}",
                            result[at]
                        );
                        if self.pre {
                            assert!(
                                close(pre_result[at], pre),
                                "{self:?} at {row}, {column}: pre {} for {pre}",
                                pre_result[at]
                            );
                        }
                        touched[at] = true;
                    }
                }
            }
        }
        for (at, touched) in touched.into_iter().enumerate() {
            assert!(
                touched || result[at] == values[2][at],
                "{self:?}: wrote outside, at {at}"
            );
        }
    }
}

#[test]
fn products_of_every_size_are_those_of_f64() {
    let Some(gpu) = gpu() else { return };
    for rows in [1, 2, 5, 33, 64, 130] {
        for (columns, depth) in [
            (1, 1),
            (3, 7),
            (4, 4),
            (33, 1),
            (64, 64),
            (130, 33),
            (128, 20),
        ] {
            Case::plain([1, 1], [rows, columns, depth]).check(&gpu);
        }
    }
}

#[test]
fn empty_products_are_bias_and_activation_alone() {
    let Some(gpu) = gpu() else { return };
    Case {
        bias: true,
        activation: Activation::Relu,
        ..Case::plain([2, 1], [5, 6, 0])
    }
    .check(&gpu);
    Case {
        accumulate: true,
        ..Case::plain([2, 1], [5, 6, 0])
    }
    .check(&gpu);
    for (batch, sizes) in [
        ([0, 1], [2, 3, 4]),
        ([1, 0], [2, 3, 4]),
        ([1, 1], [0, 3, 4]),
        ([1, 1], [2, 0, 4]),
    ] {
        Case::plain(batch, sizes).check(&gpu);
    }
}

#[test]
fn every_activation_is_fused_and_its_argument_kept() {
    let Some(gpu) = gpu() else { return };
    use Activation::{Gelu, GeluTanh, Relu, Sigmoid, Tanh};
    for activation in [Activation::None, Relu, Gelu, GeluTanh, Tanh, Sigmoid] {
        for sizes in [[20, 24, 16], [7, 5, 9]] {
            Case {
                bias: true,
                pre: true,
                activation,
                alpha: 3.5,
                ..Case::plain([1, 2], sizes)
            }
            .check(&gpu);
            Case {
                pre: true,
                activation,
                accumulate: true,
                ..Case::plain([1, 1], sizes)
            }
            .check(&gpu);
        }
    }
}

fn cases() -> impl Strategy<Value = Case> {
    let size = || {
        prop_oneof![
            0usize..4,
            4usize..50,
            (1usize..12).prop_map(|quads| 4 * quads),
            Just(64usize)
        ]
    };
    let gap = || prop_oneof![Just(0usize), Just(4usize), 0usize..7];
    let offset = || {
        prop_oneof![
            Just(0usize),
            (0usize..40).prop_map(|quads| 4 * quads),
            0usize..200
        ]
    };
    let float = || prop_oneof![3 => Just(FloatType::F32), 1 => Just(FloatType::F16)];
    let read = || prop_oneof![3 => float(), 1 => Just(FloatType::BF16)];
    let activation = prop_oneof![
        Just(Activation::None),
        Just(Activation::Gelu),
        Just(Activation::Tanh)
    ];
    (
        [1usize..4, 1usize..3],
        [size(), size(), size()],
        any::<[bool; 2]>(),
        [offset(), offset(), offset()],
        [gap(), gap(), gap()],
        (read(), read(), float()).prop_map(|(left, right, out)| [left, right, out]),
        any::<[bool; 3]>(),
        activation,
    )
        .prop_map(
            |(
                batch,
                sizes,
                transposed,
                offsets,
                gaps,
                floats,
                [bias, accumulate, pre],
                activation,
            )| Case {
                batch,
                sizes,
                transposed,
                offsets,
                gaps,
                floats,
                bias,
                accumulate,
                pre,
                activation,
                alpha: 0.5,
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 50, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn products_of_views_are_those_of_f64(case in cases()) {
        if let Some(gpu) = gpu() {
            let half = case.floats.contains(&FloatType::F16);
            if !half || gpu.has_f16() {
                case.check(&gpu);
            }
        }
    }
}

#[test]
fn factors_and_biases_in_bf16_are_converted_as_they_are_read() {
    let Some(gpu) = gpu() else { return };
    // Vectors along each dimension, and odd sizes and places, which are read one by one.
    for (sizes, offset) in [([64, 32, 48], 0), ([5, 7, 9], 3), ([1, 33, 65], 1)] {
        for transposed in [[false; 2], [true; 2]] {
            for floats in [
                [FloatType::BF16, FloatType::BF16, FloatType::F32],
                [FloatType::BF16, FloatType::F32, FloatType::F32],
            ] {
                let case = Case {
                    transposed,
                    offsets: [offset; 3],
                    floats,
                    ..Case::plain([2, 1], sizes)
                };
                case.check(&gpu);
            }
        }
    }
    // 2 x 1 + 3 x 1 and a bias of 0.5 at an odd place.
    let left = upload(&gpu, &[2.0, 3.0], FloatType::BF16);
    let right = upload(&gpu, &[1.0, 1.0], FloatType::F32);
    let bias = upload(&gpu, &[7.0, 0.5], FloatType::BF16);
    let out = gpu.allocate(4).unwrap();
    let view = |buffer, float, rows, columns| MatrixView::dense(buffer, float, 1, rows, columns);
    let product = Matmul {
        bias: Some((&bias, FloatType::BF16, 1)),
        ..Matmul::new(
            [1, 1],
            [1, 1, 2],
            view(&left, FloatType::BF16, 1, 2),
            view(&right, FloatType::F32, 2, 1),
            view(&out, FloatType::F32, 1, 1),
        )
    };
    gpu.matmul(&product).unwrap();
    assert_eq!(download(&gpu, &out, 1, FloatType::F32), [5.5]);
    let into = Matmul {
        out: view(&out, FloatType::BF16, 1, 1),
        ..product
    };
    let error = gpu.matmul(&into).unwrap_err().to_string();
    assert!(error.contains("use f32 or f16"), "{error}");
}

#[test]
fn operands_past_the_largest_binding_are_cut() {
    let Some(gpu) = gpu() else { return };
    let limit = gpu.limits().max_binding_bytes as usize;
    if limit > 1 << 28 {
        return println!(
            "ignored: {} binds {limit} bytes at once",
            gpu.adapter().name
        );
    }
    // [4, depth] @ [depth, 8], where each side in turn is just past the limit, and the sums are known.
    let ones = vec![1.0f32; limit / 4 + 32];
    let large = gpu.upload(bytemuck::cast_slice(&ones)).unwrap();
    let depth = limit / 32 + 4;
    let small = gpu
        .upload(bytemuck::cast_slice(&vec![0.5f32; depth]))
        .unwrap();
    let out = gpu.upload(bytemuck::cast_slice(&[1.0f32; 8])).unwrap();
    let bias = gpu.upload(bytemuck::cast_slice(&[2.0f32; 8])).unwrap();
    let view = |buffer, rows, columns| MatrixView::dense(buffer, FloatType::F32, 1, rows, columns);
    let product = Matmul::new(
        [1, 1],
        [1, 8, depth],
        view(&small, 1, depth),
        view(&large, depth, 8),
        view(&out, 1, 8),
    );
    let product = Matmul {
        bias: Some((&bias, FloatType::F32, 0)),
        accumulate: true,
        activation: Activation::Relu,
        alpha: 1e-3,
        ..product
    };
    gpu.matmul(&product).unwrap();
    let expected = 3.0 + 0.5e-3 * depth as f32;
    let result = download(&gpu, &out, 8, FloatType::F32);
    assert!(
        result
            .iter()
            .all(|value| (value / expected - 1.0).abs() < 1e-3),
        "{result:?} for {expected}"
    );

    let rows = limit / 16 + 8;
    let tall = gpu.allocate(rows * 4).unwrap();
    let right = gpu.upload(bytemuck::cast_slice(&[0.5f32; 4])).unwrap();
    let product = Matmul::new(
        [1, 1],
        [rows, 1, 4],
        view(&large, rows, 4),
        view(&right, 4, 1),
        view(&tall, rows, 1),
    );
    gpu.matmul(&product).unwrap();
    assert!(
        download(&gpu, &tall, rows, FloatType::F32)
            .iter()
            .all(|&value| value == 2.0)
    );
}

#[test]
fn views_outside_of_their_buffers_are_errors() {
    let Some(gpu) = gpu() else { return };
    let buffer = gpu.allocate(64).unwrap();
    let other = gpu.allocate(64).unwrap();
    let out = gpu.allocate(64).unwrap();
    let view = |buffer, rows, columns| MatrixView::dense(buffer, FloatType::F32, 1, rows, columns);
    let fails = |problem: Matmul<'_>, word: &str| {
        let error = gpu.matmul(&problem).unwrap_err().to_string();
        assert!(error.contains("matmul") && error.contains(word), "{error}");
    };
    let good = Matmul::new(
        [1, 1],
        [4, 4, 4],
        view(&buffer, 4, 4),
        view(&other, 4, 4),
        view(&out, 4, 4),
    );
    gpu.matmul(&good).unwrap();
    fails(Matmul { rows: 5, ..good }, "left");
    fails(
        Matmul {
            right: MatrixView {
                offset: 1,
                ..good.right
            },
            ..good
        },
        "right",
    );
    fails(
        Matmul {
            out: good.out.transposed(),
            ..good
        },
        "apart",
    );
    fails(
        Matmul {
            out: view(&buffer, 4, 4),
            ..good
        },
        "bind it once",
    );
    fails(
        Matmul {
            bias: Some((&other, FloatType::F32, 13)),
            ..good
        },
        "bias",
    );
    fails(
        Matmul {
            right: MatrixView {
                row_stride: usize::MAX / 2,
                ..good.right
            },
            ..good
        },
        "right",
    );
}
