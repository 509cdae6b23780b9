//! x
use tensor::Activation;
use tensor::gpu::*;
fn main() {
    let gpu = tensor::gpu::Gpu::open(None).unwrap();
    let a = gpu.upload(&[0; 70000]).unwrap();
    let b = gpu.upload(&[0; 70000]).unwrap();
    let c = gpu.upload(&[0; 70000]).unwrap();
    for (r, k, n) in [(64, 64, 64), (60, 60, 60), (61, 61, 61), (33, 1, 61)] {
        for ta in [false, true] {
            for act in [Activation::None, Activation::Gelu] {
                let start = std::time::Instant::now();
                let v = |b| MatrixView::dense(b, FloatType::F32, 1, r, k);
                let left = if ta {
                    MatrixView {
                        row_stride: 1,
                        column_stride: r,
                        ..v(&a)
                    }
                } else {
                    v(&a)
                };
                let p = Matmul {
                    activation: act,
                    ..Matmul::new(
                        [1, 1],
                        [r, n, k],
                        left,
                        MatrixView::dense(&b, FloatType::F32, 1, k, n),
                        MatrixView::dense(&c, FloatType::F32, 1, r, n),
                    )
                };
                gpu.matmul(&p).unwrap();
                let compiled = start.elapsed().as_secs_f64();
                gpu.wait().unwrap();
                println!(
                    "{r} {k} {n} {ta} {act:?}: {compiled:.3} {:.3}",
                    start.elapsed().as_secs_f64()
                );
            }
        }
    }
    for side in [64, 256, 512] {
        let start = std::time::Instant::now();
        for (tile, rate) in gpu.tile_rates(side, 256) {
            println!(
                "{side} {tile}: {rate:.2?} at {:.2}s",
                start.elapsed().as_secs_f64()
            );
        }
    }
}
