//! `engine devices`: what tensors can be computed on, and how fast that is.

use std::process::ExitCode;

use clap::Args;
use miette::Result;
use tensor::cpu::CpuReport;
use tensor::gpu::{AdapterKind, AdapterReport};

use super::terminal::{print, stdout_width};
use crate::report::number;
use crate::report::table::{Column, TextTable};

/// Lists the processor and the graphics adapters with their measured speed: the names are those of `--device`.
#[derive(Debug, Args)]
pub struct Devices {
    /// Also drivers, limits and features of the graphics adapters.
    #[arg(long, short)]
    verbose: bool,
}

impl Devices {
    /// Measures and prints.
    pub fn execute(self) -> Result<ExitCode> {
        let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let cpu = tensor::cpu::report(threads);
        let adapters = tensor::gpu::report();
        let mut table = TextTable::new([
            Column::text("device"),
            Column::text("name"),
            Column::text("kind"),
            Column::number("GEMM f32"),
            Column::number("GEMM f16"),
            Column::number("copy"),
        ]);
        table.rows.push(processor(&cpu));
        table.rows.extend(adapters.iter().map(adapter));
        let mut text = table.to_text(stdout_width());
        text.push_str(
            "GEMM in 1e9 operations a second, copy in 1e9 bytes read and written a second\n",
        );
        let real = adapters
            .iter()
            .find(|report| report.adapter.kind != AdapterKind::Software && report.rates.is_ok());
        text.push_str(&match real {
            Some(report) => format!("`--device auto` is gpu:{}\n", report.adapter.index),
            None => "`--device auto` is cpu: there is no graphics adapter other than software\n"
                .to_owned(),
        });
        for report in &adapters {
            if let Err(reason) = &report.rates {
                text.push_str(&format!("gpu:{}: {reason}\n", report.adapter.index));
            }
            if self.verbose {
                text.push_str(&details(report));
            }
        }
        print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn processor(report: &CpuReport) -> Vec<String> {
    let threads = if report.threads == 1 {
        "thread"
    } else {
        "threads"
    };
    vec![
        "cpu".to_owned(),
        report.name.clone(),
        format!("{}, {} {threads}", report.level, report.threads),
        number::plain(report.gemm_f32_gflops.round()),
        "-".to_owned(),
        number::plain(report.copy_gb_per_s.round()),
    ]
}

fn adapter(report: &AdapterReport) -> Vec<String> {
    let rate = |of: &dyn Fn(&tensor::gpu::AdapterRates) -> Option<f64>| {
        let rate = report.rates.as_ref().ok().and_then(of);
        rate.map_or_else(|| "-".to_owned(), |rate| number::plain(rate.round()))
    };
    vec![
        format!("gpu:{}", report.adapter.index),
        report.adapter.name.clone(),
        report.adapter.kind.to_string(),
        rate(&|rates| Some(rates.gemm_f32_gflops)),
        rate(&|rates| rates.gemm_f16_gflops),
        rate(&|rates| Some(rates.copy_gb_per_s)),
    ]
}

fn details(report: &AdapterReport) -> String {
    let adapter = &report.adapter;
    let limits = &adapter.limits;
    let mut features = Vec::new();
    if adapter.f16 {
        features.push("f16".to_owned());
    }
    if let Some((smallest, largest)) = adapter.subgroups {
        features.push(format!("subgroups of {smallest} to {largest}"));
    }
    for (name, sizes) in [
        ("f16", &adapter.cooperative_f16),
        ("f32", &adapter.cooperative_f32),
    ] {
        for [m, n, k] in sizes {
            features.push(format!("cooperative matrices {m}x{n}x{k} of {name}"));
        }
    }
    if adapter.timestamps {
        features.push("timestamps".to_owned());
    }
    let features = if features.is_empty() {
        "none".to_owned()
    } else {
        features.join(", ")
    };
    format!(
        "\ngpu:{} {}\n  driver: {} ({})\n  limits: buffers of {}, bindings of {} from multiples of {} bytes, {} of them, \
         workgroups of {} invocations with {}\n  features: {features}\n",
        adapter.index,
        adapter.name,
        adapter.driver,
        adapter.backend,
        number::bytes(limits.max_buffer_bytes),
        number::bytes(limits.max_binding_bytes),
        limits.binding_alignment,
        limits.max_bindings,
        limits.max_threads,
        number::bytes(limits.max_shared_bytes.into()),
    )
}
