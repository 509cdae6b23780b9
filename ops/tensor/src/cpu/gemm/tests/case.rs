//! One product beside its sums in `f64`.

use half::{bf16, f16};

use crate::cpu::gemm::format::Format;
use crate::cpu::gemm::{Activation, Epilogue, Matrix, MatrixMut, PackedB, Precision, Right, run};
use crate::cpu::math;
use crate::cpu::simd::{Baseline, Level};
use crate::cpu::threads::Threads;

/// Kernels, what they round A to, and the error of a sum relative to the sum of absolute values.
pub(super) struct Family {
    pub(super) format: &'static Format,
    pub(super) name: String,
    pub(super) left: Precision,
    pub(super) error: f64,
}

pub(super) fn families() -> Vec<Family> {
    let mut families = Vec::new();
    for level in Level::available() {
        for precision in [Precision::F32, Precision::Bf16, Precision::F16] {
            let format = Format::at(precision, level);
            families.push(Family {
                format,
                name: format!("{level:?} {precision:?}"),
                left: Precision::F32,
                error: 1e-6,
            });
        }
    }
    #[cfg(target_arch = "x86_64")]
    {
        use crate::cpu::gemm::kernels::{avx512, fp16};
        let mut add = |format, name: &str, left, error| {
            families.push(Family {
                format,
                name: name.into(),
                left,
                error,
            })
        };
        if Level::best() == Level::Avx512 {
            add(
                &fp16::emulated::F16,
                "f16 sums, emulated",
                Precision::F16,
                4e-3,
            );
            if is_x86_feature_detected!("avx512fp16") {
                add(&fp16::F16, "f16 sums", Precision::F16, 4e-3);
            }
            if is_x86_feature_detected!("avx512bf16") {
                add(&avx512::BF16, "bf16 dot products", Precision::Bf16, 1e-6);
            }
        }
    }
    families
}

pub(super) fn rounded(x: f32, precision: Precision) -> f64 {
    match precision {
        Precision::F32 => f64::from(x),
        Precision::Bf16 => f64::from(bf16::from_f32(x)),
        Precision::F16 => f64::from(f16::from_f32(x)),
    }
}

/// Numbers between -1 and 1 that repeat for no small period.
pub(super) fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

/// How a matrix `[rows, columns]` lies in its data.
#[derive(Clone, Copy, Debug)]
pub(super) enum Layout {
    Plain,
    Transposed,
    /// Neither stride is one.
    Spread,
}

pub(super) const LAYOUTS: [Layout; 3] = [Layout::Plain, Layout::Transposed, Layout::Spread];

impl Layout {
    /// Elements of data, row stride and column stride.
    fn of(self, rows: usize, columns: usize) -> (usize, usize, usize) {
        match self {
            Self::Plain => (rows * columns, columns, 1),
            Self::Transposed => (rows * columns, 1, rows),
            Self::Spread => (rows * (2 * columns + 3) + 1, 2 * columns + 3, 2),
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) shape: [usize; 4],
    pub(super) layouts: [Layout; 2],
    pub(super) broadcast: [bool; 2],
    pub(super) packed: bool,
    pub(super) alpha: f32,
    pub(super) bias: bool,
    pub(super) activation: Activation,
    pub(super) pre_activation: bool,
    pub(super) accumulate: bool,
    /// Elements between the rows of C.
    pub(super) gap: usize,
}

impl Case {
    pub(super) fn simple(m: usize, n: usize, k: usize) -> Self {
        Self {
            shape: [1, m, n, k],
            layouts: [Layout::Plain; 2],
            broadcast: [false; 2],
            packed: false,
            alpha: 1.0,
            bias: false,
            activation: Activation::None,
            pre_activation: false,
            accumulate: false,
            gap: 0,
        }
    }

    /// Runs the case, and the same in `f64`.
    pub(super) fn check(&self, family: &Family, threads: &Threads) {
        let [batch, m, n, k] = self.shape;
        let (a_size, a_row, a_column) = self.layouts[0].of(m, k);
        let (b_size, b_row, b_column) = self.layouts[1].of(k, n);
        let (a_batch, b_batch) = (
            if self.broadcast[0] { 0 } else { a_size },
            if self.broadcast[1] { 0 } else { b_size },
        );
        let (a, b) = (numbers(batch * a_size, 1), numbers(batch * b_size, 2));
        let (bias, before) = (numbers(n, 3), numbers(batch * m * (n + self.gap), 4));
        let (mut c, mut pre) = (before.clone(), before.clone());

        let right = Matrix::strided(&b, k, n, b_row, b_column).batched(b_batch);
        let packed = PackedB::with_format(threads, right, family.format);
        let target = |data| {
            MatrixMut::new(data, m, n)
                .with_row_stride(n + self.gap)
                .batched(batch, m * (n + self.gap))
        };
        let epilogue = Epilogue {
            alpha: self.alpha,
            bias: self.bias.then_some(bias.as_slice()),
            activation: self.activation,
            pre_activation: self.pre_activation.then(|| target(&mut pre)),
            accumulate: self.accumulate,
        };
        run::gemm(
            threads,
            Matrix::strided(&a, m, k, a_row, a_column).batched(a_batch),
            if self.packed {
                Right::Packed(&packed)
            } else {
                Right::Matrix(right)
            },
            target(&mut c),
            epilogue,
            Some(family.format),
        );

        for item in 0..batch {
            for row in 0..m {
                for column in 0..n + self.gap {
                    let at = (item * m + row) * (n + self.gap) + column;
                    if column >= n {
                        assert_eq!(
                            c[at], before[at],
                            "{} {self:?}: wrote between rows",
                            family.name
                        );
                        continue;
                    }
                    let (mut sum, mut size) = (0.0, 1e-30);
                    for i in 0..k {
                        let x =
                            rounded(a[item * a_batch + row * a_row + i * a_column], family.left);
                        let right = if self.packed { 0 } else { item * b_batch };
                        let y = rounded(
                            b[right + i * b_row + column * b_column],
                            family.format.precision,
                        );
                        sum += x * y;
                        size += (x * y).abs();
                    }
                    sum *= f64::from(self.alpha);
                    let mut error = family.error * (size * f64::from(self.alpha).abs() + 1.0);
                    if self.bias {
                        sum += f64::from(bias[column]);
                    }
                    let close = |got: f32, expected: f64, error: f64, what: &str| {
                        assert!(
                            (f64::from(got) - expected).abs() <= error,
                            "{} {self:?} {what} at [{item}, {row}, {column}]: {got}, not {expected}",
                            family.name
                        );
                    };
                    if self.pre_activation {
                        close(pre[at], sum, error, "before the activation");
                    }
                    // No slope is above 1.13.
                    error *= 1.2;
                    let mut expected = activated(self.activation, sum);
                    if self.accumulate {
                        expected += f64::from(before[at]);
                    }
                    close(c[at], expected, error + 1e-6 * expected.abs(), "C");
                }
            }
        }
    }
}

pub(super) fn activated(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::None => x,
        Activation::Relu => x.max(0.0),
        Activation::Gelu => f64::from(math::gelu::<Baseline>(x as f32)),
        Activation::GeluTanh => {
            0.5 * x
                * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))).tanh())
        }
        Activation::Tanh => x.tanh(),
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
    }
}
