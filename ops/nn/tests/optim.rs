//! Optimisers and schedules against PyTorch and `transformers`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use common::{assert_close, devices, expected, floats};
use nn::optim::{
    AdamW, Decay, Group, LossScale, Optimizer, Schedule, Sgd, clip_scale, decay_matrices,
    global_norm,
};
use nn::{Module, Names, Parameter};
use serde_json::Value;
use tensor::{Device, Gradients, Tensor};

/// One parameter, `w`.
struct One(Parameter);

impl Module for One {
    fn visit<'a>(&'a self, _path: &str, visit: &mut dyn FnMut(Names, &'a Parameter)) {
        visit(vec!["w".to_owned()], &self.0);
    }

    fn visit_mut<'a>(&'a mut self, _path: &str, visit: &mut dyn FnMut(Names, &'a mut Parameter)) {
        visit(vec!["w".to_owned()], &mut self.0);
    }
}

fn one(values: &[f32], device: &Device) -> One {
    let tensor = Tensor::new(values, [2, values.len() / 2], device).expect("a tensor");
    One(Parameter::new(&tensor).expect("a parameter"))
}

/// Gradients that are `gradient`.
fn gradients(model: &One, gradient: &[f32]) -> Gradients {
    let parameter = model.0.tensor();
    let gradient = Tensor::new(gradient, parameter.shape(), parameter.device()).expect("a tensor");
    let loss = parameter
        .mul(&gradient)
        .and_then(|product| product.sum_all())
        .expect("a loss");
    loss.backward().expect("gradients")
}

fn follow(
    kind: &str,
    mut step: impl FnMut(&mut One, &mut Gradients, &Tensor),
    device: &Device,
    fixture: &Value,
) {
    let mut model = one(&floats(&fixture["start"]), device);
    let scale = Tensor::scalar(1.0_f32, device).expect("a scale");
    let steps = fixture["steps"][kind].as_array().expect("steps");
    for (number, expected) in steps.iter().enumerate() {
        let mut gradients = gradients(&model, &floats(&fixture["gradients"][number]));
        step(&mut model, &mut gradients, &scale);
        let what = format!("{kind}, step {number} on {device}");
        assert_close(model.0.tensor(), &floats(expected), 1e-6, &what);
    }
}

#[test]
fn steps_of_adamw_and_sgd_equal_those_of_pytorch() {
    let fixture = &expected()["optimizers"];
    for device in devices() {
        let model = one(&floats(&fixture["start"]), &device);
        let mut adamw = AdamW::new(&model, |_, _| Group::with_decay(0.05)).expect("an optimiser");
        follow(
            "adamw",
            |m, g, s| adamw.step(m, g, 0.1, s).expect("a step"),
            &device,
            fixture,
        );
        let mut adamw = AdamW::new(&model, |_, _| Group::with_decay(0.0))
            .expect("an optimiser")
            .with([0.8, 0.95], 1e-6);
        follow(
            "adamw_other",
            |m, g, s| adamw.step(m, g, 0.02, s).expect("a step"),
            &device,
            fixture,
        );
        let mut sgd = Sgd::new(&model, 0.0, |_, _| Group::with_decay(0.0)).expect("an optimiser");
        follow(
            "sgd",
            |m, g, s| sgd.step(m, g, 0.1, s).expect("a step"),
            &device,
            fixture,
        );
        let mut sgd = Sgd::new(&model, 0.9, |_, _| Group::with_decay(0.01)).expect("an optimiser");
        follow(
            "sgd_momentum",
            |m, g, s| sgd.step(m, g, 0.1, s).expect("a step"),
            &device,
            fixture,
        );
        let mut sgd = Sgd::new(&model, 0.9, |_, _| Group::with_decay(0.0))
            .expect("an optimiser")
            .nesterov();
        follow(
            "sgd_nesterov",
            |m, g, s| sgd.step(m, g, 0.1, s).expect("a step"),
            &device,
            fixture,
        );
    }
}

