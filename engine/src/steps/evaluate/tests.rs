use serde_json::{Value as Json, json};
use table::{Table, columns};

use super::Evaluate;
use crate::steps::testing::Trial;

/// Truth and predictions of rows, labels separated by blanks, and the scores of each label.
fn predictions(rows: &[(&str, &str)], scores: &[(&str, &[f64])]) -> Table {
    let lists = |of: fn(&(&str, &str)) -> String| {
        let rows: Vec<String> = rows.iter().map(of).collect();
        columns::string_lists(rows.iter().map(|row| row.split_whitespace()))
    };
    let mut named = vec![
        ("labels".to_owned(), lists(|row| row.0.to_owned())),
        ("predicted".to_owned(), lists(|row| row.1.to_owned())),
    ];
    for (label, values) in scores {
        named.push((
            format!("score.{label}"),
            columns::floats(values.iter().copied()),
        ));
    }
    Table::from_columns(named).unwrap()
}

/// Six rows: `a` is easy, `b` has low scores, the last row carries nothing.
fn six() -> Table {
    predictions(
        &[
            ("a", "a"),
            ("a b", "a"),
            ("b", ""),
            ("b", ""),
            ("a", "a"),
            ("", "a"),
        ],
        &[
            ("a", &[0.9, 0.8, 0.1, 0.2, 0.7, 0.6]),
            ("b", &[0.05, 0.3, 0.4, 0.2, 0.1, 0.1]),
        ],
    )
}

fn evaluate(parameters: Json, test: &Table, valid: Option<&Table>) -> Json {
    let trial = Trial::new::<Evaluate>(parameters).input("test", test);
    let trial = match valid {
        Some(valid) => trial.input("valid", valid),
        None => trial,
    };
    trial.run().json("metrics")
}

#[test]
fn without_a_validation_part_the_predictions_are_judged_as_they_are() {
    let metrics = evaluate(json!({}), &six(), None);
    assert_eq!(metrics["decision"], json!({ "by": "as_predicted" }));
    // Three hits; four predictions; six true labels.
    assert_eq!(metrics["micro_precision"], json!(0.75));
    assert_eq!(metrics["micro_recall"], json!(0.5));
    assert_eq!(metrics["labels"]["b"]["f1"], json!(0.0));
}

#[test]
fn a_row_without_labels_makes_its_predictions_wrong() {
    let table = predictions(&[("a", "a"), ("", "a")], &[]);
    let metrics = evaluate(json!({}), &table, None);
    assert_eq!(metrics["labels"]["a"]["precision"], json!(0.5));
    assert_eq!(metrics["rows"], 2);
}

#[test]
fn the_threshold_with_the_best_f1_on_valid_is_chosen() {
    let parameters = json!({ "thresholds": [0.8, 0.15, 0.5], "bootstrap": 0 });
    let outcome = Trial::new::<Evaluate>(parameters)
        .input("test", &six())
        .input("valid", &six())
        .run();
    // Above 0.15: a five times (three right), b three times (all right): 6 hits of 8 and 6.
    let metrics = outcome.json("metrics");
    assert_eq!(metrics["decision"]["threshold"], json!(0.15));
    assert_eq!(metrics["decision"]["valid_micro_f1"], metrics["micro_f1"]);
    assert_eq!(metrics["micro_f1"], json!(12.0 / 14.0));
    assert!(metrics.get("intervals").is_none());
    let sweep = outcome.table("sweep");
    let settings = sweep.float_column("setting").unwrap();
    assert_eq!(settings.values(), &[0.15, 0.5, 0.8][..]);
    assert!(sweep.bool_column("chosen").unwrap().value(0));
    assert!(outcome.text("sweep_figure").contains("0.15"));
}

#[test]
fn of_equally_good_thresholds_the_highest_is_chosen() {
    let parameters = json!({ "thresholds": [0.91, 0.92, 0.95] });
    let metrics = evaluate(parameters, &six(), Some(&six()));
    assert_eq!(metrics["decision"]["threshold"], json!(0.95));
}

#[test]
fn each_label_may_have_a_threshold_of_its_own() {
    let parameters = json!({ "decide": "threshold_per_label" });
    let metrics = evaluate(parameters, &six(), Some(&six()));
    assert_eq!(metrics["micro_f1"], json!(1.0));
    let threshold = |label: &str| metrics["labels"][label]["threshold"].as_f64().unwrap();
    assert!((threshold("a") - 0.65).abs() < 1e-12);
    assert!((threshold("b") - 0.15).abs() < 1e-12);
    assert_eq!(
        metrics["decision"],
        json!({ "by": "threshold_per_label", "chosen_on": "valid" })
    );
}

