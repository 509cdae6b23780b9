//! Times matrix products beside what the processor could do at most.
//!
//!     cargo run --release -p tensor --example gemm_bench            a table for this machine, on all cores
//!     ... --example gemm_bench serve THREADS                        answers requests, for tests/bench/tensor.py
//!
//! A request is a line of words, its answer a line with a number: `peak f32|bf16|f16` in operations a second, `copy` in bytes
//! a second, and `gemm FORM PRECISION M N K MILLISECONDS` in seconds a call, the median. Forms are named after what a linear
//! layer `y = x W^T` does: `packed` (W packed beforehand), `gelu` (the same with a bias and GELU), `forward`, `dx` (dy W) and
//! `dw` (dy^T x); `plain` is A B. Precisions are
//! `f32`, and `bf16`, `f16` or `half` (the best of this processor), for which x, W and y are stored as halves and W is packed.

use std::hint::black_box;
use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

use tensor::cpu::gemm::{Activation, Epilogue, Matrix, MatrixMut, PackedB, Precision, gemm};
use tensor::cpu::threads::Threads;

/// M, N, K of BERT-base's layers on 512 and 4,096 tokens, and a square.
const SHAPES: [(usize, usize, usize); 5] = [
    (512, 768, 768),
    (512, 3072, 768),
    (512, 768, 3072),
    (1024, 1024, 1024),
    (4096, 768, 768),
];
const FORMS: [&str; 5] = ["packed", "forward", "dx", "dw", "plain"];

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some("serve") => {
            let threads = Threads::new(words.get(1).map_or(Ok(cores()), |word| word.parse())?);
            for line in std::io::stdin().lock().lines() {
                let line = line?;
                let words: Vec<&str> = line.split_whitespace().collect();
                println!("{:e}", answer(&threads, &words)?);
                std::io::stdout().flush()?;
            }
            Ok(())
        }
        _ => table(&Threads::new(cores())),
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn answer(threads: &Threads, words: &[&str]) -> Outcome<f64> {
    match words {
        ["peak", kind] => Ok(peak(threads, kind)),
        ["copy"] => Ok(copy(threads)),
        ["gemm", form, precision, m, n, k, milliseconds] => {
            let shape = (m.parse()?, n.parse()?, k.parse()?);
            let time = Duration::from_millis(milliseconds.parse()?);
            Ok(product(
                threads,
                form,
                self::precision(precision)?,
                shape,
                time,
            ))
        }
        _ => Err(format!("no such request: {}", words.join(" ")).into()),
    }
}

fn precision(word: &str) -> Outcome<Precision> {
    match word {
        "f32" => Ok(Precision::F32),
        "bf16" => Ok(Precision::Bf16),
        "f16" => Ok(Precision::F16),
        "half" => Ok(Precision::best()),
        _ => Err(format!("no such precision: {word}").into()),
    }
}

fn table(threads: &Threads) -> Outcome<()> {
    let one = Threads::new(1);
    let best = peak(threads, "f32");
    println!(
        "f32 peak, 1 thread: {:.1} GFLOP/s; {} threads: {:.1}",
        peak(&one, "f32") / 1e9,
        threads.count(),
        best / 1e9
    );
    println!(
        "bf16 dot products: {:.1} GFLOP/s; f16: {:.1}",
        peak(threads, "bf16") / 1e9,
        peak(threads, "f16") / 1e9
    );
    println!("copy: {:.1} GB/s", copy(threads) / 1e9);
    println!(
        "{:>20} {}",
        "M x N x K",
        FORMS.map(|form| format!("{form:>18}")).join(" ")
    );
    for (m, n, k) in SHAPES {
        let cells = FORMS.map(|form| {
            let seconds = product(
                threads,
                form,
                Precision::F32,
                (m, n, k),
                Duration::from_millis(300),
            );
            let rate = 2.0 * (m * n * k) as f64 / seconds;
            format!("{:>9.1} ({:>4.1} %)", rate / 1e9, 100.0 * rate / best)
        });
        println!("{:>20} {}", format!("{m} x {n} x {k}"), cells.join(" "));
    }
    Ok(())
}

