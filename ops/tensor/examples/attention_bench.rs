//! Times attention over packed texts.
//!
//!     cargo run --release -p tensor --example attention_bench       a table for this machine, on all cores
//!     ... --example attention_bench serve THREADS                   answers requests, for tests/bench/tensor_attention.py
//!
//! A request is `forward|train HEADS HEAD_DIM CAUSAL(0|1) MILLISECONDS LENGTH…`, its answer the median seconds of a call; `train`
//! is a forward and a backward pass.

use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

use tensor::{AttentionOptions, Device, Offsets, Tensor};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

struct Work {
    train: bool,
    heads: usize,
    head_dim: usize,
    causal: bool,
    time: Duration,
    lengths: Vec<usize>,
}

fn main() -> Outcome<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "serve") {
        let threads = words.get(1).map_or(Ok(cores()), |word| word.parse())?;
        let device = Device::cpu_with_threads(threads);
        for line in std::io::stdin().lock().lines() {
            let line = line?;
            let words: Vec<&str> = line.split_whitespace().collect();
            println!("{:e}", seconds(&parse(&words)?, &device)?);
            std::io::stdout().flush()?;
        }
        return Ok(());
    }
    let device = Device::cpu_with_threads(cores());
    println!(
        "| heads x head_dim | texts | forward, ms | GFLOP/s | forward and backward, ms | GFLOP/s |"
    );
    println!("|---|---|---|---|---|---|");
    let shapes = [
        (12, 32, 32, 128),
        (12, 64, 4, 128),
        (12, 64, 4, 512),
        (12, 64, 1, 2048),
    ];
    for (heads, head_dim, texts, length) in shapes {
        let mut work = Work {
            train: false,
            heads,
            head_dim,
            causal: false,
            time: Duration::from_millis(1000),
            lengths: vec![length; texts],
        };
        // Two products forward, and five backward.
        let operations = 2.0 * (texts * heads * length * length * head_dim) as f64;
        let forward = seconds(&work, &device)?;
        work.train = true;
        let train = seconds(&work, &device)?;
        println!(
            "| {heads} x {head_dim} | {texts} x {length} | {:.3} | {:.1} | {:.3} | {:.1} |",
            forward * 1e3,
            2.0 * operations / forward / 1e9,
            train * 1e3,
            7.0 * operations / train / 1e9,
        );
    }
    Ok(())
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn parse(words: &[&str]) -> Outcome<Work> {
    let [kind, heads, head_dim, causal, milliseconds, lengths @ ..] = words else {
        return Err(format!("no such request: {}", words.join(" ")).into());
    };
    Ok(Work {
        train: *kind == "train",
        heads: heads.parse()?,
        head_dim: head_dim.parse()?,
        causal: *causal == "1",
        time: Duration::from_millis(milliseconds.parse()?),
        lengths: lengths
            .iter()
            .map(|word| word.parse())
            .collect::<Result<_, _>>()?,
    })
}

fn seconds(work: &Work, device: &Device) -> Outcome<f64> {
    let offsets = Offsets::of_lengths(&work.lengths, device)?;
    let shape = [offsets.tokens(), 3, work.heads, work.head_dim];
    let values: Vec<f32> = (0..shape.iter().product::<usize>())
        .map(|place| (place as f32 * 0.618_034).fract() * 2.0 - 1.0)
        .collect();
    let qkv = Tensor::new(&values, shape, device)?;
    let upstream = Tensor::new(
        &values[..values.len() / 3],
        [shape[0], shape[2], shape[3]],
        device,
    )?;
    let options = AttentionOptions {
        causal: work.causal,
        ..AttentionOptions::default()
    };
    let qkv = if work.train {
        qkv.requires_grad()?
    } else {
        qkv
    };
    let call = || -> Outcome<()> {
        let result = qkv.attention(&offsets, &options)?;
        if work.train {
            result.backward_from(&upstream)?;
        }
        Ok(())
    };
    let mut times = Vec::new();
    let begin = Instant::now();
    while begin.elapsed() < work.time || times.len() < 4 {
        let start = Instant::now();
        call()?;
        times.push(start.elapsed().as_secs_f64());
    }
    // The first calls fill the caches and the pool of memory.
    times.drain(..times.len() / 4);
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}