#[test]
fn the_best_number_of_labels_is_chosen_or_given() {
    let chosen = evaluate(json!({ "decide": "top_k" }), &six(), Some(&six()));
    assert_eq!(chosen["decision"]["top_k"], json!(1));
    let given = evaluate(json!({ "decide": "top_k", "top_k": [2] }), &six(), None);
    assert_eq!(given["decision"], json!({ "by": "top_k", "top_k": 2 }));
    assert_eq!(given["micro_recall"], json!(1.0));
}

#[test]
fn a_label_that_the_model_does_not_know_is_never_predicted() {
    let table = predictions(
        &[("a c", "a"), ("a", "a"), ("c", "")],
        &[("a", &[0.9, 0.8, 0.3])],
    );
    for parameters in [
        json!({ "decide": "threshold", "threshold": -1.0 }),
        json!({ "decide": "top_k", "top_k": [3] }),
    ] {
        let metrics = evaluate(parameters, &table, None);
        assert_eq!(metrics["labels"]["c"]["predicted"], 0);
        assert_eq!(metrics["labels"]["a"]["predicted"], 3);
        assert_eq!(metrics["labels"]["c"]["support"], 2);
        assert!(metrics["labels"]["c"].get("average_precision").is_none());
    }
    let per_label = json!({ "decide": "threshold_per_label" });
    let metrics = evaluate(per_label, &table, Some(&table));
    assert_eq!(metrics["labels"]["c"]["predicted"], 0);
}

#[test]
fn a_label_set_leaves_out_the_others_and_says_so() {
    let outcome = Trial::new::<Evaluate>(json!({ "label_set": ["b", "z"] }))
        .input("test", &six())
        .run();
    let metrics = outcome.json("metrics");
    let labels: Vec<&String> = metrics["labels"].as_object().unwrap().keys().collect();
    assert_eq!(labels, ["b", "z"]);
    assert_eq!(outcome.notes[0], "7 labels outside `label_set` left out");
}

#[test]
fn one_label_a_row_has_a_confusion_table() {
    let table = Table::from_columns(vec![
        ("class", columns::text(["x", "y", "y"])),
        ("predicted", columns::string_lists([["x"], ["x"], ["y"]])),
    ])
    .unwrap();
    let outcome = Trial::new::<Evaluate>(json!({ "labels": "class" }))
        .input("test", &table)
        .run();
    let metrics = outcome.json("metrics");
    assert_eq!(metrics["task"], "multi_class");
    assert_eq!(metrics["confusion"], json!([[1, 0], [1, 1]]));
    assert_eq!(metrics["subset_accuracy"], json!(2.0 / 3.0));
    assert_eq!(outcome.texts("confusion", "truth"), ["x", "x", "y", "y"]);
    assert_eq!(outcome.ints("confusion", "rows"), [1, 0, 1, 1]);
}

#[test]
fn the_report_has_a_row_for_each_label_and_average() {
    let outcome = Trial::new::<Evaluate>(json!({ "bootstrap": 50 }))
        .input("test", &six())
        .run();
    assert_eq!(
        outcome.texts("report", "label"),
        [
            "a",
            "b",
            "micro avg",
            "macro avg",
            "weighted avg",
            "samples avg"
        ]
    );
    assert_eq!(outcome.ints("report", "support"), [3, 3, 6, 6, 6, 6]);
    assert_eq!(outcome.notes, ["micro F1 0.600, macro F1 0.429 on 6 rows"]);
}

#[test]
fn intervals_depend_on_the_seed_and_not_on_threads() {
    let metrics = |seed, threads| {
        Trial::new::<Evaluate>(json!({}))
            .input("test", &six())
            .seed(seed)
            .threads(threads)
            .run()
            .text("metrics")
    };
    assert_eq!(metrics(1, 1), metrics(1, 2));
    assert_ne!(metrics(1, 1), metrics(2, 1));
}

#[test]
fn a_choice_without_a_validation_part_is_a_problem() {
    for (parameters, place) in [
        (json!({ "decide": "threshold_per_label" }), "decide"),
        (json!({ "decide": "top_k" }), "decide"),
        (json!({ "decide": "top_k", "top_k": [0] }), "top_k"),
        (
            json!({ "decide": "top_k", "top_k": [1], "threshold": 0.5 }),
            "threshold",
        ),
        (json!({ "thresholds": [] }), "thresholds"),
        (json!({ "label_set": [] }), "label_set"),
        (json!({ "labels": "label" }), "labels"),
    ] {
        let trial = Trial::new::<Evaluate>(parameters).input("test", &six());
        let places: Vec<String> = trial.problems().into_iter().map(|p| p.parameter).collect();
        assert_eq!(places, [place]);
    }
}

#[test]
fn a_table_that_was_not_predicted_is_refused() {
    let table = Table::from_columns(vec![("labels", columns::text(["a"]))]).unwrap();
    let said = Trial::new::<Evaluate>(json!({}))
        .input("test", &table)
        .fails();
    assert!(said.contains("no column `predicted`"), "{said}");
}
