//! Against sums in `f64`, for every family of kernels that this processor runs.

mod case;

use half::{bf16, f16};
use proptest::prelude::*;

use self::case::{Case, LAYOUTS, families, numbers};
use super::*;

#[test]
fn products_of_odd_sizes_equal_the_sums_in_f64() {
    let threads = Threads::new(2);
    let sizes = [
        (1, 1, 1),
        (2, 3, 0),
        (3, 5, 7),
        (12, 32, 64),
        (13, 33, 65),
        (25, 70, 130),
        (100, 16, 31),
        (1, 200, 300),
        (4, 130, 33),
        (130, 1, 9),
        (29, 50, 1025),
    ];
    for family in families() {
        for (m, n, k) in sizes {
            for a in LAYOUTS {
                for b in LAYOUTS {
                    for packed in [false, true] {
                        Case {
                            layouts: [a, b],
                            packed,
                            ..Case::simple(m, n, k)
                        }
                        .check(&family, &threads);
                    }
                }
            }
        }
    }
}

#[test]
fn sums_over_a_very_long_k_go_on_where_they_were_cut() {
    let threads = Threads::new(2);
    for family in families() {
        for packed in [false, true] {
            Case {
                packed,
                bias: true,
                ..Case::simple(13, 37, 9001)
            }
            .check(&family, &threads);
            Case {
                packed,
                activation: Activation::Tanh,
                accumulate: true,
                ..Case::simple(3, 33, 5003)
            }
            .check(&family, &threads);
        }
    }
}

#[test]
fn every_activation_comes_after_the_bias_and_before_the_sum() {
    let threads = Threads::new(2);
    use Activation::{Gelu, GeluTanh, None, Relu, Sigmoid, Tanh};
    for family in families() {
        for activation in [None, Relu, Gelu, GeluTanh, Tanh, Sigmoid] {
            for (pre_activation, accumulate) in
                [(false, false), (true, false), (false, true), (true, true)]
            {
                let case = Case {
                    alpha: -0.5,
                    bias: true,
                    activation,
                    pre_activation,
                    accumulate,
                    gap: 3,
                    ..Case::simple(29, 45, 19)
                };
                case.check(&family, &threads);
            }
        }
    }
}

