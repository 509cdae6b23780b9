//! Times what memory limits: elementwise functions, reductions and rows, on 16 million numbers each.
//!
//!     cargo run --release -p tensor --example elementwise_bench [THREADS]
//!
//! Prints Markdown: of each op the bytes that it reads and writes, in GB a second, as a share of what a copy of the same size
//! reaches. Medians of rounds in which each op and the copy run in turn.

use std::time::Instant;

use tensor::{Device, RandomKey, Result, Tensor, no_grad};

const ROWS: usize = 1 << 14;
const COLUMNS: usize = 1 << 10;
const ROUNDS: usize = 15;

/// A name, how many arrays are read and written, and the op.
type Work<'a> = (&'static str, f64, Box<dyn Fn() -> Result<Tensor> + 'a>);

fn main() -> Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let given = std::env::args().nth(1).and_then(|word| word.parse().ok());
    let threads = given.unwrap_or(cores);
    let device = Device::cpu_with_threads(threads);
    let shape = [ROWS, COLUMNS];
    let draw = |stream| Tensor::rand_uniform(0.1, 2.0, shape, &device, RandomKey::new(stream));
    let (a, b) = (draw(1)?, draw(2)?);
    let row = Tensor::rand_uniform(0.1, 2.0, [COLUMNS], &device, RandomKey::new(3))?;
    let source = a.to_vec::<f32>()?;
    let mut target = vec![0.0_f32; source.len()];
    let pool = tensor::cpu::Threads::new(threads);
    let mut copy = || {
        pool.chunks_mut(&mut target, 1 << 16, |chunk, target| {
            let from = chunk << 16;
            target.copy_from_slice(&source[from..from + target.len()]);
        });
    };
    let works: Vec<Work<'_>> = vec![
        ("add", 3.0, Box::new(|| a.add(&b))),
        ("mul", 3.0, Box::new(|| a.mul(&b))),
        ("add a row", 2.0, Box::new(|| a.add(&row))),
        ("affine", 2.0, Box::new(|| a.affine(2.0, 1.0))),
        ("sqrt", 2.0, Box::new(|| a.sqrt())),
        ("exp", 2.0, Box::new(|| a.exp())),
        ("log", 2.0, Box::new(|| a.log())),
        ("tanh", 2.0, Box::new(|| a.tanh())),
        ("sigmoid", 2.0, Box::new(|| a.sigmoid())),
        ("relu", 2.0, Box::new(|| a.relu())),
        ("gelu", 2.0, Box::new(|| a.gelu())),
        ("gelu, tanh form", 2.0, Box::new(|| a.gelu_tanh())),
        (
            "dropout",
            2.0,
            Box::new(|| a.dropout(0.1, RandomKey::new(4))),
        ),
        ("sum of all", 1.0, Box::new(|| a.sum_all())),
        ("sum of rows", 1.0, Box::new(|| a.sum(&[1]))),
        ("sum of columns", 1.0, Box::new(|| a.sum(&[0]))),
        ("mean of rows", 1.0, Box::new(|| a.mean(&[1]))),
        ("max of rows", 1.0, Box::new(|| a.max(&[1]))),
        ("max of columns", 1.0, Box::new(|| a.max(&[0]))),
        ("norm of rows", 1.0, Box::new(|| a.norm(&[1]))),
        ("logsumexp of rows", 1.0, Box::new(|| a.logsumexp(&[1]))),
        ("softmax", 2.0, Box::new(|| a.softmax(1))),
        ("log-softmax", 2.0, Box::new(|| a.log_softmax(1))),
        (
            "layer norm",
            2.0,
            Box::new(|| a.layer_norm(&row, &row, 1e-5)),
        ),
    ];
    let bytes = (ROWS * COLUMNS * size_of::<f32>()) as f64;
    let mut taken = vec![Vec::new(); works.len()];
    let mut copies = Vec::new();
    let timed = |work: &mut dyn FnMut() -> Result<()>| -> Result<f64> {
        let began = Instant::now();
        work()?;
        Ok(began.elapsed().as_secs_f64())
    };
    no_grad(|| -> Result<()> {
        for round in 0..=ROUNDS {
            for ((_, _, op), taken) in works.iter().zip(&mut taken) {
                let copied = timed(&mut || {
                    copy();
                    Ok(())
                })?;
                let seconds = timed(&mut || op().map(drop))?;
                // The first round touches memory for the first time.
                if round > 0 {
                    copies.push(copied);
                    taken.push(seconds);
                }
            }
        }
        Ok(())
    })?;
    let rate = |arrays: f64, seconds: &mut Vec<f64>| {
        seconds.sort_by(f64::total_cmp);
        arrays * bytes / seconds[seconds.len() / 2] / 1e9
    };
    let copy = rate(2.0, &mut copies);
    println!("{threads} threads, copy {copy:.1} GB/s\n");
    println!("| op | GB/s | share of copy |\n|---|---|---|");
    for ((name, arrays, _), seconds) in works.iter().zip(&mut taken) {
        let found = rate(*arrays, seconds);
        println!("| {name} | {found:.1} | {:.0} % |", 100.0 * found / copy);
    }
    Ok(())
}
