use super::*;
use crate::steps::embed::Embed;
use crate::steps::index::Build;
use crate::steps::index::flat::Flat;
use crate::steps::index::ivf::Ivf;
use crate::steps::testing::{Outcome, Trial, labelled, word_model};
use serde_json::{Value as Json, json};

fn table(texts: &[&str], vectors: &[[f32; 2]]) -> Table {
    let rows: Vec<(&str, &str)> = texts.iter().map(|text| (*text, "a b")).collect();
    let column = columns::vectors(vectors.concat(), 2).unwrap();
    labelled(&rows).with_column("vector", column).unwrap()
}

fn indexed() -> Table {
    let vectors = [[1.0, 0.0], [0.0, 2.0], [1.0, 1.0], [-3.0, 0.1]];
    table(&["east", "north", "northeast", "west"], &vectors)
}

fn queries() -> Table {
    table(&["mostly east", "mostly west"], &[[0.9, 0.1], [-1.0, 0.0]])
}

fn trial(parameters: Json, metric: &str) -> (Trial, Outcome) {
    let index = Trial::new::<Build<Flat>>(json!({ "metric": metric }))
        .input("table", &indexed())
        .run();
    let trial = Trial::new::<Search>(parameters)
        .input("queries", &queries())
        .artifact("index", &index.path("index"), &[])
        .input("indexed", &indexed());
    (trial, index)
}

fn scores(outcome: &Outcome) -> Vec<f64> {
    let table = outcome.table("hits");
    table.float_column("score").unwrap().values().to_vec()
}

#[test]
fn hits_are_the_nearest_rows_with_their_scores_and_columns() {
    let parameters = json!({ "k": 2, "columns": ["text"], "query_columns": ["text", "labels"] });
    let (trial, _index) = trial(parameters, "cosine");
    let outcome = trial.run();
    assert_eq!(outcome.ints("hits", "query"), [0, 0, 1, 1]);
    assert_eq!(outcome.ints("hits", "rank"), [1, 2, 1, 2]);
    assert_eq!(outcome.ints("hits", "row"), [0, 2, 3, 1]);
    assert_eq!(
        outcome.texts("hits", "text"),
        ["east", "northeast", "west", "north"]
    );
    assert_eq!(outcome.texts("hits", "query.text")[2], "mostly west");
    assert_eq!(outcome.labels("hits", "query.labels")[3], ["a", "b"]);
    let length = (0.9_f64 * 0.9 + 0.1 * 0.1).sqrt();
    let expected = [0.9 / length, 1.0 / (length * 2.0_f64.sqrt())];
    for (found, expected) in scores(&outcome).iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
    }
    let note = &outcome.notes[0];
    assert!(
        note.starts_with("4 neighbours of 2 rows among 4, "),
        "{note}"
    );
}

#[test]
fn distances_are_squared_and_inner_products_as_they_are() {
    let (trial_of, _index) = trial(json!({ "k": 1 }), "l2");
    let outcome = trial_of.run();
    assert_eq!(outcome.ints("hits", "row"), [0, 0]);
    let found = scores(&outcome);
    assert!((found[0] - 0.02).abs() < 1e-6 && (found[1] - 4.0).abs() < 1e-5);
    let (trial_of, _index) = trial(json!({ "k": 9 }), "inner_product");
    let outcome = trial_of.run();
    // More than there are is all of them.
    assert_eq!(outcome.ints("hits", "row")[4..], [3, 1, 0, 2]);
    assert!((scores(&outcome)[4] - 3.0).abs() < 1e-6);
}

#[test]
fn a_row_can_be_left_out_of_its_own_hits() {
    let index = Trial::new::<Build<Flat>>(json!({}))
        .input("table", &indexed())
        .run();
    let outcome = Trial::new::<Search>(json!({ "k": 1, "skip_own_row": true }))
        .input("queries", &indexed())
        .artifact("index", &index.path("index"), &[])
        .run();
    assert_eq!(outcome.ints("hits", "row"), [2, 2, 0, 1]);
    assert_eq!(outcome.ints("hits", "rank"), [1; 4]);
}

