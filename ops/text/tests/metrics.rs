//! The metrics against scikit-learn (`tests/peers/metrics.py`), and what must hold for any predictions.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod common;

use common::{assert_close, fixture};
use proptest::prelude::*;
use serde::Deserialize;
use text::metrics::{
    Bootstrap, Report, SweepPoint, average_precision, confusion_matrix, label_thresholds, roc_auc,
    sweep_thresholds, sweep_top_k,
};
use text::{LabelSets, Scores, Task, Workers};

#[derive(Deserialize)]
struct Fixture {
    multi_label: Vec<MultiLabel>,
    multi_class: Vec<MultiClass>,
}

#[derive(Deserialize)]
struct MultiLabel {
    truth: LabelSets,
    predicted: LabelSets,
    report: Report,
    scores: Vec<f64>,
    average_precision: Vec<Option<f64>>,
    roc_auc: Vec<Option<f64>>,
    thresholds: Vec<SweepPoint<f64>>,
    top_k: Vec<SweepPoint<usize>>,
    best_f1: Vec<f64>,
}

impl MultiLabel {
    fn scores(&self) -> Scores {
        Scores::new(self.truth.rows(), self.truth.labels(), self.scores.clone()).unwrap()
    }
}

#[derive(Deserialize)]
struct MultiClass {
    truth: LabelSets,
    predicted: LabelSets,
    report: Report,
    confusion: Vec<Vec<usize>>,
}

/// Every figure of a report with what it is.
fn figures(report: &Report) -> (Vec<f64>, Vec<(String, usize, usize)>) {
    let averages = [
        report.micro_avg,
        report.macro_avg,
        report.weighted_avg,
        report.samples_avg,
    ];
    let each = averages
        .into_iter()
        .chain(report.labels.iter().map(|label| label.scores));
    let mut all: Vec<f64> = each.flat_map(|a| [a.precision, a.recall, a.f1]).collect();
    all.extend([
        report.subset_accuracy,
        report.hamming_loss,
        report.rows as f64,
    ]);
    let names = report
        .labels
        .iter()
        .map(|label| (label.label.clone(), label.support, label.predicted));
    (all, names.collect())
}

fn assert_same(ours: &Report, theirs: &Report) {
    let (ours, theirs) = (figures(ours), figures(theirs));
    assert_close(&ours.0, &theirs.0, 1e-14, "figures");
    assert_eq!(ours.1, theirs.1);
}

#[test]
fn every_figure_of_the_report_equals_scikit_learns() {
    let fixture: Fixture = fixture("metrics");
    for case in &fixture.multi_label {
        assert_same(
            &Report::new(&case.truth, &case.predicted, Task::MultiLabel).unwrap(),
            &case.report,
        );
    }
    for case in &fixture.multi_class {
        assert_same(
            &Report::new(&case.truth, &case.predicted, Task::MultiClass).unwrap(),
            &case.report,
        );
        assert_eq!(
            confusion_matrix(&case.truth, &case.predicted).unwrap(),
            case.confusion
        );
    }
}

#[test]
fn average_precision_and_roc_auc_equal_scikit_learns() {
    let fixture: Fixture = fixture("metrics");
    for case in &fixture.multi_label {
        let pairs = [
            (
                average_precision(&case.truth, &case.scores()).unwrap(),
                &case.average_precision,
            ),
            (roc_auc(&case.truth, &case.scores()).unwrap(), &case.roc_auc),
        ];
        for (ours, theirs) in pairs {
            // The peer leaves out labels that every row carries, too.
            for (ours, theirs) in ours.iter().zip(theirs) {
                if let Some(theirs) = theirs {
                    assert_close(&[ours.unwrap()], &[*theirs], 1e-14, "ranking");
                }
            }
        }
    }
}

