use super::*;
use crate::steps::testing::{Outcome, Trial, expected_of_models, labelled, word_model};
use serde_json::{Value as Json, json};

fn trial(mut parameters: Json, model: &str) -> Trial {
    let rows = labelled(&[("w7 w9 w30 w11", "bug"), ("w12 w44", "")]);
    parameters["hypothesis"] = json!("w5 w6 {}");
    let folder = word_model(model, &[]);
    Trial::new::<ZeroShot>(parameters)
        .input("table", &rows)
        .kept("model", folder)
}

fn scores(outcome: &Outcome, labels: &[&str]) -> Vec<Vec<f64>> {
    let table = outcome.table("predictions");
    let columns: Vec<_> = labels
        .iter()
        .map(|label| table.float_column(&format!("score.{label}")).unwrap())
        .collect();
    let row = |row| columns.iter().map(|column| column.value(row)).collect();
    (0..table.num_rows()).map(row).collect()
}

fn assert_close(found: &[Vec<f64>], expected: &Json) {
    let expected: Vec<Vec<f64>> = serde_json::from_value(expected.clone()).unwrap();
    for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
        assert!((found - expected).abs() < 1e-4, "{found}, not {expected}");
    }
    assert_eq!(found.len(), expected.len());
}

const LABELS: [&str; 3] = ["w20", "w31 w8", "w50"];

#[test]
fn scores_are_those_of_the_pipeline_of_transformers() {
    let expected = expected_of_models("zero_shot");
    for (multi_label, name) in [(true, "multi"), (false, "single")] {
        let parameters = json!({ "labels": LABELS, "multi_label": multi_label });
        let outcome = trial(parameters, "bart_classifier").run();
        assert_close(&scores(&outcome, &LABELS), &expected[name]);
    }
    let alone = json!({ "labels": ["w20"], "multi_label": false });
    let outcome = trial(alone, "bart_classifier").run();
    assert_close(&scores(&outcome, &["w20"]), &expected["one"]);
}

#[test]
fn of_several_phrases_the_best_one_counts() {
    let expected = expected_of_models("zero_shot");
    let labels = json!({ "a": ["w20", "w31 w8"], "b": "w50" });
    let of = |multi_label: bool| {
        let parameters = json!({ "labels": labels, "multi_label": multi_label });
        let outcome = trial(parameters, "bart_classifier").run();
        scores(&outcome, &["a", "b"])
    };
    let best = |row: &Json, a: usize| [row[a].as_f64().unwrap(), row[2].as_f64().unwrap()];
    let multi = [
        best(&expected["multi"][0], 1),
        best(&expected["multi"][1], 1),
    ];
    assert_close(&of(true), &json!(multi));
    // Among all, what remains is shared out again.
    let single = [
        best(&expected["single"][0], 0),
        best(&expected["single"][1], 1),
    ];
    let single = single.map(|[a, b]| [a / (a + b), b / (a + b)]);
    assert_close(&of(false), &json!(single));
}

#[test]
fn a_threshold_a_number_or_the_likeliest_decides() {
    let labels = |mut parameters: Json| {
        parameters["labels"] = json!(LABELS);
        let outcome = trial(parameters, "bart_classifier").run();
        outcome.labels("predictions", "predicted")
    };
    assert_eq!(labels(json!({}))[0], Vec::<String>::new());
    assert_eq!(labels(json!({ "threshold": 0.18 }))[0], ["w31 w8", "w50"]);
    assert_eq!(labels(json!({ "top_k": 1 })).concat(), ["w31 w8", "w31 w8"]);
    let likeliest = labels(json!({ "multi_label": false }));
    assert_eq!(likeliest.concat(), ["w20", "w31 w8"]);
}

#[test]
fn long_texts_are_cut_and_sentences_never() {
    let parameters = json!({ "labels": LABELS, "max_length": 8 });
    let outcome = trial(parameters, "roberta_classifier").run();
    let cut = &outcome.notes[2];
    assert!(cut.contains("2 of 2 texts cut to 8 tokens"), "{cut}");
    let parameters = json!({ "labels": LABELS, "max_length": 7 });
    let said = trial(parameters, "roberta_classifier").fails();
    assert!(said.contains("`w5 w6 w31 w8`"), "{said}");
    assert!(said.contains("none of 7"), "{said}");
}

#[test]
fn a_model_that_was_not_trained_for_it_is_refused() {
    let said = trial(json!({ "labels": LABELS }), "distilbert_classifier").fails();
    assert!(said.contains("no label begins with `entail`"), "{said}");
    let said = trial(json!({ "labels": LABELS }), "gpt2").fails();
    assert!(said.contains("gpt2"), "{said}");
}

#[test]
fn labels_that_are_none_are_problems() {
    for (labels, said) in [
        (json!([]), "no label is named"),
        (json!(["w20", "w20"]), "named twice"),
        (json!({ "a": [] }), "nothing stands for the label `a`"),
        (json!([" "]), "no name"),
    ] {
        let problems = trial(json!({ "labels": labels }), "bart_classifier").problems();
        assert_eq!(problems[0].parameter, "labels");
        assert!(problems[0].message.contains(said), "{problems:?}");
    }
    let parameters = json!({ "labels": ["a"], "hypothesis": "about it" });
    let problems = Trial::new::<ZeroShot>(parameters).problems();
    assert_eq!(problems[0].parameter, "hypothesis");
}
