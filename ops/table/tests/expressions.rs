//! The expression language, its values and its messages.

#![allow(clippy::unwrap_used)]

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_schema::DataType;
use table::expr::{Expression, concat_text};
use table::{Table, TableError, columns, concat};

fn issues() -> Table {
    Table::from_columns(vec![
        (
            "n",
            columns::optional_ints([Some(1), Some(2), None, Some(4)]),
        ),
        (
            "x",
            columns::optional_floats([Some(0.5), None, Some(-2.0), Some(4.0)]),
        ),
        (
            "title",
            columns::optional_text([
                Some("Crash in Reader"),
                Some("add docs"),
                None,
                Some("über"),
            ]),
        ),
        (
            "body",
            columns::optional_text([Some("a b  c"), None, Some(""), Some("d")]),
        ),
        (
            "labels",
            columns::string_lists([vec!["bug", "io"], vec![], vec!["docs"], vec!["bug"]]),
        ),
        (
            "open",
            columns::optional_bools([Some(true), Some(false), None, Some(true)]),
        ),
        (
            "created at",
            columns::optional_text([
                Some("2024-05-01T00:00:00Z"),
                Some("2023"),
                Some("soon"),
                None,
            ]),
        ),
    ])
    .unwrap()
}

fn shown(text: &str) -> Vec<String> {
    let table = issues();
    // Two batches, so that values are joined again.
    let table = concat(&[table.slice(0, 3), table.slice(3, 9)]).unwrap();
    let values = Expression::parse(text).unwrap().evaluate(&table).unwrap();
    assert_eq!(values.len(), 4);
    (0..values.len())
        .map(|row| {
            if values.is_null(row) {
                return "null".into();
            }
            match values.data_type() {
                DataType::Utf8 => values.as_string::<i32>().value(row).to_owned(),
                DataType::Boolean => values.as_boolean().value(row).to_string(),
                DataType::Int64 => values.as_primitive::<Int64Type>().value(row).to_string(),
                DataType::Float64 => {
                    format!("{:?}", values.as_primitive::<Float64Type>().value(row))
                }
                _ => {
                    let lists = table::StringLists::new(&values).unwrap();
                    format!("[{}]", lists.row(row).collect::<Vec<_>>().join(", "))
                }
            }
        })
        .collect()
}

