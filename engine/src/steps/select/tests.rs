use super::*;
use crate::steps::testing::Trial;
use serde_json::{Value as Json, json};
use table::columns;

fn issues() -> Table {
    Table::from_columns(vec![
        ("number", columns::ints([1, 2, 3, 4])),
        (
            "title",
            columns::optional_text([Some("crash"), Some("slow"), Some("why"), None]),
        ),
        (
            "body",
            columns::optional_text([Some("it falls"), None, Some(""), None]),
        ),
        ("pull", columns::bools([false, true, false, false])),
        (
            "labels",
            columns::string_lists([vec!["bug"], vec![], vec!["bug", "q"], vec![]]),
        ),
    ])
    .unwrap()
}

fn select(parameters: Json) -> crate::steps::testing::Outcome {
    Trial::new::<Select>(parameters)
        .input("table", &issues())
        .run()
}

fn problems(parameters: Json) -> Vec<(String, String)> {
    let trial = Trial::new::<Select>(parameters).input("table", &issues());
    let pair = |problem: crate::steps::check::Problem| (problem.parameter, problem.message);
    trial.problems().into_iter().map(pair).collect()
}

#[test]
fn texts_are_joined_without_what_is_empty() {
    let outcome = select(json!({
        "concat": { "text": { "columns": ["title", "body"], "separator": "\n\n" } }
    }));
    let texts = outcome.table("table").text_column("text").unwrap();
    let texts: Vec<Option<&str>> = texts.iter().collect();
    assert_eq!(
        texts,
        [Some("crash\n\nit falls"), Some("slow"), Some("why"), None]
    );
    assert_eq!(outcome.notes, ["4 rows"]);
}

#[test]
fn stages_follow_each_other_as_documented() {
    let outcome = select(json!({
        "concat": { "text": { "columns": ["title", "body"] } },
        "derive": { "size": "words(text) + 10", "number": "number * 2" },
        "filter": "not pull and size > 11 and number == 2",
        "columns": ["size", "number", "title"],
        "rename": { "size": "number", "number": "size" },
    }));
    let table = outcome.table("table");
    assert_eq!(
        table.column_names().collect::<Vec<_>>(),
        ["number", "size", "title"]
    );
    assert_eq!(outcome.ints("table", "number"), [13]);
    assert_eq!(outcome.ints("table", "size"), [2]);
    assert_eq!(outcome.notes, ["1 of 4 rows"]);
}

#[test]
fn columns_can_be_dropped() {
    let outcome = select(json!({ "drop": ["body", "pull"] }));
    let table = outcome.table("table");
    assert_eq!(
        table.column_names().collect::<Vec<_>>(),
        ["number", "title", "labels"]
    );
}

#[test]
fn a_filter_that_keeps_nothing_leaves_the_columns() {
    let outcome = select(json!({ "filter": "number > 99" }));
    assert_eq!(outcome.table("table").num_rows(), 0);
    assert_eq!(outcome.table("table").num_columns(), 5);
}

#[test]
fn mistakes_in_expressions_are_shown_in_their_place() {
    let found = problems(json!({
        "filter": "titel == \"x\"",
        "derive": { "a": "words(title" },
    }));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, "derive.a");
    assert!(found[0].1.contains("\n  words(title\n"), "{}", found[0].1);

    let found = problems(json!({ "filter": "titel == \"x\"" }));
    assert_eq!(found[0].0, "filter");
    assert!(
        found[0].1.contains("\n  titel == \"x\"\n  ^^^^^"),
        "{}",
        found[0].1
    );
    assert!(found[0].1.contains("title"), "{}", found[0].1);

    let found = problems(json!({ "filter": "number + 1" }));
    assert!(found[0].1.contains("true or false"), "{}", found[0].1);
}

#[test]
fn every_mistake_about_columns_is_found_at_once() {
    let found = problems(json!({
        "concat": { "text": { "columns": ["titel", "labels"] }, "none": { "columns": [] } },
        "columns": ["number", "number", "bodi"],
        "drop": ["pull"],
    }));
    let parameters: Vec<&str> = found
        .iter()
        .map(|(parameter, _)| parameter.as_str())
        .collect();
    assert_eq!(
        parameters,
        [
            "drop",
            "concat.none",
            "concat.text.columns",
            "concat.text.columns",
            "columns",
            "columns"
        ]
    );
    let found = problems(json!({ "rename": { "bodi": "x", "title": "number" } }));
    assert_eq!(
        found,
        [
            (
                "rename.bodi".to_owned(),
                "there is no column `bodi`".to_owned()
            ),
            (
                "rename".to_owned(),
                "two columns would be called `number`".to_owned()
            )
        ]
    );
}

#[test]
fn expressions_are_checked_even_where_columns_are_unknown() {
    let trial = Trial::new::<Select>(json!({ "filter": "title ==" }));
    let problems = trial.problems();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].parameter, "filter");
}