#[test]
fn schedules_equal_those_of_transformers() {
    for case in expected()["schedules"].as_array().expect("cases") {
        let schedule = Schedule {
            learning_rate: 0.5,
            decay: serde_json::from_value::<Decay>(case["decay"].clone()).expect("a decay"),
            warmup: case["warmup"].as_u64().expect("steps"),
            total: case["total"].as_u64().expect("steps"),
        };
        for (step, expected) in (0..).zip(case["rates"].as_array().expect("rates")) {
            let (found, expected) = (schedule.rate(step), expected.as_f64().expect("a rate"));
            assert!(
                (found - expected).abs() < 1e-12,
                "{schedule:?} after {step}: {found}, not {expected}"
            );
        }
    }
}

#[test]
fn clipping_divides_by_the_norm_and_by_the_scale_of_the_loss() {
    for device in devices() {
        let model = one(&[0.0; 4], &device);
        let norm = global_norm(&model, &gradients(&model, &[3.0, 0.0, -4.0, 12.0]), &device)
            .expect("a norm");
        assert_close(&norm, &[13.0], 1e-6, "norm");
        let scale = |max: Option<f32>, loss_scale: f32| {
            clip_scale(&norm, max, loss_scale)
                .and_then(|s| Ok(s.item()?))
                .expect("a scale")
        };
        assert_eq!(scale(None, 1.0), 1.0);
        assert_eq!(scale(Some(20.0), 1.0), 1.0);
        assert!((scale(Some(6.5), 1.0) - 0.5).abs() < 1e-6);
        assert!(
            (scale(Some(6.5), 2.0) - 0.5).abs() < 1e-6,
            "a norm of 6.5 needs no clipping"
        );
        let faulty = global_norm(
            &model,
            &gradients(&model, &[f32::INFINITY, 0.0, 1.0, 1.0]),
            &device,
        )
        .expect("a norm");
        let scale = clip_scale(&faulty, Some(1.0), 1.0).expect("a scale");
        assert!(!scale.item().expect("a number").is_finite());
        let mut model = one(&[1.0; 4], &device);
        let mut adamw = AdamW::new(&model, decay_matrices(0.1)).expect("an optimiser");
        let mut gradients = gradients(&model, &[1.0; 4]);
        adamw
            .step(&mut model, &mut gradients, 0.1, &scale)
            .expect("a step");
        assert_eq!(
            model.0.tensor().to_f32_vec().expect("values"),
            [1.0; 4],
            "nothing changes"
        );
    }
}

#[test]
fn a_parameter_without_a_gradient_is_named_and_a_frozen_one_needs_none() {
    let device = Device::cpu();
    let mut model = one(&[1.0; 4], &device);
    let scale = Tensor::scalar(1.0_f32, &device).expect("a scale");
    let mut adamw = AdamW::new(&model, decay_matrices(0.0)).expect("an optimiser");
    let refused = adamw
        .step(&mut model, &mut Gradients::default(), 0.1, &scale)
        .expect_err("an error");
    assert!(refused.to_string().contains("`w` got no gradient"));
    let mut frozen = AdamW::new(&model, |_, _| Group::FROZEN).expect("an optimiser");
    frozen
        .step(&mut model, &mut Gradients::default(), 0.1, &scale)
        .expect("a step");
}

#[test]
fn the_scale_of_the_loss_halves_on_overflow_and_doubles_after_good_steps() {
    let mut scale = LossScale::dynamic().growing_after(2);
    assert!(!scale.accept(f32::INFINITY) && !scale.accept(f32::NAN));
    assert_eq!(scale.scale(), 16384.0);
    assert!(scale.accept(1.0) && scale.accept(2.0));
    assert_eq!(scale.scale(), 32768.0);
    assert!(scale.accept(1.0) && !scale.accept(f32::INFINITY) && scale.accept(1.0));
    assert_eq!(scale.scale(), 16384.0, "an overflow begins the count anew");
    assert_eq!(LossScale::NONE.scale(), 1.0);
}
