//! Against the sums in `f64`.

use super::*;
use crate::cpu::simd::Level;

/// Numbers between -1 and 1 that repeat for no small period.
fn numbers(count: usize, seed: u64) -> Vec<f32> {
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

#[test]
fn products_of_odd_sizes_equal_the_sums_in_f64() {
    let threads = Threads::new(2);
    for level in Level::available() {
        let format = format::Format::at(Precision::F32, level);
        for (m, n, k) in [
            (1, 1, 1),
            (2, 3, 0),
            (3, 5, 7),
            (12, 32, 64),
            (13, 33, 65),
            (25, 70, 400),
            (100, 16, 31),
            (1, 200, 300),
            (130, 1, 9),
            (97, 129, 1025),
        ] {
            for (a_transposed, b_transposed) in
                [(false, false), (true, false), (false, true), (true, true)]
            {
                let a = numbers(m * k, 1);
                let b = numbers(k * n, 2);
                let a_view = if a_transposed {
                    Matrix::new(&a, k, m).transposed()
                } else {
                    Matrix::new(&a, m, k)
                };
                let b_view = if b_transposed {
                    Matrix::new(&b, n, k).transposed()
                } else {
                    Matrix::new(&b, k, n)
                };
                let mut c = vec![f32::NAN; m * n];
                run::gemm(
                    &threads,
                    a_view,
                    b_view.into(),
                    MatrixMut::new(&mut c, m, n),
                    Epilogue::default(),
                    Some(format),
                );
                for row in 0..m {
                    for column in 0..n {
                        let mut sum = 0.0;
                        let mut size = 0.0;
                        for i in 0..k {
                            let x =
                                f64::from(a[row * a_view.row_stride + i * a_view.column_stride]);
                            let y =
                                f64::from(b[i * b_view.row_stride + column * b_view.column_stride]);
                            sum += x * y;
                            size += (x * y).abs();
                        }
                        let got = f64::from(c[row * n + column]);
                        assert!(
                            (got - sum).abs() <= 1e-6 * size,
                            "{level:?} [{m}, {n}, {k}] {a_transposed} {b_transposed} at [{row}, {column}]: {got}, not {sum}"
                        );
                    }
                }
            }
        }
    }
}
