//! Training that is cut off and goes on, in half precision, and that goes astray.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use common::{cross_entropy, devices, expected, integers, model, texts};
use nn::bert::BertForSequenceClassification;
use nn::optim::{AdamW, Decay, LossScale, Optimizer, Schedule, Sgd, decay_matrices};
use nn::training::{Checkpoints, DataPlace, StepReport, TrainOptions, Trainer};
use nn::{NnError, named_tensors};
use tensor::{DType, Device, RandomKey, Tensor};

const OPTIONS: TrainOptions = TrainOptions {
    schedule: Schedule {
        learning_rate: 1e-3,
        decay: Decay::Cosine,
        warmup: 2,
        total: 20,
    },
    max_norm: Some(1.0),
    precision: DType::F32,
    recompute: false,
};

type Model = BertForSequenceClassification;

fn begin(options: TrainOptions, device: &Device) -> (Model, Trainer) {
    let model: Model = model("classifier.safetensors", device);
    let optimizer = AdamW::new(&model, decay_matrices(0.01)).expect("an optimiser");
    (model, Trainer::new(optimizer, options, RandomKey::new(3)))
}

/// Steps with dropout, each in two parts.
fn train<O: Optimizer>(
    model: &mut Model,
    trainer: &mut Trainer<O>,
    steps: u64,
    device: &Device,
) -> Vec<StepReport> {
    let fixture = expected();
    let texts = texts(&fixture, device);
    let labels = Tensor::new(&integers(&fixture["labels"]), [4], device).expect("labels");
    let report = |_| {
        let place = trainer.state().place;
        let report = trainer.step(model, 2, |model, _, forward| {
            Ok(cross_entropy(&model.forward(&texts, forward)?, &labels)?)
        });
        trainer.set_place(DataPlace {
            row: place.row + 8,
            ..place
        });
        report.expect("a step")
    };
    (0..steps).map(report).collect()
}

fn bits<O: Optimizer>(model: &Model, trainer: &Trainer<O>) -> Vec<(String, Vec<u8>)> {
    let moments = trainer.optimizer().state().expect("moments");
    let all = named_tensors(model)
        .expect("tensors")
        .into_iter()
        .chain(moments);
    all.map(|(name, tensor)| (name, tensor.bytes().expect("bytes")))
        .collect()
}

#[test]
fn ten_steps_and_five_saved_and_five_more_give_the_same_bits() {
    for device in devices() {
        let (mut model, mut trainer) = begin(OPTIONS, &device);
        let straight = train(&mut model, &mut trainer, 10, &device);
        let folder = tempfile::tempdir().expect("a folder");
        let checkpoints = Checkpoints::new(folder.path(), 2);
        assert_eq!(checkpoints.newest().expect("a look"), None);
        {
            let (mut model, mut trainer) = begin(OPTIONS, &device);
            train(&mut model, &mut trainer, 5, &device);
            checkpoints.save(&model, &trainer).expect("a checkpoint");
        }
        let (mut again, mut resumed) = begin(OPTIONS, &device);
        // What was there before does not matter.
        train(&mut again, &mut resumed, 1, &device);
        let newest = checkpoints.newest().expect("a look").expect("a checkpoint");
        assert!(newest.ends_with("step-00000005"));
        Checkpoints::restore(newest, &mut again, &mut resumed).expect("a checkpoint");
        assert_eq!(resumed.state().place.row, 40);
        assert_eq!(train(&mut again, &mut resumed, 5, &device), straight[5..]);
        assert_eq!(resumed.state(), trainer.state());
        assert!(bits(&again, &resumed) == bits(&model, &trainer), "{device}");
    }
}

