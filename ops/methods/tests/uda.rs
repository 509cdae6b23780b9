//! UDA's loss beside PyTorch, and its training as users meet it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use common::{
    Notes, augment, bits, classifier, close, devices, expected, first_words, floats, multi, names,
    native, single, straight_and_resumed,
};
use methods::loss::Goal;
use methods::uda::{Annealing, annealed, consistency};
use methods::{
    FineTune, Labelled, Optimisation, Problem, Session, Targets, Text, Uda, Unlabelled, fine_tune,
    uda,
};
use serde_json::Value;
use tensor::{DType, Device, Tensor};

fn problem(case: &Value) -> Problem {
    match case["problem"].as_str() == Some("multi") {
        true => Problem::Multi,
        false => Problem::Single,
    }
}

fn leaf(values: &Value, shape: [usize; 2], device: &Device) -> Tensor {
    Tensor::new(&floats(values), shape, device)
        .and_then(|values| values.requires_grad())
        .expect("a leaf")
}

fn check(found: &methods::uda::Counted, leaf: &Tensor, case: &Value) {
    let what = case.to_string();
    let share = found.share.item().expect("a share");
    close(
        &[share],
        &[case["share"].as_f64().expect("a share") as f32],
        1e-6,
        &what,
    );
    let loss = found.loss.item().expect("a loss");
    close(
        &[loss],
        &[case["loss"].as_f64().expect("a loss") as f32],
        1e-5,
        &what,
    );
    let gradients = found.loss.backward().expect("gradients");
    let gradient = gradients
        .get(leaf)
        .expect("a gradient")
        .to_f32_vec()
        .expect("numbers");
    close(&gradient, &floats(&case["gradient"]), 1e-5, &what);
}

#[test]
fn divergence_sharpening_and_masking_equal_those_of_pytorch() {
    for device in devices() {
        for case in expected()["uda"]["consistency"].as_array().expect("cases") {
            let [original, augmented] =
                ["original", "augmented"].map(|name| leaf(&case[name], [6, 4], &device));
            let temperature = case["temperature"].as_f64().expect("a temperature") as f32;
            let confidence = case["confidence"]
                .as_f64()
                .map(|confidence| confidence as f32);
            let found = consistency(
                problem(case),
                &original,
                &augmented,
                temperature,
                confidence,
            )
            .expect("a loss");
            check(&found, &augmented, case);
        }
    }
}

#[test]
fn annealed_losses_equal_those_of_pytorch() {
    for device in devices() {
        for case in expected()["uda"]["annealed"].as_array().expect("cases") {
            let logits = leaf(&case["logits"], [5, 3], &device);
            let numbers = floats(&case["targets"]);
            let targets = match problem(case) {
                Problem::Multi => Targets::Multi(
                    numbers
                        .chunks(3)
                        .map(|row| row.iter().map(|x| *x == 1.0).collect())
                        .collect(),
                ),
                Problem::Single => Targets::Single(numbers.iter().map(|x| *x as u32).collect()),
            };
            let goal = Goal::new(&targets, &[0, 1, 2, 3, 4], &device).expect("a goal");
            let threshold = case["threshold"].as_f64().expect("a threshold") as f32;
            let found =
                annealed(&goal.losses(&logits).expect("losses"), Some(threshold)).expect("a loss");
            check(&found, &logits, case);
        }
    }
}

#[test]
fn thresholds_grow_from_one_in_k_to_one_as_the_paper_draws_them() {
    // α of section 3.2 at t/T = 0, 1/2 and 1, in closed form.
    let half = (-2.5_f64).exp();
    let end = (-5.0_f64).exp();
    let schedules = [
        (Annealing::Linear, [0.0, 0.5, 1.0]),
        (Annealing::Log, [0.0, 1.0 - half, 1.0 - end]),
        (Annealing::Exp, [end, half, 1.0]),
    ];
    for (annealing, shares) in schedules {
        for classes in [2, 5] {
            for (progress, share) in [0.0, 0.5, 1.0].into_iter().zip(shares) {
                let k = classes as f64;
                let expected = share * (1.0 - 1.0 / k) + 1.0 / k;
                let found = f64::from(annealing.threshold(progress, classes));
                assert!(
                    (found - expected).abs() < 1e-6,
                    "{annealing:?} at {progress}: {found}"
                );
            }
        }
    }
}

type Data = (Vec<Text>, Vec<Vec<Text>>);