#[test]
fn texts_are_embedded_as_the_indexed_ones_were() {
    let rows = labelled(&[("w7 w9 w30", ""), ("w12 w44", ""), ("w20 w21 w22", "")]);
    let name = "roberta_masked_lm";
    let embedded = Trial::new::<Embed>(json!({}))
        .input("table", &rows)
        .kept("model", word_model(name, &[]))
        .run();
    let index = Trial::new::<Build<Flat>>(json!({}))
        .input("table", &embedded.table("embedded"))
        .run();
    let outcome = Trial::new::<Search>(json!({ "k": 1 }))
        .input("queries", &labelled(&[("w12 w44", ""), ("w7 w9 w30", "")]))
        .artifact("index", &index.path("index"), &[])
        .kept("model", word_model(name, &[]))
        .run();
    assert_eq!(outcome.ints("hits", "row"), [1, 0]);
    assert!(
        scores(&outcome)
            .iter()
            .all(|score| (score - 1.0).abs() < 1e-5)
    );
}

#[test]
fn more_lists_find_what_few_do_not() {
    let mut vectors = Vec::new();
    for row in 0..40_u32 {
        let angle = f64::from(row) * std::f64::consts::TAU / 40.0;
        vectors.push([angle.cos() as f32, angle.sin() as f32]);
    }
    let rows = table(&["x"; 40], &vectors);
    let index = Trial::new::<Build<Ivf>>(json!({ "lists": 8, "probes": 1 }))
        .input("table", &rows)
        .run();
    let found = |parameters: Json| {
        Trial::new::<Search>(parameters)
            .input("queries", &rows)
            .artifact("index", &index.path("index"), &[])
            .run()
    };
    let all = found(json!({ "k": 20, "probes": 8 }));
    assert_eq!(all.ints("hits", "row").len(), 40 * 20);
    let few = found(json!({ "k": 20 }));
    assert!(few.ints("hits", "row").len() < 40 * 20);
    let note = &few.notes[1];
    assert!(note.contains("fewer than 20 hits: raise probes"), "{note}");
}

#[test]
fn what_does_not_fit_together_is_said() {
    let (trial_of, _index) = trial(json!({ "probes": 2 }), "cosine");
    let said = trial_of.fails();
    assert!(said.contains("the index is of method `flat`"), "{said}");

    let (_, index) = trial(json!({}), "cosine");
    let column = columns::vectors(vec![1.0; 6], 3).unwrap();
    let longer = queries().with_column("vector", column).unwrap();
    let said = Trial::new::<Search>(json!({}))
        .input("queries", &longer)
        .artifact("index", &index.path("index"), &[])
        .fails();
    assert!(said.contains("3 numbers, those of the index 2"), "{said}");

    let said = Trial::new::<Search>(json!({ "columns": ["text"] }))
        .input("queries", &queries())
        .artifact("index", &index.path("index"), &[])
        .input("indexed", &queries())
        .fails();
    assert!(
        said.contains("`indexed` has 2 rows, and the index 4"),
        "{said}"
    );
}

#[test]
fn columns_that_cannot_be_given_are_problems() {
    let said = |parameters: Json| {
        let problems = Trial::new::<Search>(parameters)
            .input("queries", &queries())
            .problems();
        let all = problems.into_iter();
        all.map(|problem| (problem.parameter, problem.message))
            .collect::<Vec<_>>()
    };
    let unfed = said(json!({ "columns": ["text"] }));
    assert_eq!(unfed[0].0, "columns");
    assert!(unfed[0].1.contains("nothing feeds the port `indexed`"));
    let missing = said(json!({ "vector": "embedding", "query_columns": ["title"] }));
    let places: Vec<&str> = missing.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(places, ["vector", "query_columns"]);
    let text = said(json!({ "vector": "text" }));
    assert!(text[0].1.contains("not vectors"), "{text:?}");
    let (trial, _index) = trial(json!({ "columns": ["row", "text", "text"] }), "cosine");
    let twice: Vec<String> = trial.problems().into_iter().map(|p| p.message).collect();
    assert!(
        twice.iter().any(|said| said.contains("two columns `row`")),
        "{twice:?}"
    );
    assert!(
        twice.iter().any(|said| said.contains("two columns `text`")),
        "{twice:?}"
    );
}