#[test]
fn sweeps_give_scikit_learns_report_at_every_setting() {
    let fixture: Fixture = fixture("metrics");
    for case in &fixture.multi_label {
        let thresholds: Vec<f64> = case.thresholds.iter().map(|point| point.setting).collect();
        let ks: Vec<usize> = case.top_k.iter().map(|point| point.setting).collect();
        let by_threshold =
            sweep_thresholds(&case.truth, &case.scores(), &thresholds, &Workers::new(2)).unwrap();
        let by_k = sweep_top_k(&case.truth, &case.scores(), &ks, &Workers::new(2)).unwrap();
        by_threshold
            .iter()
            .zip(&case.thresholds)
            .for_each(|(o, t)| assert_same(&o.report, &t.report));
        by_k.iter()
            .zip(&case.top_k)
            .for_each(|(o, t)| assert_same(&o.report, &t.report));
    }
}

#[test]
fn the_best_threshold_of_a_label_reaches_the_best_f1_there_is() {
    let fixture: Fixture = fixture("metrics");
    for case in &fixture.multi_label {
        let best = label_thresholds(&case.truth, &case.scores()).unwrap();
        let f1s: Vec<f64> = best.iter().map(|label| label.f1).collect();
        assert_close(&f1s, &case.best_f1, 1e-14, "best F1");
        let thresholds: Vec<f64> = best.iter().map(|label| label.threshold).collect();
        let predicted = case
            .scores()
            .above(&thresholds, case.truth.vocabulary())
            .unwrap();
        let report = Report::new(&case.truth, &predicted, Task::MultiLabel).unwrap();
        let reached: Vec<f64> = report.labels.iter().map(|label| label.scores.f1).collect();
        assert_close(&reached, &f1s, 1e-14, "reached F1");
    }
}

#[test]
fn a_bootstrap_interval_of_a_proportion_has_the_width_that_theory_gives() {
    // 400 rows, 60 % right: the standard error of the accuracy is sqrt(.6 * .4 / 400) = .0245.
    let truth = LabelSets::from_names(&vec![vec!["a"]; 400]);
    let rows: Vec<Vec<&str>> = (0..400)
        .map(|i| if i % 5 < 3 { vec!["a"] } else { vec![] })
        .collect();
    let predicted = LabelSets::from_names_in(truth.vocabulary().to_vec(), &rows).unwrap();
    let bootstrap = Bootstrap {
        replicates: 4000,
        confidence: 0.95,
        seed: 1,
    };
    let one = bootstrap
        .intervals(&truth, &predicted, Task::MultiLabel, &Workers::new(1))
        .unwrap();
    assert!(
        (one.low.subset_accuracy - (0.6 - 1.96 * 0.0245)).abs() < 0.005,
        "{}",
        one.low.subset_accuracy
    );
    assert!(
        (one.high.subset_accuracy - (0.6 + 1.96 * 0.0245)).abs() < 0.005,
        "{}",
        one.high.subset_accuracy
    );
    let four = bootstrap
        .intervals(&truth, &predicted, Task::MultiLabel, &Workers::new(4))
        .unwrap();
    assert_eq!(one, four);
}

#[test]
fn no_rows_give_zeros_and_other_labels_an_error() {
    let vocabulary = vec!["a".to_owned(), "b".to_owned()];
    let none = LabelSets::with_vocabulary(vocabulary).unwrap();
    for task in [Task::MultiLabel, Task::MultiClass] {
        let report = Report::new(&none, &none, task).unwrap();
        assert!(figures(&report).0.iter().all(|&figure| figure == 0.0));
        Bootstrap::default()
            .intervals(&none, &none, task, &Workers::default())
            .unwrap();
    }
    let scores = Scores::new(0, 2, vec![]).unwrap();
    assert_eq!(roc_auc(&none, &scores).unwrap(), [None, None]);
    assert_eq!(average_precision(&none, &scores).unwrap(), [None, None]);
    assert_eq!(label_thresholds(&none, &scores).unwrap()[0].f1, 0.0);
    sweep_top_k(&none, &scores, &[1], &Workers::default()).unwrap();
    let other = LabelSets::with_vocabulary(vec!["a".to_owned(), "c".to_owned()]).unwrap();
    let message = Report::new(&none, &other, Task::MultiLabel)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("differ at 1 (\"b\" against \"c\")"),
        "{message}"
    );
    let no_labels = LabelSets::from_names(&[Vec::<&str>::new()]);
    Report::new(&no_labels, &no_labels, Task::MultiLabel).unwrap();
}