fn unlabelled(make: fn(usize, u64) -> (Vec<Text>, Targets)) -> Data {
    let texts = make(120, 3).0;
    let augmented = texts.iter().map(|text| augment(text, 3)).collect();
    (texts, augmented)
}

fn options(steps: u64) -> Uda {
    Uda {
        optimisation: Optimisation {
            max_steps: Some(steps),
            learning_rate: 2e-3,
            warmup: 0.1,
            ..Optimisation::default()
        },
        confidence: Some(0.9),
        annealing: Some(Annealing::Log),
        weight: 2.0,
        ..Uda::default()
    }
}

fn right(found: &Targets, known: &Targets) -> usize {
    let all = (0..known.len()).flat_map(|text| (0..3).map(move |label| (text, label)));
    all.filter(|&(text, label)| found.has(text, label) == known.has(text, label))
        .count()
}

#[test]
fn texts_without_labels_help_where_labels_are_few() {
    let device = native();
    for make in [single, multi] {
        let ((texts, targets), (new, known)) = (make(24, 1), make(60, 2));
        // What is the same as these words, only texts without labels tell.
        let texts: Vec<Text> = texts.iter().map(first_words).collect();
        let (originals, augmented) = unlabelled(make);
        let data = Labelled {
            texts: &texts,
            targets: &targets,
        };
        let without = Unlabelled {
            texts: &originals,
            augmented: &augmented,
        };
        let mut notes = Notes::default();
        let (with_them, _) = uda(
            classifier(3, &targets, &device),
            &names(3),
            data,
            without,
            None,
            &options(500),
            &mut Session::new(7, &mut notes),
        )
        .expect("a training");
        let plain = FineTune {
            optimisation: options(500).optimisation,
            ..FineTune::default()
        };
        let (alone, _) = fine_tune(
            classifier(3, &targets, &device),
            &names(3),
            data,
            None,
            &plain,
            &mut Session::new(7, &mut ()),
        )
        .expect("a training");
        let [with_them, alone] = [with_them, alone].map(|model| {
            right(
                &model.predict(&new, DType::F32).expect("predictions"),
                &known,
            )
        });
        assert!(
            with_them > alone,
            "{with_them} of 180 with, {alone} without"
        );
        let names: Vec<&str> = notes.steps[0]
            .parts
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(
            names,
            [
                "supervised",
                "consistency",
                "trained_share",
                "confident_share"
            ]
        );
        for report in &notes.steps {
            let [supervised, consistency] = [report.parts[0].1, report.parts[1].1];
            assert!((report.loss - supervised - 2.0 * consistency).abs() < 1e-5);
        }
    }
}

#[test]
fn an_interrupted_training_ends_with_the_bits_of_one_that_is_not() {
    let device = native();
    let (texts, targets) = multi(9, 1);
    let (originals, augmented) = unlabelled(multi);
    let options = Uda {
        teacher_dropout: true,
        optimisation: Optimisation {
            accumulate: 2,
            ..options(12).optimisation
        },
        ..options(12)
    };
    let [(straight, notes), (resumed, again)] = straight_and_resumed(&[5], |session| {
        uda(
            classifier(3, &targets, &device),
            &names(3),
            Labelled {
                texts: &texts,
                targets: &targets,
            },
            Unlabelled {
                texts: &originals,
                augmented: &augmented,
            },
            None,
            &options,
            session,
        )
    });
    assert!(bits(&straight.0.network) == bits(&resumed.0.network));
    assert_eq!(notes.losses(), again.losses());
}

#[test]
fn texts_without_augmented_versions_are_named() {
    let device = native();
    let (texts, targets) = multi(9, 1);
    let (originals, mut augmented) = unlabelled(multi);
    let refused = |originals: &[Text], augmented: &[Vec<Text>]| {
        let outcome = uda(
            classifier(3, &targets, &device),
            &names(3),
            Labelled {
                texts: &texts,
                targets: &targets,
            },
            Unlabelled {
                texts: originals,
                augmented,
            },
            None,
            &options(2),
            &mut Session::new(7, &mut ()),
        );
        outcome.map(|_| ()).expect_err("an error").to_string()
    };
    assert!(refused(&[], &[]).contains("use fine_tune"));
    assert!(refused(&originals, &augmented[1..]).contains("119"));
    augmented[4].clear();
    assert!(
        refused(&originals, &augmented).contains("text 4 without labels has no augmented version")
    );
}