#[test]
fn gradient_descent_with_momentum_learns_and_resumes_to_the_same_bits() {
    for device in devices() {
        let begin = || {
            let model: Model = model("classifier.safetensors", &device);
            let optimizer = Sgd::new(&model, 0.9, decay_matrices(0.01)).expect("an optimiser");
            let schedule = Schedule {
                learning_rate: 0.02,
                ..OPTIONS.schedule
            };
            let options = TrainOptions {
                schedule,
                ..OPTIONS
            };
            (model, Trainer::new(optimizer, options, RandomKey::new(3)))
        };
        let (mut model, mut trainer) = begin();
        let straight = train(&mut model, &mut trainer, 8, &device);
        assert!(straight[7].loss < straight[0].loss, "{straight:?}");
        assert_eq!(trainer.state().updates, 8);
        let folder = tempfile::tempdir().expect("a folder");
        let checkpoints = Checkpoints::new(folder.path(), 1);
        let (mut again, mut resumed) = begin();
        train(&mut again, &mut resumed, 3, &device);
        let saved = checkpoints.save(&again, &resumed).expect("a checkpoint");
        let (mut again, mut resumed) = begin();
        Checkpoints::restore(&saved, &mut again, &mut resumed).expect("a checkpoint");
        assert_eq!(train(&mut again, &mut resumed, 5, &device), straight[3..]);
        assert!(bits(&again, &resumed) == bits(&model, &trainer), "{device}");
        // Velocities are no moments.
        let adamw = AdamW::new(&again, decay_matrices(0.01)).expect("an optimiser");
        let mut other = Trainer::new(adamw, OPTIONS, RandomKey::new(3));
        let error = Checkpoints::restore(&saved, &mut again, &mut other).expect_err("an error");
        assert!(
            error.to_string().contains("another model or optimiser"),
            "{error}"
        );
    }
}

#[test]
fn old_checkpoints_go_and_damaged_ones_are_named() {
    let device = Device::cpu();
    let (mut model, mut trainer) = begin(OPTIONS, &device);
    let folder = tempfile::tempdir().expect("a folder");
    let checkpoints = Checkpoints::new(folder.path(), 2);
    for _ in 0..3 {
        train(&mut model, &mut trainer, 1, &device);
        checkpoints.save(&model, &trainer).expect("a checkpoint");
    }
    let mut names: Vec<_> = std::fs::read_dir(folder.path())
        .expect("a folder")
        .map(|e| e.expect("an entry").file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["step-00000002", "step-00000003"]);
    let newest = checkpoints.newest().expect("a look").expect("a checkpoint");
    let moments = newest.join("optimizer.safetensors");
    let bytes = std::fs::read(&moments).expect("a file");
    std::fs::write(&moments, &bytes[..bytes.len() / 2]).expect("a file");
    let error = Checkpoints::restore(&newest, &mut model, &mut trainer)
        .expect_err("an error")
        .to_string();
    assert!(
        error.contains("optimizer.safetensors") && error.contains("cut off"),
        "{error}"
    );
}

#[test]
fn f16_with_scaled_losses_follows_f32() {
    for device in devices() {
        let (mut model, mut trainer) = begin(OPTIONS, &device);
        let single = train(&mut model, &mut trainer, 8, &device);
        let options = TrainOptions {
            precision: DType::F16,
            ..OPTIONS
        };
        let (mut model, trainer) = begin(options, &device);
        let mut trainer = trainer.with_loss_scale(LossScale::dynamic().growing_after(4));
        let half = train(&mut model, &mut trainer, 8, &device);
        let kept = half.iter().filter(|report| !report.skipped).count() as u64;
        assert_eq!(trainer.state().updates, kept);
        assert!(kept >= 4, "{half:?}");
        assert!(
            (single[0].loss - half[0].loss).abs() < 2e-2,
            "{} and {}",
            single[0].loss,
            half[0].loss
        );
        let first = half
            .iter()
            .position(|report| !report.skipped)
            .expect("a step");
        let (norm, single_norm) = (half[first].norm, single[0].norm);
        assert!(
            first > 0 || (norm - single_norm).abs() < 0.05 * single_norm,
            "{norm} and {single_norm}"
        );
        assert!(half[7].loss < single[0].loss, "it learns: {half:?}");
    }
}

#[test]
fn a_loss_that_is_no_number_is_an_error_that_names_the_step_and_leaves_the_model_as_it_was() {
    for device in devices() {
        let (mut model, mut trainer) = begin(OPTIONS, &device);
        train(&mut model, &mut trainer, 2, &device);
        let before = bits(&model, &trainer);
        let texts = texts(&expected(), &device);
        let step = trainer.step(&mut model, 1, |model, _, forward| {
            Ok(model
                .forward(&texts, forward)?
                .affine(f32::NAN, 0.0)?
                .sum_all()?)
        });
        let error = step.expect_err("an error");
        assert!(
            matches!(
                error,
                NnError::NotFinite {
                    what: "loss",
                    step: 3,
                    ..
                }
            ),
            "{error}"
        );
        assert!(before == bits(&model, &trainer));
        assert_eq!(
            (
                trainer.state().step,
                trainer.state().updates,
                trainer.optimizer().steps()
            ),
            (2, 2, 2)
        );
    }
}
