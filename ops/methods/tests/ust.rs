//! Self-training, plain and with uncertainty: its quantities beside PyTorch, and as users meet it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use common::{
    Notes, bits, classifier, close, expected, floats, multi, names, native, single,
    straight_and_resumed,
};
use methods::ust::{Passes, Sampling, confidence_weight};
use methods::{
    Classifier, Labelled, Metric, Optimisation, Outcome, Problem, Rounds, Selection, SelfTraining,
    Session, Start, Targets, Text, Thresholds, Ust, self_training, ust,
};
use nn::bert::SequenceClassifier;
use tensor::DType;

#[test]
fn bald_variances_majorities_and_weights_equal_those_of_pytorch() {
    for case in expected()["ust"].as_array().expect("cases") {
        let passes: Vec<Vec<f32>> = case["passes"]
            .as_array()
            .expect("passes")
            .iter()
            .map(floats)
            .collect();
        let problem = match case["problem"].as_str() == Some("multi") {
            true => Problem::Multi,
            false => Problem::Single,
        };
        let passes = Passes {
            problem,
            labels: 3,
            passes: &passes,
        };
        let singles =
            |values: Vec<f64>| -> Vec<f32> { values.into_iter().map(|x| x as f32).collect() };
        close(
            &singles(passes.bald()),
            &floats(&case["bald"]),
            1e-6,
            "bald",
        );
        let variances = passes.variances();
        let weights: Vec<f32> = variances
            .iter()
            .map(|variance| confidence_weight(*variance, 0.1))
            .collect();
        close(&weights, &floats(&case["weights"]), 1e-6, "weights");
        close(
            &singles(variances),
            &floats(&case["variances"]),
            1e-6,
            "variances",
        );
        let majority: Vec<f32> = passes
            .majority(&[0.5; 3])
            .into_iter()
            .map(|has| f32::from(u8::from(has)))
            .collect();
        assert_eq!(majority, floats(&case["majority"]));
    }
}

#[test]
fn passes_that_agree_have_no_bald_and_passes_of_two_minds_have_ln_2() {
    let agree = [vec![0.5, 0.5], vec![0.5, 0.5]];
    let differ = [vec![1.0, 0.0], vec![0.0, 1.0]];
    let bald = |passes: &[Vec<f32>], problem| {
        Passes {
            problem,
            labels: 2,
            passes,
        }
        .bald()[0]
    };
    assert!(bald(&agree, Problem::Single).abs() < 1e-9);
    assert!((bald(&differ, Problem::Single) - std::f64::consts::LN_2).abs() < 1e-9);
    assert!((bald(&differ, Problem::Multi) - 2.0 * std::f64::consts::LN_2).abs() < 1e-9);
}

fn plan(rounds: usize) -> Rounds {
    let quick = Optimisation {
        epochs: 40.0,
        learning_rate: 2e-3,
        ..Optimisation::default()
    };
    Rounds {
        teacher: Optimisation {
            epochs: 150.0,
            ..quick.clone()
        },
        student: quick,
        rounds,
        ..Rounds::default()
    }
}

fn small(rounds: usize) -> Ust {
    Ust {
        rounds: plan(rounds),
        pool: 60,
        sample: 40,
        passes: 5,
        ..Ust::default()
    }
}

type Trained = methods::Result<(Classifier<SequenceClassifier>, Vec<Outcome>)>;

/// A method on labelled texts, and on more without labels.
fn learn(
    make: fn(usize, u64) -> (Vec<Text>, Targets),
    train: impl Fn(Labelled<'_>, &[Text], Option<Labelled<'_>>) -> Trained,
) -> (usize, Vec<Outcome>) {
    let ((texts, targets), (new, known)) = (make(24, 1), make(60, 2));
    let others: Vec<Text> = make(120, 3).0;
    let validation = make(40, 4);
    let validation = Labelled {
        texts: &validation.0,
        targets: &validation.1,
    };
    let (model, outcomes) = train(
        Labelled {
            texts: &texts,
            targets: &targets,
        },
        &others,
        Some(validation),
    )
    .expect("a training");
    let found = model.predict(&new, DType::F32).expect("predictions");
    let all = (0..60).flat_map(|text| (0..3).map(move |label| (text, label)));
    (
        all.filter(|&(text, label)| found.has(text, label) == known.has(text, label))
            .count(),
        outcomes,
    )
}