#[test]
fn infinite_scores_rank_like_any_other() {
    let truth = LabelSets::from_names(&[vec!["a"], vec![], vec!["a"]]);
    let scores = Scores::new(3, 1, vec![f64::INFINITY, f64::NEG_INFINITY, 0.0]).unwrap();
    assert_eq!(roc_auc(&truth, &scores).unwrap(), [Some(1.0)]);
    assert_eq!(label_thresholds(&truth, &scores).unwrap()[0].f1, 1.0);
    let lowest = Scores::new(3, 1, vec![f64::NEG_INFINITY; 3]).unwrap();
    assert_eq!(label_thresholds(&truth, &lowest).unwrap()[0].f1, 0.0);
}

fn sets(rows: usize) -> impl Strategy<Value = Vec<Vec<u32>>> {
    prop::collection::vec(
        prop::collection::btree_set(0..5_u32, 0..4).prop_map(Vec::from_iter),
        rows,
    )
}

fn label_sets(rows: &[Vec<u32>]) -> LabelSets {
    let vocabulary: Vec<String> = (0..5).map(|i| format!("l{i}")).collect();
    let names: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|i| format!("l{i}")).collect())
        .collect();
    LabelSets::from_names_in(vocabulary, &names).unwrap()
}

proptest! {
    #[test]
    fn every_figure_lies_between_zero_and_one((a, b) in (0..30_usize).prop_flat_map(|n| (sets(n), sets(n)))) {
        let report = Report::new(&label_sets(&a), &label_sets(&b), Task::MultiLabel).unwrap();
        let (all, _) = figures(&report);
        prop_assert!(all[..all.len() - 1].iter().all(|figure| (0.0..=1.0).contains(figure)));
    }

    #[test]
    fn exchanging_truth_and_prediction_exchanges_precision_and_recall(
        (a, b) in (1..30_usize).prop_flat_map(|n| (sets(n), sets(n)))
    ) {
        let (a, b) = (label_sets(&a), label_sets(&b));
        let one = Report::new(&a, &b, Task::MultiLabel).unwrap();
        let other = Report::new(&b, &a, Task::MultiLabel).unwrap();
        prop_assert!((one.macro_avg.precision - other.macro_avg.recall).abs() < 1e-12);
        prop_assert!((one.samples_avg.precision - other.samples_avg.recall).abs() < 1e-12);
        prop_assert_eq!(one.micro_avg.f1, other.micro_avg.f1);
        prop_assert_eq!(one.hamming_loss, other.hamming_loss);
    }

    #[test]
    fn perfect_predictions_are_never_wrong(a in (1..30_usize).prop_flat_map(sets)) {
        let a = label_sets(&a);
        let report = Report::new(&a, &a, Task::MultiLabel).unwrap();
        prop_assert_eq!((report.subset_accuracy, report.hamming_loss), (1.0, 0.0));
    }

    #[test]
    fn an_interval_is_in_order(
        (a, b, seed) in (1..20_usize).prop_flat_map(|n| (sets(n), sets(n), any::<u64>()))
    ) {
        let bootstrap = Bootstrap { replicates: 20, confidence: 0.9, seed };
        let ends = bootstrap.intervals(&label_sets(&a), &label_sets(&b), Task::MultiLabel, &Workers::default()).unwrap();
        let (low, high) = (figures(&ends.low).0, figures(&ends.high).0);
        prop_assert!(low.iter().zip(&high).all(|(low, high)| low <= high));
    }
}
