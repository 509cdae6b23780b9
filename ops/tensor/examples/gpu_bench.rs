//! What a graphics card does with this crate: `cargo run --release -p tensor --example gpu_bench [-- options]`.
//!
//! Without options it prints a table for people, for every adapter. `--json` prints one line of JSON an adapter, which
//! `tests/bench/tensor_gpu.py` reads. `--adapter N` takes one adapter. `--tiles` also prints the rate of every tile. `--tiny`
//! takes the sizes of software adapters, whatever the adapter is.
//! `--tuning FILE` is where tuned tiles are remembered (a file in the temporary folder otherwise).

use std::path::PathBuf;
use std::time::Instant;

use tensor::Result;
use tensor::gpu::{AdapterKind, Binding, FloatType, Gpu, Kernel, adapters};

const COUNT: Kernel = Kernel {
    label: "count",
    source: include_str!("../../../shaders/probe.wgsl"),
    entry: "count",
};

fn main() -> Result<()> {
    let options: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| options.iter().any(|option| option == name);
    let value = |name: &str| {
        options
            .iter()
            .position(|option| option == name)
            .and_then(|at| options.get(at + 1))
    };
    let only: Option<usize> = value("--adapter").and_then(|number| number.parse().ok());
    let file = value("--tuning").map_or_else(
        || std::env::temp_dir().join("tensor-gpu-tuning"),
        PathBuf::from,
    );
    if adapters().is_empty() {
        eprintln!("no graphics adapter found");
    }
    for adapter in adapters()
        .iter()
        .filter(|adapter| only.is_none_or(|only| only == adapter.index))
    {
        let gpu = Gpu::open(Some(adapter.index))?;
        let started = Instant::now();
        gpu.tune(Some(&file))?;
        let tuned = started.elapsed().as_secs_f64();
        let measured = measure(&gpu, has("--tiny"))?;
        if has("--json") {
            println!("{}", json(&gpu, &measured));
            continue;
        }
        println!(
            "gpu:{} {} ({}, {}, {})",
            adapter.index, adapter.name, adapter.kind, adapter.backend, adapter.driver
        );
        println!(
            "  tuning took {tuned:.1} s (nothing when remembered in {})",
            file.display()
        );
        println!(
            "  cooperative matrices: {}",
            if gpu.uses_cooperative_matrix() {
                "used for f16"
            } else {
                "not used"
            }
        );
        for (name, rate, unit) in &measured {
            println!("  {name:<28} {rate:>12.2} {unit}");
        }
        println!("  tiles from small to large: {}", gpu.tiles().join("; "));
        if has("--tiles") {
            let side = if adapter.kind == AdapterKind::Software {
                512
            } else {
                2048
            };
            for (tile, rate) in gpu.tile_rates(side, side) {
                let rate = rate.map_or_else(
                    |error| error.to_string(),
                    |rate| format!("{rate:.1} GFLOP/s"),
                );
                println!("    {tile:<44} {rate}");
            }
        }
    }
    Ok(())
}

/// Names, rates and units.
fn measure(gpu: &Gpu, tiny: bool) -> Result<Vec<(String, f64, &'static str)>> {
    let squares: &[usize] = if tiny || gpu.adapter().kind == AdapterKind::Software {
        &[256, 512]
    } else {
        &[1024, 2048, 4096, 8192]
    };
    let peak = gpu.peak_gflops()?;
    let mut measured = vec![("multiply-adds on registers".to_owned(), peak, "GFLOP/s")];
    for &float in if gpu.has_f16() {
        &[FloatType::F32, FloatType::F16][..]
    } else {
        &[FloatType::F32]
    } {
        let name = if float == FloatType::F32 {
            "f32"
        } else {
            "f16"
        };
        for &side in squares {
            measured.push((
                format!("matmul {name} {side}^3"),
                gpu.gemm_gflops([side; 3], float)?,
                "GFLOP/s",
            ));
        }
        // The products of BERT-base: rows, columns, depth.
        for sizes in [[512, 768, 768], [512, 3072, 768], [512, 768, 3072]] {
            let [rows, columns, depth] = sizes;
            measured.push((
                format!("matmul {name} {rows}x{depth}x{columns}"),
                gpu.gemm_gflops(sizes, float)?,
                "GFLOP/s",
            ));
        }
    }
    let rates = gpu.rates()?;
    measured.push(("copy on the device".to_owned(), rates.copy_gb_per_s, "GB/s"));
    measured.push(("upload".to_owned(), rates.upload_gb_per_s, "GB/s"));
    measured.push(("download".to_owned(), rates.download_gb_per_s, "GB/s"));
    let (recorded, done) = launch_cost(gpu)?;
    measured.push(("launch, recorded".to_owned(), recorded, "us"));
    measured.push(("launch, done".to_owned(), done, "us"));
    Ok(measured)
}

/// Microseconds of a launch of next to nothing: until it is recorded, and until all are done. Medians of 5 rounds.
fn launch_cost(gpu: &Gpu) -> Result<(f64, f64)> {
    const LAUNCHES: usize = 4000;
    let zero = gpu.upload(&[0; 4])?;
    let counters = (0..32)
        .map(|_| gpu.upload(&[0; 256]))
        .collect::<Result<Vec<_>>>()?;
    let (mut recorded, mut done) = (Vec::new(), Vec::new());
    for _ in 0..6 {
        let start = Instant::now();
        for launch in 0..LAUNCHES {
            let bindings = [
                Binding::read(&zero),
                Binding::read_write(&counters[launch % counters.len()]),
            ];
            gpu.launch(&COUNT, &[], &bindings, &[64], [1, 1, 1])?;
            if launch == 100 {
                // Few enough that the device is not waited for.
                recorded.push(start.elapsed().as_secs_f64() * 1e6 / 101.0);
            }
        }
        gpu.wait()?;
        done.push(start.elapsed().as_secs_f64() * 1e6 / LAUNCHES as f64);
    }
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Ok((median(recorded), median(done)))
}

fn json(gpu: &Gpu, measured: &[(String, f64, &str)]) -> String {
    let rates: serde_json::Map<String, serde_json::Value> = measured
        .iter()
        .map(|(name, rate, unit)| (format!("{name} [{unit}]"), (*rate).into()))
        .collect();
    let adapter = gpu.adapter();
    serde_json::json!({
        "index": adapter.index,
        "name": adapter.name,
        "driver": adapter.driver,
        "kind": adapter.kind.to_string(),
        "cooperative": gpu.uses_cooperative_matrix(),
        "rates": rates,
    })
    .to_string()
}