/// The right side's own batch can't be packed beforehand, so only one that is repeated is.
fn cases() -> impl Strategy<Value = Case> {
    let shape = prop::array::uniform4(1_usize..40)
        .prop_map(|[batch, m, n, k]| [1 + batch / 10, m, 2 * n, 2 * k]);
    let layout = || prop::sample::select(LAYOUTS.to_vec());
    let activation =
        prop::sample::select(vec![Activation::None, Activation::Relu, Activation::Tanh]);
    let flags = prop::array::uniform6(any::<bool>());
    (
        shape,
        [layout(), layout()],
        flags,
        activation,
        0_usize..5,
        prop::sample::select(vec![1.0_f32, 0.25]),
    )
        .prop_map(
            |(
                shape,
                layouts,
                [left, right, packed, bias, pre_activation, accumulate],
                activation,
                gap,
                alpha,
            )| Case {
                shape,
                layouts,
                broadcast: [left, right || packed],
                packed,
                alpha,
                bias,
                activation,
                pre_activation,
                accumulate,
                gap,
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn batches_with_any_strides_equal_the_sums_in_f64(case in cases(), threads in 1_usize..4) {
        let threads = Threads::new(threads);
        for family in families() {
            case.check(&family, &threads);
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    for family in families() {
        for (m, n, k) in [
            (200, 300, 500),
            (1, 1000, 800),
            (300, 31, 4500),
            (8, 100, 1300),
        ] {
            let (a, b, bias) = (numbers(m * k, 1), numbers(k * n, 2), numbers(n, 3));
            let outcomes: Vec<Vec<u32>> = [1, 2, 3]
                .into_iter()
                .flat_map(|count| {
                    let threads = Threads::new(count);
                    let right = Matrix::new(&b, k, n);
                    let packed = PackedB::with_format(&threads, right, family.format);
                    [Right::Matrix(right), Right::Packed(&packed)].map(|right| {
                        let mut c = vec![0.0_f32; m * n];
                        let epilogue = Epilogue {
                            bias: Some(&bias),
                            activation: Activation::Gelu,
                            ..Epilogue::default()
                        };
                        run::gemm(
                            &threads,
                            Matrix::new(&a, m, k),
                            right,
                            MatrixMut::new(&mut c, m, n),
                            epilogue,
                            Some(family.format),
                        );
                        c.into_iter().map(f32::to_bits).collect()
                    })
                })
                .collect();
            assert!(
                outcomes.iter().all(|outcome| *outcome == outcomes[0]),
                "{} [{m}, {n}, {k}]",
                family.name
            );
        }
    }
}

#[test]
fn a_row_has_the_same_bits_however_many_rows_there_are() {
    let threads = Threads::new(2);
    let (n, k) = (130, 900);
    for family in families() {
        let (a, b) = (numbers(40 * k, 1), numbers(k * n, 2));
        let packed = PackedB::with_format(&threads, Matrix::new(&b, k, n), family.format);
        let product = |m: usize| {
            let mut c = vec![0.0_f32; m * n];
            gemm(
                &threads,
                Matrix::new(&a[..m * k], m, k),
                &packed,
                MatrixMut::new(&mut c, m, n),
                Epilogue::default(),
            );
            c
        };
        let all = product(40);
        for m in 1..40 {
            assert_eq!(product(m), all[..m * n], "{} {m} rows", family.name);
        }
    }
}

#[test]
fn halves_go_in_and_out() {
    let threads = Threads::new(2);
    let (m, n, k) = (37, 50, 700);
    let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
    macro_rules! check {
        ($half:ty, $unit:expr) => {
            let (a, b): (Vec<$half>, Vec<$half>) = (
                a.iter().copied().map(<$half>::from_f32).collect(),
                b.iter().copied().map(<$half>::from_f32).collect(),
            );
            let before: Vec<$half> = numbers(m * n, 4)
                .into_iter()
                .map(<$half>::from_f32)
                .collect();
            for packed in [false, true] {
                for accumulate in [false, true] {
                    let mut c = before.clone();
                    let mut wide = vec![0.0_f32; m * n];
                    let right = Matrix::new(&b, k, n);
                    let weights = PackedB::new(&threads, right, Precision::best());
                    let right = if packed {
                        Right::Packed(&weights)
                    } else {
                        Right::Matrix(right)
                    };
                    let epilogue = || Epilogue {
                        accumulate,
                        ..Epilogue::default()
                    };
                    gemm(
                        &threads,
                        Matrix::new(&a, m, k),
                        right,
                        MatrixMut::new(&mut c, m, n),
                        epilogue(),
                    );
                    gemm(
                        &threads,
                        Matrix::new(&a, m, k),
                        right,
                        MatrixMut::new(&mut wide, m, n),
                        Epilogue::default(),
                    );
                    for row in 0..m {
                        for column in 0..n {
                            let at = row * n + column;
                            let terms = (0..k)
                                .map(|i| a[row * k + i].to_f64() * b[i * n + column].to_f64());
                            let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), term| {
                                (sum + term, size + term.abs())
                            });
                            let expected = sum + if accumulate { before[at].to_f64() } else { 0.0 };
                            // Weights of the other kind of halves are rounded once more.
                            assert!(
                                (f64::from(wide[at]) - sum).abs() <= 4e-3 * size,
                                "{} for {sum}",
                                wide[at]
                            );
                            let error = 4e-3 * size + $unit * expected.abs();
                            assert!(
                                (c[at].to_f64() - expected).abs() <= error,
                                "{} for {expected}",
                                c[at]
                            );
                        }
                    }
                }
            }
        };
    }
    check!(bf16, 4e-3);
    check!(f16, 5e-4);
}

#[test]
fn what_is_not_a_number_stays_so() {
    let threads = Threads::new(1);
    for family in families() {
        let mut a = numbers(20 * 10, 1);
        a[15 * 10 + 3] = f32::NAN;
        let b = numbers(10 * 40, 2);
        let mut c = vec![0.0_f32; 20 * 40];
        let epilogue = Epilogue {
            activation: Activation::Relu,
            ..Epilogue::default()
        };
        run::gemm(
            &threads,
            Matrix::new(&a, 20, 10),
            Matrix::new(&b, 10, 40).into(),
            MatrixMut::new(&mut c, 20, 40),
            epilogue,
            Some(family.format),
        );
        for (row, c) in c.chunks(40).enumerate() {
            assert!(
                c.iter().all(|c| c.is_nan() == (row == 15)),
                "{} row {row}",
                family.name
            );
        }
    }
}

#[test]
#[should_panic(expected = "matrix B ends past its 11 elements: [1, 4, 3] at strides [0, 3, 1]")]
fn a_matrix_past_its_data_is_refused() {
    let mut c = [0.0_f32; 6];
    let (a, b) = ([0.0_f32; 8], [0.0_f32; 11]);
    gemm(
        &Threads::new(1),
        Matrix::new(&a[..], 2, 4),
        Matrix::new(&b[..], 4, 3),
        MatrixMut::new(&mut c[..], 2, 3),
        Epilogue::default(),
    );
}

#[test]
#[should_panic(expected = "[2, 4] times [5, 3] is not [2, 3]")]
fn shapes_that_do_not_fit_are_refused() {
    let mut c = [0.0_f32; 6];
    let (a, b) = ([0.0_f32; 8], [0.0_f32; 15]);
    gemm(
        &Threads::new(1),
        Matrix::new(&a[..], 2, 4),
        Matrix::new(&b[..], 5, 3),
        MatrixMut::new(&mut c[..], 2, 3),
        Epilogue::default(),
    );
}

#[test]
#[should_panic(expected = "elements of matrix C overlap")]
fn a_product_onto_overlapping_rows_is_refused() {
    let mut c = [0.0_f32; 6];
    let (a, b) = ([0.0_f32; 8], [0.0_f32; 12]);
    let out = MatrixMut::new(&mut c[..], 2, 3).with_row_stride(2);
    gemm(
        &Threads::new(1),
        Matrix::new(&a[..], 2, 4),
        Matrix::new(&b[..], 4, 3),
        out,
        Epilogue::default(),
    );
}