/// Calls `run` for about `time` after a warm-up; the median of seconds.
fn median(time: Duration, mut run: impl FnMut()) -> f64 {
    for _ in 0..2 {
        run();
    }
    let mut seconds = Vec::new();
    let begin = Instant::now();
    while seconds.len() < 3 || begin.elapsed() < time {
        let begin = Instant::now();
        run();
        seconds.push(begin.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

fn numbers(count: usize) -> Vec<f32> {
    (0..count)
        .map(|i| ((i * 7919) % 1009) as f32 / 1009.0 - 0.5)
        .collect()
}

fn product(
    threads: &Threads,
    form: &str,
    precision: Precision,
    (m, n, k): (usize, usize, usize),
    time: Duration,
) -> f64 {
    let (a, b, mut c) = (numbers(m * k), numbers(k * n), vec![0.0_f32; m * n]);
    let bias = numbers(n);
    let packed = PackedB::new(threads, Matrix::new(&b, n, k).transposed(), precision);
    macro_rules! halves {
        ($half:ty) => {{
            let a: Vec<$half> = a.iter().copied().map(<$half>::from_f32).collect();
            let mut c = vec![<$half>::ZERO; m * n];
            median(time, || {
                let out = MatrixMut::new(&mut c, m, n);
                gemm(
                    threads,
                    Matrix::new(&a, m, k),
                    &packed,
                    out,
                    Epilogue::default(),
                );
                black_box(&mut c);
            })
        }};
    }
    match precision {
        Precision::Bf16 => return halves!(half::bf16),
        Precision::F16 => return halves!(half::f16),
        Precision::F32 => {}
    }
    median(time, || {
        let out = MatrixMut::new(&mut c, m, n);
        let (left, right) = (Matrix::new(&a, m, k), Matrix::new(&b, k, n));
        match form {
            "packed" => gemm(threads, left, &packed, out, Epilogue::default()),
            "forward" => gemm(
                threads,
                left,
                Matrix::new(&b, n, k).transposed(),
                out,
                Epilogue::default(),
            ),
            "gelu" => {
                let epilogue = Epilogue {
                    bias: Some(&bias),
                    activation: Activation::Gelu,
                    ..Epilogue::default()
                };
                gemm(threads, left, &packed, out, epilogue);
            }
            "dw" => gemm(
                threads,
                Matrix::new(&a, k, m).transposed(),
                right,
                out,
                Epilogue::default(),
            ),
            _ => gemm(threads, left, right, out, Epilogue::default()),
        }
        black_box(&mut c);
    })
}

/// Bytes read and written a second by copies of 64 MB a thread.
fn copy(threads: &Threads) -> f64 {
    let length = (16 << 20) * threads.count();
    let (from, mut to) = (vec![1.0_f32; length], vec![0.0_f32; length]);
    let seconds = median(Duration::from_millis(300), || {
        threads.chunks_mut(&mut to, 1 << 18, |index, to| {
            let begin = index << 18;
            to.copy_from_slice(&from[begin..begin + to.len()]);
        });
        black_box(&mut to);
    });
    8.0 * length as f64 / seconds
}

/// Operations a second of multiply-adds on registers, the most of five tries; zero where the processor lacks them.
fn peak(threads: &Threads, kind: &str) -> f64 {
    const ROUNDS: usize = 2_000_000;
    /// Sums that are carried at once, to hide the latency.
    const SUMS: usize = 12;
    // A function and the operations of one of its instructions.
    let (run, operations): (fn(usize) -> f64, usize) = match kind {
        #[cfg(target_arch = "x86_64")]
        "f32" if is_x86_feature_detected!("avx512f") => (peaks::avx512_f32, 32),
        #[cfg(target_arch = "x86_64")]
        "f32" if is_x86_feature_detected!("fma") => (peaks::avx2_f32, 16),
        #[cfg(target_arch = "x86_64")]
        "bf16" if is_x86_feature_detected!("avx512bf16") => (peaks::avx512_bf16, 64),
        #[cfg(target_arch = "x86_64")]
        "f16" if is_x86_feature_detected!("avx512fp16") => (peaks::avx512_f16, 64),
        #[cfg(target_arch = "aarch64")]
        "f32" => (peaks::neon_f32, 8),
        _ => return 0.0,
    };
    let total = (ROUNDS * SUMS * operations * threads.count()) as f64;
    (0..5)
        .map(|_| {
            let begin = Instant::now();
            // One task for each thread, long enough that a late start of one does not matter.
            threads.for_each(threads.count(), |_| {
                black_box(run(ROUNDS));
            });
            total / begin.elapsed().as_secs_f64()
        })
        .fold(0.0, f64::max)
}

#[cfg(target_arch = "x86_64")]
mod peaks {
    use std::arch::x86_64::*;
    use std::hint::black_box;

    macro_rules! peak {
        ($name:ident, $inner:ident, $features:literal, $zero:expr, $step:expr, $sum:expr) => {
            pub fn $name(rounds: usize) -> f64 {
                // SAFETY: `peak` has looked for the features.
                unsafe { $inner(rounds) }
            }

            #[target_feature(enable = $features)]
            fn $inner(rounds: usize) -> f64 {
                let (x, y) = (black_box($zero), black_box($zero));
                let mut sums = [black_box($zero); 12];
                for _ in 0..rounds {
                    for sum in &mut sums {
                        *sum = $step(*sum, x, y);
                    }
                }
                sums.into_iter().map($sum).sum()
            }
        };
    }

    peak!(
        avx512_f32,
        inner_avx512_f32,
        "avx512f",
        _mm512_setzero_ps(),
        |sum, x, y| _mm512_fmadd_ps(x, y, sum),
        |sum| f64::from(_mm512_reduce_add_ps(sum))
    );
    peak!(
        avx2_f32,
        inner_avx2_f32,
        "avx2,fma",
        _mm256_setzero_ps(),
        |sum, x, y| _mm256_fmadd_ps(x, y, sum),
        |sum| f64::from(_mm256_cvtss_f32(sum))
    );
    peak!(
        avx512_bf16,
        inner_avx512_bf16,
        "avx512f,avx512bf16",
        _mm512_setzero_si512(),
        |sum, x, y| {
            // SAFETY: types of the same size, for which all bits are valid.
            unsafe {
                let (x, y) = (
                    std::mem::transmute::<__m512i, __m512bh>(x),
                    std::mem::transmute::<__m512i, __m512bh>(y),
                );
                _mm512_castps_si512(_mm512_dpbf16_ps(_mm512_castsi512_ps(sum), x, y))
            }
        },
        |sum| f64::from(_mm512_reduce_add_epi32(sum))
    );
    peak!(
        avx512_f16,
        inner_avx512_f16,
        "avx512f,avx512fp16",
        _mm512_setzero_si512(),
        |sum, x, y| _mm512_castph_si512(_mm512_fmadd_ph(
            _mm512_castsi512_ph(x),
            _mm512_castsi512_ph(y),
            _mm512_castsi512_ph(sum)
        )),
        |sum| f64::from(_mm512_reduce_add_epi32(sum))
    );
}

#[cfg(target_arch = "aarch64")]
mod peaks {
    use std::arch::aarch64::*;
    use std::hint::black_box;

    pub fn neon_f32(rounds: usize) -> f64 {
        // SAFETY: every aarch64 processor has NEON.
        unsafe {
            let (x, y) = (black_box(vdupq_n_f32(0.0)), black_box(vdupq_n_f32(0.0)));
            let mut sums = [black_box(vdupq_n_f32(0.0)); 12];
            for _ in 0..rounds {
                for sum in &mut sums {
                    *sum = vfmaq_f32(*sum, x, y);
                }
            }
            sums.into_iter().map(|sum| f64::from(vaddvq_f32(sum))).sum()
        }
    }
}