#[test]
fn values_are_those_of_sql() {
    for (text, expected) in [
        ("n", ["1", "2", "null", "4"]),
        ("n + 1", ["2", "3", "null", "5"]),
        ("n * x", ["0.5", "null", "null", "16.0"]),
        ("n / 2", ["0.5", "1.0", "null", "2.0"]),
        ("7 % n", ["0", "1", "null", "3"]),
        ("n % 0", ["null", "null", "null", "null"]),
        ("x / 0", ["null", "null", "null", "null"]),
        ("9223372036854775807 + n", ["null", "null", "null", "null"]),
        ("-n", ["-1", "-2", "null", "-4"]),
        ("1 + 2 * 3 - 4", ["3", "3", "3", "3"]),
        ("n > 1", ["false", "true", "null", "true"]),
        ("n == 4.0", ["false", "false", "null", "true"]),
        ("n <> 1 and open", ["false", "false", "null", "true"]),
        ("open and null", ["null", "false", "null", "null"]),
        ("open or true", ["true", "true", "true", "true"]),
        ("not open or n = 1", ["true", "true", "null", "false"]),
        ("n in [1, 4]", ["true", "false", "null", "true"]),
        ("n not in [1, 2.0]", ["false", "false", "null", "true"]),
        (
            "title in ['über', \"x\"]",
            ["false", "false", "null", "true"],
        ),
        ("n is null", ["false", "false", "true", "false"]),
        ("title is not null", ["true", "true", "false", "true"]),
        ("len(title)", ["15", "8", "null", "4"]),
        ("len(labels)", ["2", "0", "1", "1"]),
        ("words(body)", ["3", "null", "0", "1"]),
        (
            "lower(title)",
            ["crash in reader", "add docs", "null", "über"],
        ),
        ("upper(body) + '!'", ["A B  C!", "null", "!", "D!"]),
        ("contains(title, 'ad')", ["true", "true", "null", "false"]),
        (
            "starts_with(title, 'Cr')",
            ["true", "false", "null", "false"],
        ),
        ("ends_with(title, body)", ["false", "null", "null", "false"]),
        (
            r#"matches(title, "(?i)^crash|\bdocs$")"#,
            ["true", "true", "null", "false"],
        ),
        ("has(labels, 'bug')", ["true", "false", "false", "true"]),
        ("coalesce(body, title)", ["a b  c", "add docs", "", "d"]),
        ("coalesce(n, x, 0)", ["1.0", "2.0", "-2.0", "4.0"]),
        (
            "coalesce(null, open, false)",
            ["true", "false", "false", "true"],
        ),
        ("year(`created at`)", ["2024", "2023", "null", "null"]),
        ("'a' < 'b'", ["true", "true", "true", "true"]),
        ("trim('  a ')", ["a", "a", "a", "a"]),
        ("1_000", ["1000", "1000", "1000", "1000"]),
        (r#""q\"\n""#, ["q\"\n", "q\"\n", "q\"\n", "q\"\n"]),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
}

#[test]
fn a_filter_keeps_the_rows_that_are_true_and_drops_null() {
    let table = issues();
    let kept = Expression::parse("n > 1 or has(labels, 'docs')")
        .unwrap()
        .filter(&table)
        .unwrap();
    assert_eq!(kept, table.take(&[1, 2, 3]).unwrap());
    let none = Expression::parse("null").unwrap().filter(&table).unwrap();
    assert_eq!(none.num_rows(), 0);
}

#[test]
fn mistakes_are_shown_in_their_place() {
    let table = issues();
    for (text, at, reason) in [
        ("titel == 'x'", "titel", "did you mean `title`"),
        ("n > bug", "bug", "a text needs quotes"),
        ("n > 'x'", "n > 'x'", "does not go between int and text"),
        ("labels == 'bug'", "labels == 'bug'", "does not go between"),
        ("labels in ['bug']", "labels", "has(labels"),
        ("has(title, 'x')", "title", "contains(text"),
        ("contains(labels, 'x')", "labels", "has(list"),
        ("lenght(title) > 1", "lenght", "did you mean `len`"),
        ("len(title, 1) > 1", "len(title, 1)", "is written len(text)"),
        ("len(n) > 1", "n", "needs text or a list"),
        ("title == null", "title == null", "is null"),
        ("n = 1 && open", "&&", "write `and`"),
        ("!open", "!", "write `not`"),
        ("n > ", "", "ends where a value"),
        ("(n > 1", "", "expected `)`"),
        ("n > 1)", ")", "never opened"),
        ("n 1", "1", "expected an operator"),
        ("'open", "'open", "never closed"),
        ("`n", "`n", "never closed"),
        ("1 < n < 3", "<", "do not chain"),
        ("matches(title, '(')", "'('", "no regular expression"),
        ("matches(title, body)", "body", "spelled out"),
        ("not n", "n", "needs bool"),
        ("len(title)", "len(title)", "must be true or false"),
        ("1x > 2", "1x", "no number"),
        ("n in (1)", "(", "expected a list"),
        ("n in [n]", "n", "plain values"),
        ("", "", "empty"),
        ("€", "€", "means nothing"),
    ] {
        let error = Expression::parse(text)
            .and_then(|expression| expression.check_filter(table.schema()))
            .unwrap_err();
        let message = error.to_string();
        assert!(message.contains(reason), "{text}: {message}");
        let TableError::Expression { span, .. } = error else {
            panic!("{message}");
        };
        assert_eq!(&text[span], at, "{message}");
    }
}

#[test]
fn the_caret_stands_under_the_mistake() {
    let error = Expression::parse("ü is null and\n  titel == 'x'")
        .unwrap()
        .check(issues().schema())
        .unwrap_err();
    assert!(matches!(&error, TableError::Expression { .. }));
    let error = Expression::parse("n > 1 and\n  lenn(n)")
        .unwrap_err()
        .to_string();
    assert!(error.ends_with("\n    lenn(n)\n    ^^^^"), "{error}");
}

#[test]
fn nesting_without_end_is_refused() {
    for text in [
        "(".repeat(100_000),
        "not ".repeat(100_000),
        "-".repeat(100_000),
        "len(".repeat(100_000),
        "1+".repeat(100_000) + "1",
    ] {
        Expression::parse(&text).unwrap_err();
    }
}

#[test]
fn the_columns_in_use_are_told() {
    let expression = Expression::parse("len(title) > 1 and not (`created at` in ['x'])").unwrap();
    let names: Vec<&str> = expression
        .columns()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["title", "created at"]);
}

#[test]
fn texts_are_joined_without_their_nulls() {
    let joined = concat_text(&issues(), &["title", "body"], "\n\n").unwrap();
    assert_eq!(
        &joined,
        &columns::text(["Crash in Reader\n\na b  c", "add docs", "", "über\n\nd"])
    );
    let table = Table::from_columns(vec![("a", columns::optional_text([None::<&str>]))]).unwrap();
    let joined = concat_text(&table, &["a", "a"], " ").unwrap();
    assert_eq!(&joined, &columns::optional_text([None::<&str>]));
}

mod any_text {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_refused_or_evaluated_but_never_a_panic(
            pieces in prop::collection::vec(
                prop_oneof![
                    Just("n"), Just("title"), Just("labels"), Just("x"), Just("open"), Just("("),
                    Just(")"), Just("["), Just("]"), Just(","), Just(" and "), Just(" or "),
                    Just("not "), Just(" in "), Just(" is "), Just("null"), Just("=="), Just("<"),
                    Just("+"), Just("-"), Just("/"), Just("%"), Just("len("), Just("has("),
                    Just("coalesce("), Just("'a'"), Just("1"), Just("0.5"), Just("é"), Just("`"),
                    Just("\""), Just("\\"), Just("true"), Just("9223372036854775807"),
                ],
                0..14,
            )
        ) {
            let text = pieces.concat();
            if let Ok(expression) = Expression::parse(&text) {
                let values = expression.evaluate(&issues());
                if let Ok(values) = values {
                    prop_assert_eq!(values.len(), 4);
                }
            }
        }
    }
}
