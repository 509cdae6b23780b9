//! Times BERT natively: `bert_bench WORK THREADS ITERATIONS`, where the work is `minilm` (a forward pass of 32 texts of 128
//! tokens through a model of MiniLM-L6's shape), `minilm-half` (the same with products in halves) or `train` (a training step of BERT-base on 4 texts of 128 tokens, dropout on).
//! Weights are random: time does not depend on them. Prints the median seconds of an iteration. `tests/bench/bert.py` runs
//! it in turn with PyTorch.

use std::time::Instant;

use nn::bert::{BertConfig, BertForSequenceClassification, Pretrained, SentenceEncoder};
use nn::optim::{AdamW, Decay, Schedule, decay_matrices};
use nn::training::{TrainOptions, Trainer};
use nn::{Forward, Init, NnError, Packed};
use tensor::{CrossEntropy, DType, Device, RandomKey, Tensor, no_grad};

fn main() -> Result<(), NnError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize, or: usize| {
        let given = arguments.get(place).and_then(|text| text.parse().ok());
        given.unwrap_or(or)
    };
    let device = Device::cpu_with_threads(number(1, 2));
    let iterations = number(2, 5);
    let seconds = match arguments.first().map(String::as_str) {
        Some("train") => train(&BertConfig::default(), 4, &device, iterations)?,
        Some("train-minilm") => train(&minilm_config(), 8, &device, iterations)?,
        Some("minilm-half") => minilm(
            &device,
            iterations,
            Forward::inference().with_half_products(),
        )?,
        _ => minilm(&device, iterations, Forward::inference())?,
    };
    println!("{seconds}");
    Ok(())
}

fn init(device: &Device) -> Init<'_> {
    Init {
        deviation: 0.02,
        key: RandomKey::new(1),
        device,
    }
}

fn texts(count: u32, device: &Device) -> Result<Packed, NnError> {
    let text = |text: u32| (0..128).map(|place| 1000 + text * 128 + place).collect();
    let texts: Vec<Vec<u32>> = (0..count).map(text).collect();
    Ok(Packed::new(&texts, device)?)
}

fn minilm_config() -> BertConfig {
    BertConfig {
        hidden_size: 384,
        num_hidden_layers: 6,
        intermediate_size: 1536,
        ..BertConfig::default()
    }
}

fn minilm(device: &Device, iterations: usize, forward: Forward) -> Result<f64, NnError> {
    let model = SentenceEncoder::new(&minilm_config(), &init(device))?;
    let texts = texts(32, device)?;
    let encode = || no_grad(|| model.forward(&texts, forward));
    median(iterations, || encode().map(|_| ()))
}

fn train(
    config: &BertConfig,
    count: u32,
    device: &Device,
    iterations: usize,
) -> Result<f64, NnError> {
    let mut model = BertForSequenceClassification::new(config, &init(device))?;
    let options = TrainOptions {
        schedule: Schedule {
            learning_rate: 3e-5,
            decay: Decay::Constant,
            warmup: 0,
            total: 1000,
        },
        max_norm: None,
        precision: DType::F32,
        recompute: false,
    };
    let optimizer = AdamW::new(&model, decay_matrices(0.01))?;
    let mut trainer = Trainer::new(optimizer, options, RandomKey::new(2));
    let texts = texts(count, device)?;
    let labels: Vec<u32> = (0..count).map(|text| text % 2).collect();
    let labels = Tensor::new(&labels, [labels.len()], device)?;
    let seconds = median(iterations, || {
        let step = trainer.step(&mut model, 1, |model, _, forward| {
            Ok(model
                .forward(&texts, forward)?
                .cross_entropy(&labels, &CrossEntropy::default())?)
        });
        step.map(|_| ())
    })?;
    eprintln!(
        "peak memory of tensors: {:.0} MB",
        device.memory().peak as f64 / 1e6
    );
    Ok(seconds)
}

/// Two iterations to warm up, then the median of the others.
fn median(
    iterations: usize,
    mut work: impl FnMut() -> Result<(), NnError>,
) -> Result<f64, NnError> {
    let mut seconds = Vec::new();
    for _ in 0..iterations + 2 {
        let began = Instant::now();
        work()?;
        seconds.push(began.elapsed().as_secs_f64());
    }
    seconds.drain(..2);
    seconds.sort_by(f64::total_cmp);
    Ok(seconds[seconds.len() / 2])
}
