//! Times training steps on any device: `train_bench [bert|gpt2] [--device cpu|gpu[:N]] [--texts 4] [--length 128]
//! [--precision f32|f16|bf16] [--iterations 5] [--tiny]`.
//!
//! `bert` is BERT-base with a head of two labels, `gpt2` the GPT-2 of 124 million parameters as a language model; dropout is on,
//! AdamW updates all parameters. `--tiny` takes two layers of 64 instead. Weights are random: time does not depend on them. Prints
//! one line of JSON: median seconds of a step, peak memory of tensors in bytes, the last loss. `tests/bench/tensor_gpu.py` runs it
//! in turn with PyTorch.

use std::time::Instant;

use nn::bert::{BertConfig, BertForSequenceClassification};
use nn::gpt2::{Gpt2Config, Gpt2LanguageModel};
use nn::optim::{AdamW, Decay, Schedule, decay_matrices};
use nn::training::{TrainOptions, Trainer};
use nn::{Forward, Init, Module, NnError, Packed, Pretrained};
use tensor::{CrossEntropy, DType, Device, DeviceChoice, RandomKey, Tensor};

/// The options of the command line.
struct Options {
    work: String,
    device: Device,
    texts: usize,
    length: usize,
    precision: DType,
    iterations: usize,
    tiny: bool,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::read()?;
    let texts: Vec<Vec<u32>> = (0..options.texts)
        .map(|text| {
            // Words that every vocabulary here has.
            let word = |place| ((text * options.length + place) % 900) as u32 + 50;
            (0..options.length).map(word).collect()
        })
        .collect();
    let texts = Packed::new(&texts, &options.device)?;
    let init = Init {
        deviation: 0.02,
        key: RandomKey::new(1),
        device: &options.device,
    };
    let (seconds, loss) = match options.work.as_str() {
        "gpt2" => {
            let model = Gpt2LanguageModel::new(&options.gpt2(), &init)?;
            options.time(model, |model, forward| model.loss(&texts, forward))?
        }
        _ => {
            let labels: Vec<u32> = (0..options.texts as u32).map(|text| text % 2).collect();
            let labels = Tensor::new(&labels, [labels.len()], &options.device)?;
            let model = BertForSequenceClassification::new(&options.bert(), &init)?;
            options.time(model, |model, forward| {
                let logits = model.forward(&texts, forward)?;
                Ok(logits.cross_entropy(&labels, &CrossEntropy::default())?)
            })?
        }
    };
    let found = serde_json::json!({
        "seconds": seconds,
        "peak_bytes": options.device.memory().peak,
        "loss": loss,
    });
    println!("{found}");
    Ok(())
}

impl Options {
    fn read() -> Result<Self, Box<dyn std::error::Error>> {
        let words: Vec<String> = std::env::args().skip(1).collect();
        let value = |name: &str| {
            let place = words.iter().position(|word| word == name);
            place.and_then(|place| words.get(place + 1))
        };
        let number = |name: &str, or: usize| value(name).map_or(Ok(or), |text| text.parse());
        let device = match value("--device").map_or("cpu", String::as_str) {
            "cpu" => Device::cpu(),
            name => Device::open(name.parse::<DeviceChoice>()?, 0)?,
        };
        Ok(Self {
            work: words.first().cloned().unwrap_or_default(),
            device,
            texts: number("--texts", 4)?,
            length: number("--length", 128)?,
            precision: match value("--precision").map(String::as_str) {
                Some("f16") => DType::F16,
                Some("bf16") => DType::BF16,
                _ => DType::F32,
            },
            iterations: number("--iterations", 5)?,
            tiny: words.iter().any(|word| word == "--tiny"),
        })
    }

    fn bert(&self) -> BertConfig {
        let whole = BertConfig::default();
        match self.tiny {
            false => whole,
            true => BertConfig {
                vocab_size: 1000,
                hidden_size: 64,
                num_hidden_layers: 2,
                num_attention_heads: 4,
                intermediate_size: 256,
                ..whole
            },
        }
    }

    fn gpt2(&self) -> Gpt2Config {
        let whole = Gpt2Config::default();
        match self.tiny {
            false => whole,
            true => Gpt2Config {
                vocab_size: 1000,
                n_embd: 64,
                n_layer: 2,
                n_head: 4,
                ..whole
            },
        }
    }

    /// The median seconds of steps behind two that warm up, and the last loss.
    fn time<M: Module>(
        &self,
        mut model: M,
        loss: impl Fn(&M, Forward) -> Result<Tensor, NnError>,
    ) -> Result<(f64, f32), NnError> {
        let options = TrainOptions {
            schedule: Schedule {
                learning_rate: 3e-5,
                decay: Decay::Constant,
                warmup: 0,
                total: 1000,
            },
            max_norm: None,
            precision: self.precision,
            recompute: false,
        };
        let optimizer = AdamW::new(&model, decay_matrices(0.01))?;
        let mut trainer = Trainer::new(optimizer, options, RandomKey::new(2));
        let (mut seconds, mut last) = (Vec::new(), f32::NAN);
        for _ in 0..self.iterations.max(1) + 2 {
            let began = Instant::now();
            let report = trainer.step(&mut model, 1, |model, _, forward| loss(model, forward))?;
            self.device.synchronize()?;
            seconds.push(began.elapsed().as_secs_f64());
            last = report.loss;
        }
        seconds.drain(..2);
        seconds.sort_by(f64::total_cmp);
        Ok((seconds[seconds.len() / 2], last))
    }
}
