//! Heads that begin as logistic regression: against the conditions of its minimum, and as what fine-tuning starts from.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use common::{Notes, classifier, devices, multi, names, native, single};
use methods::{
    FineTune, LabelNetwork, Labelled, MethodError, Network, Optimisation, Session, Targets, Text,
    fine_tune, probe,
};
use nn::bert::SequenceClassifier;
use nn::{Forward, Packed, named_tensors};

fn labelled((texts, targets): &(Vec<Text>, Targets)) -> Labelled<'_> {
    Labelled { texts, targets }
}

/// Nobody stops the work.
fn never(_done: usize) -> bool {
    false
}

/// Features and scores of all texts, in rows.
fn read(network: &SequenceClassifier, texts: &[Text]) -> [Vec<Vec<f32>>; 2] {
    let all: Vec<&Text> = texts.iter().collect();
    let packed = Packed::new(&all, &network.device()).expect("texts");
    let forward = Forward::inference();
    let rows = |tensor: tensor::Tensor, width: usize| {
        let numbers = tensor.to_f32_vec().expect("numbers");
        numbers.chunks(width).map(<[f32]>::to_vec).collect()
    };
    [
        rows(network.features(&packed, forward).expect("features"), 32),
        rows(network.logits(&packed, forward).expect("scores"), 3),
    ]
}

/// The probability of each label less whether the text has it.
fn residuals(targets: &Targets, scores: &[Vec<f32>]) -> Vec<Vec<f64>> {
    let softmax = matches!(targets, Targets::Single(_));
    (scores.iter().enumerate())
        .map(|(text, row)| {
            let exp: Vec<f64> = row.iter().map(|score| f64::from(*score).exp()).collect();
            let all: f64 = exp.iter().sum();
            (exp.iter().enumerate())
                .map(|(label, exp)| {
                    let probability = exp / if softmax { all } else { 1.0 + exp };
                    probability - f64::from(u8::from(targets.has(text, label)))
                })
                .collect()
        })
        .collect()
}

/// The mean squared distance of rows from their mean: the sum of the columns' variances.
fn spread(rows: &[Vec<f32>]) -> f64 {
    let variance = |column: usize| {
        let mean_of = |value: &dyn Fn(f64) -> f64| {
            let values = rows.iter().map(|row| value(f64::from(row[column])));
            values.sum::<f64>() / rows.len() as f64
        };
        let mean = mean_of(&|x| x);
        mean_of(&|x| (x - mean).powi(2))
    };
    (0..rows[0].len()).map(variance).sum()
}

/// Of `C Σ loss + ½ Σ w²`, the derivative by a bias is `C Σ (p - y)`, and that by a weight is `C Σ (p - y) x + w`, with w the score
/// of a feature alone: both are 0 at the minimum. C is 1 over the mean squared distance of features from their mean,
/// and at most 1.
#[test]
fn a_head_is_at_the_minimum_of_logistic_regression_over_features() {
    for device in devices() {
        for data in [multi(40, 3), single(40, 3)] {
            let mut network = classifier(3, &data.1, &device);
            let inverse_decay =
                probe(&mut network, &names(3), labelled(&data), &never).expect("a head");
            let [features, scores] = read(&network, &data.0);
            let spread = spread(&features).max(1.0);
            assert!(
                (inverse_decay * spread - 1.0).abs() < 1e-4,
                "C = {inverse_decay}"
            );
            let residuals = residuals(&data.1, &scores);
            let tensors = named_tensors(&network).expect("tensors").into_iter();
            let weights = tensors
                .filter(|(name, _)| name == "classifier.weight")
                .flat_map(|(_, weight)| weight.to_f32_vec().expect("numbers"))
                .collect::<Vec<f32>>();
            for label in 0..3 {
                let bias: f64 = residuals.iter().map(|row| row[label]).sum();
                assert!(bias.abs() < 1e-3, "bias {label}: {bias}");
                for feature in 0..32 {
                    let sum: f64 = (residuals.iter().zip(&features))
                        .map(|(row, x)| row[label] * f64::from(x[feature]))
                        .sum();
                    let slope = sum + f64::from(weights[label * 32 + feature]) / inverse_decay;
                    assert!(slope.abs() < 1e-3, "weight {label}, {feature}: {slope}");
                }
            }
        }
    }
}

#[test]
fn fine_tuning_goes_on_from_the_head() {
    let data = multi(60, 3);
    let first_loss = |network| {
        let mut notes = Notes::default();
        let options = FineTune {
            optimisation: Optimisation {
                max_steps: Some(3),
                batch_size: 60,
                ..Optimisation::default()
            },
            ..FineTune::default()
        };
        let mut session = Session::new(7, &mut notes);
        fine_tune(
            network,
            &names(3),
            labelled(&data),
            None,
            &options,
            &mut session,
        )
        .expect("ran");
        notes.losses()[0]
    };
    let random = classifier(3, &data.1, &native());
    let mut probed = random.clone();
    probe(&mut probed, &names(3), labelled(&data), &never).expect("a head");
    let (random, probed) = (first_loss(random), first_loss(probed));
    assert!(probed < random, "{probed} after a probe, {random} without");
}

#[test]
fn labels_and_texts_that_do_not_fit_are_refused() {
    let data = multi(12, 3);
    let refused = |count, training: Labelled<'_>| {
        let mut network = classifier(3, &data.1, &native());
        match probe(&mut network, &names(count), training, &never) {
            Err(MethodError::Input { reason, .. }) => reason,
            other => panic!("{other:?}"),
        }
    };
    assert!(refused(2, labelled(&data)).contains("scores 3 labels, but there are 2"));
    let none = (Vec::new(), Targets::Multi(Vec::new()));
    assert!(refused(3, labelled(&none)).contains("no training texts"));
}

#[test]
fn reading_texts_can_be_stopped() {
    let data = multi(12, 3);
    let mut network = classifier(3, &data.1, &native());
    let stop = |_| true;
    match probe(&mut network, &names(3), labelled(&data), &stop) {
        Err(MethodError::Interrupted {
            step: 0, steps: 12, ..
        }) => {}
        other => panic!("{other:?}"),
    }
}
