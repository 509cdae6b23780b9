//! Times writing natively: `generate_bench WORK THREADS ITERATIONS`, where the work is `greedy` (GPT-2 of 124 million parameters
//! writes 32 tokens behind 8 prompts of 64) or `translate` (an M2M100 of 6 and 6 layers of 512 writes 32 tokens for 8 sources of
//! 32, with 5 beams). Weights are random: time does not depend on them. Prints the median seconds of an iteration.
//! `tests/bench/generate.py` runs it in turn with transformers.

use std::time::Instant;

use nn::generate::{GenerateOptions, generate};
use nn::gpt2::{Gpt2Config, Gpt2LanguageModel};
use nn::seq2seq::{Seq2SeqConfig, Seq2SeqFamily, Seq2SeqLanguageModel};
use nn::{Forward, Init, NnError, Packed, Pretrained};
use tensor::{Device, RandomKey};

fn main() -> Result<(), NnError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize, or: usize| {
        let given = arguments.get(place).and_then(|text| text.parse().ok());
        given.unwrap_or(or)
    };
    let device = Device::cpu_with_threads(number(1, 2));
    let iterations = number(2, 3);
    let seconds = match arguments.first().map(String::as_str) {
        Some("translate") => translate(&device, iterations)?,
        _ => greedy(&device, iterations)?,
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

fn texts(length: u32) -> Vec<Vec<u32>> {
    let text = |text: u32| (0..length).map(|place| 1000 + text * 128 + place).collect();
    (0..8).map(text).collect()
}

fn greedy(device: &Device, iterations: usize) -> Result<f64, NnError> {
    let model = Gpt2LanguageModel::new(&Gpt2Config::default(), &init(device))?;
    let prompts = texts(64);
    let options = GenerateOptions {
        max_new_tokens: 32,
        ..GenerateOptions::default()
    };
    median(iterations, || {
        let cache = model.model().cache(prompts.len());
        generate(&model, &prompts, cache, &options, Forward::inference()).map(|_| ())
    })
}

fn translate(device: &Device, iterations: usize) -> Result<f64, NnError> {
    let config = Seq2SeqConfig {
        vocab_size: 32_000,
        d_model: 512,
        encoder_layers: 6,
        decoder_layers: 6,
        encoder_attention_heads: 8,
        decoder_attention_heads: 8,
        encoder_ffn_dim: 2048,
        decoder_ffn_dim: 2048,
        ..Seq2SeqConfig::of(Seq2SeqFamily::M2m100)
    };
    let model = Seq2SeqLanguageModel::new(&config, &init(device))?;
    let sources = Packed::new(&texts(32), device)?;
    let options = GenerateOptions {
        max_new_tokens: 32,
        beams: 5,
        ..GenerateOptions::default()
    };
    median(iterations, || {
        model
            .generate(&sources, &options, Forward::inference())
            .map(|_| ())
    })
}

/// After one iteration to warm up.
fn median(iterations: usize, mut run: impl FnMut() -> Result<(), NnError>) -> Result<f64, NnError> {
    run()?;
    let mut seconds = Vec::new();
    for _ in 0..iterations.max(1) {
        let start = Instant::now();
        run()?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    Ok(seconds[seconds.len() / 2])
}
