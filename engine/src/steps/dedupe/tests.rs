use super::*;
use crate::steps::testing::Trial;
use serde_json::json;

fn table() -> Table {
    let texts = [
        Some("The quick brown fox jumps over the lazy dog near the river bank"),
        None,
        Some("something else entirely, of other words"),
        Some("The quick brown fox jumps over the lazy dog near the river bank"),
        Some("the quick  brown fox jumps over the lazy dog near the river bank today"),
        None,
    ];
    Table::from_columns(vec![
        ("id", columns::ints(0..6)),
        ("text", columns::optional_text(texts)),
    ])
    .unwrap()
}

#[test]
fn the_first_of_equal_texts_stays_and_rows_without_a_text_do() {
    let outcome = Trial::new::<Exact>(json!({ "by": "text" }))
        .input("table", &table())
        .run();
    assert_eq!(outcome.ints("kept", "id"), [0, 1, 2, 4, 5]);
    assert_eq!(outcome.ints("removed", "row"), [3]);
    assert_eq!(outcome.ints("removed", "kept_row"), [0]);
    assert_eq!(
        outcome.notes,
        ["6 rows, 1 removed", "2 rows without a text kept"]
    );
}

#[test]
fn near_duplicates_are_removed_with_their_similarity() {
    let outcome = Trial::new::<Near>(json!({ "by": "text" }))
        .input("table", &table())
        .run();
    assert_eq!(outcome.ints("kept", "id"), [0, 1, 2, 5]);
    assert_eq!(outcome.ints("removed", "row"), [3, 4]);
    let similarity = outcome.table("removed").float_column("similarity").unwrap();
    // 13 words have 11 shingles, and 14 words the same and one more.
    assert_eq!(similarity.values().to_vec(), [1.0, 11.0 / 12.0]);
}

#[test]
fn a_higher_threshold_keeps_what_is_less_alike() {
    let outcome = Trial::new::<Near>(json!({ "by": "text", "threshold": 0.95 }))
        .input("table", &table())
        .run();
    assert_eq!(outcome.ints("removed", "row"), [3]);
}

#[test]
fn case_and_white_space_can_be_ignored() {
    let texts = columns::text(["A  b", "a b ", "a c"]);
    let table = Table::from_columns(vec![("t", texts)]).unwrap();
    let kept = |parameters| {
        let trial = Trial::new::<Exact>(parameters).input("table", &table);
        trial.run().table("kept").num_rows()
    };
    assert_eq!(kept(json!({ "by": "t" })), 3);
    assert_eq!(kept(json!({ "by": "t", "ignore_case": true })), 3);
    let both = json!({ "by": "t", "ignore_case": true, "ignore_white_space": true });
    assert_eq!(kept(both), 2);
}

#[test]
fn parameters_out_of_range_are_problems() {
    let parameters = json!({ "by": "id", "threshold": 0.0, "shingle_size": 0 });
    let problems = Trial::new::<Near>(parameters)
        .input("table", &table())
        .problems();
    let names: Vec<&str> = problems
        .iter()
        .map(|problem| problem.parameter.as_str())
        .collect();
    assert_eq!(names, ["threshold", "shingle_size", "by"]);
}

#[test]
fn heads_are_one_line_of_bounded_length() {
    assert_eq!(head(" a\n\nb  c "), "a b c");
    let long = head(&"ä".repeat(500));
    assert_eq!(long.chars().count(), HEAD);
    assert!(long.ends_with('…'));
}