#[test]
fn rounds_with_uncertainty_learn_and_the_best_round_is_kept() {
    for make in [single, multi] {
        let device = native();
        let mut options = small(2);
        options.rounds.selection = Some(Selection {
            metric: Metric::MacroF1,
            every: None,
            patience: Some(40),
        });
        options.rounds.thresholds = Thresholds::PerLabel;
        let (right, outcomes) = learn(make, |training, others, validation| {
            let network = classifier(3, training.targets, &device);
            ust(
                network,
                &names(3),
                training,
                others,
                validation,
                &options,
                &mut Session::new(7, &mut ()),
            )
        });
        assert_eq!(outcomes.len(), 3);
        assert!(right > 144, "{right} of 180");
    }
}

#[test]
fn hard_texts_and_plain_confidence_learn_too() {
    let device = native();
    let options = Ust {
        sampling: Sampling::Hard,
        confident_learning: None,
        class_balanced: false,
        ..small(1)
    };
    let (right, _) = learn(single, |training, others, _| {
        ust(
            classifier(3, training.targets, &device),
            &names(3),
            training,
            others,
            None,
            &options,
            &mut Session::new(7, &mut ()),
        )
    });
    assert!(right > 144, "{right} of 180");
    let options = SelfTraining {
        rounds: Rounds {
            start: Start::Pretrained,
            ..plan(2)
        },
        confidence: 0.8,
    };
    for make in [single, multi] {
        let (right, outcomes) = learn(make, |training, others, _| {
            self_training(
                classifier(3, training.targets, &device),
                &names(3),
                training,
                others,
                None,
                &options,
                &mut Session::new(7, &mut ()),
            )
        });
        assert_eq!(outcomes.len(), 3);
        assert!(right > 144, "{right} of 180");
    }
}

#[test]
fn rounds_that_are_interrupted_end_with_the_bits_of_those_that_are_not() {
    let device = native();
    let ((texts, targets), others) = (multi(12, 1), multi(40, 3).0);
    let options = Ust {
        rounds: Rounds {
            teacher: Optimisation {
                max_steps: Some(6),
                ..Optimisation::default()
            },
            student: Optimisation {
                max_steps: Some(5),
                ..Optimisation::default()
            },
            ..plan(2)
        },
        ..small(2)
    };
    // Within the teacher, and within the second round.
    let [(straight, notes), (resumed, again)] = straight_and_resumed(&[3, 13], |session| {
        let training = Labelled {
            texts: &texts,
            targets: &targets,
        };
        ust(
            classifier(3, &targets, &device),
            &names(3),
            training,
            &others,
            None,
            &options,
            session,
        )
    });
    assert!(bits(&straight.0.network) == bits(&resumed.0.network));
    assert_eq!((straight.1, notes.losses()), (resumed.1, again.losses()));
    let phases: Vec<&str> = again
        .steps
        .iter()
        .map(|report| report.phase.as_str())
        .collect();
    assert_eq!(
        (phases[0], phases[6], phases[11]),
        ("teacher", "round 1", "round 2")
    );
}

#[test]
fn a_teacher_that_is_sure_of_nothing_ends_the_rounds_with_a_warning() {
    let device = native();
    let ((texts, targets), others) = (single(9, 1), single(20, 3).0);
    let brief = Optimisation {
        max_steps: Some(1),
        ..Optimisation::default()
    };
    let options = SelfTraining {
        rounds: Rounds {
            teacher: brief.clone(),
            student: brief,
            ..plan(2)
        },
        confidence: 0.999,
    };
    let mut notes = Notes::default();
    let training = Labelled {
        texts: &texts,
        targets: &targets,
    };
    let (_, outcomes) = self_training(
        classifier(3, &targets, &device),
        &names(3),
        training,
        &others,
        None,
        &options,
        &mut Session::new(7, &mut notes),
    )
    .expect("a training");
    assert_eq!(outcomes.len(), 1);
    assert!(
        notes.warnings[0].contains("sure of no text"),
        "{:?}",
        notes.warnings
    );
    let refused = self_training(
        classifier(3, &targets, &device),
        &names(3),
        training,
        &[],
        None,
        &options,
        &mut Session::new(7, &mut ()),
    );
    assert!(
        refused
            .map(|_| ())
            .expect_err("an error")
            .to_string()
            .contains("use fine_tune")
    );
}
