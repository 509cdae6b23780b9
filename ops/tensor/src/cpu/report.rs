//! What the processor is and does, for `engine devices`.

use std::time::{Duration, Instant};

use super::gemm::{Epilogue, Matrix, MatrixMut, gemm};
use super::simd::Level;
use super::threads::Threads;

/// Time of a measurement at least.
const ENOUGH: Duration = Duration::from_millis(100);
/// Side of the matrices that are multiplied.
const SIDE: usize = 768;
/// Elements that are copied: more than any cache holds.
const COPIED: usize = 16 << 20;

/// The processor with its measured rates.
#[derive(Clone, Debug)]
pub struct CpuReport {
    /// As the system calls it; the architecture where it does not say.
    pub name: String,
    /// The instruction set that kernels are picked for.
    pub level: Level,
    /// Threads that were used.
    pub threads: usize,
    /// Matrix product in f32, 1e9 operations a second.
    pub gemm_f32_gflops: f64,
    /// Copy from memory to memory, bytes read and written, 1e9 bytes a second.
    pub copy_gb_per_s: f64,
}

/// Measures the processor with `threads` threads; takes a few tenths of a second.
pub fn report(threads: usize) -> CpuReport {
    let threads = Threads::new(threads);
    let (left, right) = (vec![1.0_f32; SIDE * SIDE], vec![0.5_f32; SIDE * SIDE]);
    let mut product = vec![0.0_f32; SIDE * SIDE];
    let multiply = || {
        gemm(
            &threads,
            Matrix::new(&left[..], SIDE, SIDE),
            Matrix::new(&right[..], SIDE, SIDE),
            MatrixMut::new(&mut product[..], SIDE, SIDE),
            Epilogue::default(),
        );
    };
    let operations = 2.0 * (SIDE as f64).powi(3);
    let gemm_f32_gflops = operations / seconds(multiply) / 1e9;
    let source = vec![1.0_f32; COPIED];
    let mut target = vec![0.0_f32; COPIED];
    let copy = || {
        threads.chunks_mut(&mut target, 1 << 16, |chunk, target| {
            let from = chunk << 16;
            target.copy_from_slice(&source[from..from + target.len()]);
        });
    };
    CpuReport {
        name: processor_name().unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        level: Level::best(),
        threads: threads.count(),
        gemm_f32_gflops,
        copy_gb_per_s: 2.0 * (COPIED * size_of::<f32>()) as f64 / seconds(copy) / 1e9,
    }
}

/// Seconds of one call: the shortest of as many as there is time for, after one to warm up.
fn seconds(mut work: impl FnMut()) -> f64 {
    work();
    let began = Instant::now();
    let mut least = Duration::MAX;
    while began.elapsed() < ENOUGH {
        let call = Instant::now();
        work();
        least = least.min(call.elapsed());
    }
    least.as_secs_f64()
}

fn processor_name() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
