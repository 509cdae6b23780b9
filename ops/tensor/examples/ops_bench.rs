//! Times of ops whose results few elements share: `cargo run --release -p tensor --example ops_bench [-- cpu|gpu[:N]]`.

use std::time::Instant;

use tensor::{DType, Device, DeviceChoice, Result, Tensor};

const RUNS: usize = 7;

type Op = Box<dyn Fn() -> Result<Tensor>>;

fn main() -> Result<()> {
    let choice: DeviceChoice = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "gpu".to_owned())
        .parse()?;
    let device = Device::open(choice, 2)?;
    println!("{device}, medians of {RUNS}");
    for (name, op) in ops(&device)? {
        let mut times = Vec::new();
        for _ in 0..=RUNS {
            let start = Instant::now();
            // The first element, for which an adapter has to be done.
            op()?.narrow(0, 0, 1)?.to_f32_vec()?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        // The first run compiles.
        times.remove(0);
        times.sort_by(f64::total_cmp);
        println!("{name:<48} {:>9.2} ms", times[RUNS / 2]);
    }
    Ok(())
}

fn ops(device: &Device) -> Result<Vec<(&'static str, Op)>> {
    let numbers = |shape: &[usize]| -> Result<Tensor> {
        let count = shape.iter().product::<usize>();
        let values: Vec<f32> = (0..count)
            .map(|place| (place as f32 * 0.618_034).fract())
            .collect();
        Tensor::new(&values, shape, device)
    };
    let places: Vec<u32> = (0..60_000_u32)
        .map(|place| place.wrapping_mul(2_654_435_761) >> 22)
        .collect();
    let places = Tensor::new(&places, places.len(), device)?;
    let (logits, few) = (numbers(&[16, 30_522])?, numbers(&[60_000])?);
    let (tall, long) = (numbers(&[60_000, 64])?, numbers(&[4_000_000])?);
    let zeros = Tensor::full(0.0, [1024], DType::F32, device)?;
    let of_rows = logits.clone();
    Ok(vec![
        (
            "top 5 of 16 rows of 30,522",
            Box::new(move || logits.top_k(5, 1)?.0.reshape([80])),
        ),
        (
            "top 100 of 16 rows of 30,522",
            Box::new(move || of_rows.top_k(100, 1)?.0.reshape([1600])),
        ),
        (
            "scatter-add of 60,000 numbers to 1,024 places",
            Box::new(move || zeros.scatter_add(0, &places, &few)),
        ),
        ("sum of 60,000 rows of 64", Box::new(move || tall.sum(&[0]))),
        (
            "sum of 4,000,000 numbers",
            Box::new(move || long.sum_all()?.reshape([1])),
        ),
    ])
}
