//! Naive Bayes and logistic regression against scikit-learn (`tests/peers/naive_bayes.py`, `logistic_regression.py`).

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod common;

use common::{assert_close, fixture};
use serde::Deserialize;
use text::logistic_regression::LogisticRegression;
use text::naive_bayes::NaiveBayes;
use text::{CsrMatrix, Error, LabelSets, LinearModel, Task, Workers};

#[derive(Deserialize)]
struct Fixture<P> {
    cases: Vec<Case<P>>,
}

#[derive(Deserialize)]
struct Case<P> {
    params: P,
    task: Task,
    x: CsrMatrix,
    labels: LabelSets,
    test: CsrMatrix,
    probabilities: Vec<f64>,
    predicted: LabelSets,
    #[serde(default)]
    weights: Vec<Vec<f64>>,
}

impl<P> Case<P> {
    fn assert_predictions(&self, model: &LinearModel, tolerance: f64, what: &str) {
        let workers = Workers::new(2);
        let probabilities = model.predict_proba(&self.test, &workers).unwrap();
        assert_close(probabilities.values(), &self.probabilities, tolerance, what);
        assert_eq!(
            model.predict(&self.test, &workers).unwrap(),
            self.predicted,
            "{what}"
        );
    }
}

#[test]
fn naive_bayes_equals_scikit_learns() {
    let fixture: Fixture<NaiveBayes> = fixture("naive_bayes");
    for case in fixture.cases {
        let model = case
            .params
            .fit(&case.x, &case.labels, case.task, &Workers::default())
            .unwrap();
        case.assert_predictions(&model, 1e-11, &format!("{:?} {:?}", case.params, case.task));
    }
}

#[test]
fn logistic_regression_equals_scikit_learns() {
    let fixture: Fixture<LogisticRegression> = fixture("logistic_regression");
    for case in fixture.cases {
        let what = format!("{:?} {:?} {}", case.params, case.task, case.weights.len());
        for threads in [1, 3] {
            let fit = case
                .params
                .fit(&case.x, &case.labels, case.task, &Workers::new(threads))
                .unwrap();
            assert_eq!(fit.unconverged, [] as [u32; 0], "{what}");
            case.assert_predictions(&fit.model, 1e-6, &what);
            for (label, weights) in case.weights.iter().enumerate() {
                let ours: Vec<f64> = fit
                    .model
                    .weights
                    .iter()
                    .skip(label)
                    .step_by(case.weights.len())
                    .copied()
                    .collect();
                assert_close(&ours, weights, 1e-5, &what);
            }
        }
    }
}

#[test]
fn labels_that_no_row_or_every_row_carries_are_answered_by_a_constant_and_reported() {
    let x = CsrMatrix::new(1, vec![0, 1, 2], vec![0, 0], vec![1.0, 2.0]).unwrap();
    let vocabulary: Vec<String> = ["all", "none", "some"].map(String::from).to_vec();
    let labels = LabelSets::from_names_in(vocabulary, &[vec!["all"], vec!["all", "some"]]).unwrap();
    let workers = Workers::default();
    let bayes = NaiveBayes::default()
        .fit(&x, &labels, Task::MultiLabel, &workers)
        .unwrap();
    let logistic = LogisticRegression::default()
        .fit(&x, &labels, Task::MultiLabel, &workers)
        .unwrap();
    for model in [bayes, logistic.model] {
        let constant: Vec<(u32, bool)> =
            model.constant.iter().map(|c| (c.label, c.value)).collect();
        assert_eq!(constant, [(0, true), (1, false)]);
        let probabilities = model.predict_proba(&x, &workers).unwrap();
        assert_eq!(probabilities.row(1)[..2], [1.0, 0.0]);
    }
}

#[test]
fn classes_without_training_rows_are_never_predicted() {
    let x = CsrMatrix::new(2, vec![0, 1, 2, 3], vec![0, 1, 1], vec![1.0; 3]).unwrap();
    let vocabulary: Vec<String> = ["a", "b", "c"].map(String::from).to_vec();
    let labels = LabelSets::from_names_in(vocabulary.clone(), &[["a"], ["c"], ["c"]]).unwrap();
    let only = LabelSets::from_names_in(vocabulary, &[["b"], ["b"], ["b"]]).unwrap();
    let workers = Workers::default();
    for (labels, expected) in [(labels, [[0], [2], [2]]), (only, [[1], [1], [1]])] {
        let bayes = NaiveBayes::default()
            .fit(&x, &labels, Task::MultiClass, &workers)
            .unwrap();
        let logistic = LogisticRegression {
            c: 10.0,
            ..Default::default()
        }
        .fit(&x, &labels, Task::MultiClass, &workers)
        .unwrap();
        for model in [bayes, logistic.model] {
            let predicted = model.predict(&x, &workers).unwrap();
            assert_eq!(predicted.iter().collect::<Vec<_>>(), expected);
            let probabilities = model.predict_proba(&x, &workers).unwrap();
            assert!(
                (0..3).all(|row| (probabilities.row(row).iter().sum::<f64>() - 1.0).abs() < 1e-12)
            );
        }
    }
}

