use super::*;
use crate::steps::testing::{Trial, labelled};
use serde_json::json;
use table::Table;

fn table() -> Table {
    labelled(&[
        ("one two three", "bug"),
        ("", "bug docs"),
        ("one", ""),
        ("a b c d e f g h", "docs bug api"),
    ])
}

#[test]
fn labels_are_counted_with_the_most_frequent_first() {
    let outcome = Trial::new::<Stats>(json!({ "labels": "labels" }))
        .input("table", &table())
        .run();
    assert_eq!(outcome.texts("labels", "label"), ["bug", "docs", "api"]);
    assert_eq!(outcome.ints("labels", "rows"), [3, 2, 1]);
    let shares = outcome.table("labels").float_column("share").unwrap();
    assert_eq!(shares.values().to_vec(), [1.0, 2.0 / 3.0, 1.0 / 3.0]);
    assert_eq!(outcome.ints("labels_per_row", "labels"), [0, 1, 2, 3]);
    assert_eq!(outcome.ints("labels_per_row", "rows"), [1, 1, 1, 1]);
    assert_eq!(outcome.notes, ["3 labels on 3 of 4 rows, 2.00 each"]);
    assert!(outcome.text("labels_figure").starts_with("<svg"));
}

#[test]
fn words_are_counted_in_intervals_that_double() {
    let outcome = Trial::new::<Stats>(json!({ "text": "text" }))
        .input("table", &table())
        .run();
    assert_eq!(outcome.ints("words", "from"), [0, 1, 2, 4, 8]);
    assert_eq!(outcome.ints("words", "to"), [1, 2, 4, 8, 16]);
    assert_eq!(outcome.ints("words", "rows"), [1, 1, 1, 0, 1]);
    assert_eq!(
        outcome.notes,
        [
            "words a text: median 2, 90 % up to 6.5, longest 8",
            "1 of 4 rows has no words"
        ]
    );
    assert!(outcome.text("words_figure").contains("median 2"));
}

#[test]
fn a_table_without_rows_gives_empty_tables_and_figures() {
    let outcome = Trial::new::<Stats>(json!({ "text": "text", "labels": "labels" }))
        .input("table", &labelled(&[]))
        .run();
    for port in ["labels", "labels_per_row", "words"] {
        assert_eq!(outcome.table(port).num_rows(), 0);
    }
    assert_eq!(outcome.notes, ["0 labels on 0 of 0 rows"]);
}

#[test]
fn with_nothing_to_count_there_is_a_problem() {
    assert_eq!(Trial::new::<Stats>(json!({})).problems().len(), 1);
}
