use std::path::Path;

use serde_json::{Value as Json, json};
use table::Table;

use super::examples::Examples;
use super::logistic_regression::LogisticRegression;
use super::naive_bayes::NaiveBayes;
use super::{Method, Train};
use crate::steps::joined::assert_fields;
use crate::steps::testing::{Outcome, Trial, labelled};
use crate::steps::vectorize::Vectorize;

fn issues() -> Table {
    labelled(&[
        ("reading a csv file fails", "bug io"),
        ("please add a parquet reader", "enhancement io"),
        ("crash when the file is empty", "bug"),
        ("please document the cache", "documentation"),
        ("which version do I need", ""),
    ])
}

fn vectorizer(table: &Table) -> Outcome {
    Trial::new::<Vectorize>(json!({})).input("fit", table).run()
}

fn trial<M: Method>(parameters: Json, table: &Table, vectorizer: &Path) -> Trial {
    Trial::new::<Train<M>>(parameters)
        .input("train", table)
        .artifact("vectorizer", vectorizer, &[])
}

fn train<M: Method>(parameters: Json, table: &Table) -> Outcome {
    let vectorizer = vectorizer(&issues());
    trial::<M>(parameters, table, &vectorizer.path("vectorizer")).run()
}

fn config(outcome: &Outcome) -> Json {
    let bytes = std::fs::read(outcome.path("model").join("config.json")).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn a_model_folder_says_what_the_model_is() {
    let outcome = train::<NaiveBayes>(json!({}), &issues());
    let config = config(&outcome);
    assert_eq!(config["method"], "naive_bayes");
    assert_eq!(config["task"], "multi_label");
    assert_eq!(config["training_rows"], 5);
    assert_eq!(
        config["labels"],
        json!(["bug", "documentation", "enhancement", "io"])
    );
    assert_eq!(outcome.notes, ["5 rows, 4 labels, 19 features"]);
}

#[test]
fn labels_that_no_row_or_every_row_carries_are_said() {
    let rows = labelled(&[("csv file", "io bug"), ("parquet file", "io")]);
    let parameters = json!({ "label_set": ["question", "speech"] });
    let outcome = train::<LogisticRegression>(parameters, &rows);
    assert_eq!(
        outcome.notes[1..],
        [
            "never predicted, without a training row: question, speech",
            "always predicted, carried by every training row: io"
        ]
    );
    let constant = |label: &str, predicted| json!({ "label": label, "predicted": predicted });
    assert_eq!(
        config(&outcome)["constant_labels"],
        json!([
            constant("io", true),
            constant("question", false),
            constant("speech", false)
        ])
    );
}

#[test]
fn the_number_of_threads_changes_no_byte_of_a_model() {
    let vectorizer = vectorizer(&issues());
    let folder = vectorizer.path("vectorizer");
    let files = [1, 2].map(|threads| {
        let outcome = trial::<LogisticRegression>(json!({ "C": 10 }), &issues(), &folder)
            .threads(threads)
            .run();
        ["config.json", "model.safetensors", "vectorizer.json"]
            .map(|name| std::fs::read(outcome.path("model").join(name)).unwrap())
    });
    assert!(files[0] == files[1]);
}

#[test]
fn a_column_of_text_is_one_label_a_row() {
    let rows = labelled(&[("csv file", "io"), ("crash", "bug")]);
    let parameters = json!({ "labels": "text" });
    let config = config(&train::<NaiveBayes>(parameters, &rows));
    assert_eq!(
        (&config["task"], &config["link"]),
        (&json!("multi_class"), &json!("softmax"))
    );
    assert_eq!(config["labels"], json!(["crash", "csv file"]));
}

#[test]
fn a_row_of_several_labels_is_refused_where_one_is_asked_for() {
    let vectorizer = vectorizer(&issues());
    let parameters = json!({ "task": "multi_class" });
    let said = trial::<NaiveBayes>(parameters, &issues(), &vectorizer.path("vectorizer")).fails();
    assert!(said.contains("row 0 has 2 labels"), "{said}");
}

#[test]
fn training_rows_without_a_label_are_refused() {
    let vectorizer = vectorizer(&issues());
    let folder = vectorizer.path("vectorizer");
    for (rows, message) in [
        (labelled(&[]), "has no rows"),
        (
            labelled(&[("one", ""), ("two", "")]),
            "no row of the training table has a label",
        ),
    ] {
        let said = trial::<NaiveBayes>(json!({}), &rows, &folder).fails();
        assert!(said.contains(message), "{said}");
    }
}

#[test]
fn labels_that_did_not_converge_are_said() {
    let parameters = json!({ "C": 1000, "max_iter": 1, "tol": 1e-9 });
    let outcome = train::<LogisticRegression>(parameters, &issues());
    assert!(
        outcome.notes[1].starts_with("not converged after 1 steps: bug"),
        "{:?}",
        outcome.notes
    );
}

#[test]
fn a_key_that_neither_the_rows_nor_the_method_know_is_refused() {
    let refused = |parameters: Json| {
        serde_json::from_value::<Train<NaiveBayes>>(parameters)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        refused(json!({ "text": "body", "alhpa": 0.5 })),
        "unknown field `alhpa`, expected `alpha` or `fit_prior`"
    );
    assert_eq!(
        refused(json!({ "C": 1.0 })),
        "unknown field `C`, expected `alpha` or `fit_prior`"
    );
    assert!(refused(json!({ "text": 1 })).contains("expected a string"));
}

#[test]
fn keys_of_the_rows_are_known_and_shared_with_no_method() {
    let properties = |schema: schemars::Schema| -> Vec<String> {
        let properties = schema.get("properties").unwrap().as_object().unwrap();
        properties.keys().cloned().collect()
    };
    assert_fields::<Examples>();
    assert_eq!(
        properties(schemars::schema_for!(Train<NaiveBayes>)),
        ["text", "labels", "task", "label_set", "alpha", "fit_prior"]
    );
}

#[test]
fn parameters_in_their_canonical_form_give_the_same_step() {
    let step: Train<LogisticRegression> =
        serde_json::from_value(json!({ "C": 10.0, "label_set": ["bug"] })).unwrap();
    let canonical = serde_json::to_value(&step).unwrap();
    assert_eq!(canonical["text"], "text");
    let again: Train<LogisticRegression> = serde_json::from_value(canonical.clone()).unwrap();
    assert_eq!(serde_json::to_value(&again).unwrap(), canonical);
}