#[test]
fn a_stored_model_predicts_as_before() {
    let fixture: Fixture<LogisticRegression> = fixture("logistic_regression");
    let case = &fixture.cases[0];
    let fit = case
        .params
        .fit(&case.x, &case.labels, case.task, &Workers::default())
        .unwrap();
    let restored: LinearModel =
        serde_json::from_str(&serde_json::to_string(&fit.model).unwrap()).unwrap();
    assert_eq!(restored, fit.model);
}

#[test]
fn unusable_input_is_an_error() {
    let labels = LabelSets::from_names(&[vec!["a"], vec![], vec!["a", "b"]]);
    let x = |value: f64| CsrMatrix::new(1, vec![0, 1, 1, 1], vec![0], vec![value]).unwrap();
    let (workers, bayes, logistic) = (
        Workers::default(),
        NaiveBayes::default(),
        LogisticRegression::default(),
    );
    let many = Task::MultiLabel;
    assert!(matches!(
        bayes.fit(&x(f64::NAN), &labels, many, &workers),
        Err(Error::NotANumber { .. })
    ));
    assert!(matches!(
        bayes.fit(&x(-1.0), &labels, many, &workers),
        Err(Error::Negative { .. })
    ));
    assert!(matches!(
        bayes.fit(&x(1.0), &labels, Task::MultiClass, &workers),
        Err(Error::NotSingleLabel { row: 1, .. })
    ));
    assert!(matches!(
        logistic.fit(&x(f64::INFINITY), &labels, many, &workers),
        Err(Error::NotANumber { .. })
    ));
    assert!(matches!(
        logistic.fit(&x(1.0), &labels.select(&[0]), many, &workers),
        Err(Error::Mismatch { .. })
    ));
    let nothing = CsrMatrix::new(3, vec![0], vec![], vec![]).unwrap();
    assert!(matches!(
        bayes.fit(&nothing, &labels.select(&[]), many, &workers),
        Err(Error::NoRows { .. })
    ));
    assert!(matches!(
        logistic.fit(&nothing, &labels.select(&[]), many, &workers),
        Err(Error::NoRows { .. })
    ));
    for alpha in [0.0, -1.0, f64::NAN] {
        assert!(
            NaiveBayes { alpha, ..bayes }
                .fit(&x(1.0), &labels, many, &workers)
                .is_err()
        );
    }
    for c in [0.0, f64::INFINITY] {
        assert!(
            LogisticRegression { c, ..logistic }
                .fit(&x(1.0), &labels, many, &workers)
                .is_err()
        );
    }
}

#[test]
fn rows_without_features_and_a_single_row_can_be_learnt_from() {
    let workers = Workers::default();
    let empty = CsrMatrix::new(0, vec![0, 0, 0], vec![], vec![]).unwrap();
    let labels = LabelSets::from_names(&[vec!["a"], vec!["b"]]);
    for task in [Task::MultiLabel, Task::MultiClass] {
        for rows in [&[0][..], &[0, 1]] {
            let (x, labels) = (empty.select(rows), labels.select(rows));
            let model = NaiveBayes::default()
                .fit(&x, &labels, task, &workers)
                .unwrap();
            model.predict_proba(&x, &workers).unwrap();
            let fit = LogisticRegression::default()
                .fit(&x, &labels, task, &workers)
                .unwrap();
            fit.model.predict_proba(&x, &workers).unwrap();
        }
    }
}

#[test]
fn perfectly_separated_rows_still_converge() {
    let x = CsrMatrix::new(1, vec![0, 1, 2], vec![0, 0], vec![-1e3, 1e3]).unwrap();
    let labels = LabelSets::from_names(&[vec![], vec!["a"]]);
    let params = LogisticRegression {
        c: 1e6,
        ..Default::default()
    };
    let fit = params
        .fit(&x, &labels, Task::MultiLabel, &Workers::default())
        .unwrap();
    assert_eq!(fit.unconverged, [] as [u32; 0]);
    assert_eq!(fit.model.predict(&x, &Workers::default()).unwrap(), labels);
}
