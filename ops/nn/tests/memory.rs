//! Memory of training. In a process of its own, since an adapter's memory is that of all tests of a process.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use common::{cross_entropy, devices, expected, integers, model, texts};
use nn::bert::BertForSequenceClassification;
use nn::optim::{AdamW, Decay, Schedule, decay_matrices};
use nn::training::{TrainOptions, Trainer};
use tensor::{DType, RandomKey, Tensor};

#[test]
fn memory_at_step_one_hundred_equals_that_at_step_three() {
    let options = TrainOptions {
        schedule: Schedule {
            learning_rate: 1e-4,
            decay: Decay::Linear,
            warmup: 10,
            total: 100,
        },
        max_norm: Some(1.0),
        precision: DType::F32,
        recompute: false,
    };
    let fixture = expected();
    for device in devices() {
        let mut model: BertForSequenceClassification = model("classifier.safetensors", &device);
        let optimizer = AdamW::new(&model, decay_matrices(0.01)).expect("an optimiser");
        let mut trainer = Trainer::new(optimizer, options, RandomKey::new(3));
        let texts = texts(&fixture, &device);
        let labels = Tensor::new(&integers(&fixture["labels"]), [4], &device).expect("labels");
        let mut memory = Vec::new();
        for _ in 0..100 {
            let step = trainer.step(&mut model, 2, |model, _, forward| {
                Ok(cross_entropy(&model.forward(&texts, forward)?, &labels)?)
            });
            step.expect("a step");
            memory.push(device.memory());
        }
        let (third, hundredth) = (memory[2], memory[99]);
        assert_eq!(
            (third.live, third.peak),
            (hundredth.live, hundredth.peak),
            "{device}"
        );
        assert!(
            hundredth.pooled <= third.pooled + third.peak / 4,
            "{device}: {third:?}, then {hundredth:?}"
        );
    }
}
