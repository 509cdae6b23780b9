use super::*;
use crate::steps::testing::{Trial, labelled};
use arrow_array::Array;
use serde_json::json;
use table::columns;

const LABELS: [&str; 8] = ["a", "b", "a c", "", "b", "a", "", "c"];

fn table(rows: usize) -> Table {
    let texts: Vec<String> = (0..rows).map(|row| format!("text {row}")).collect();
    let pairs: Vec<(&str, &str)> = texts
        .iter()
        .enumerate()
        .map(|(row, text)| (text.as_str(), LABELS[row % LABELS.len()]))
        .collect();
    let numbers = (0..rows).map(|row| (row / 10) as i64);
    let folds = (0..rows).map(|row| match row % 5 {
        0 => Some("test"),
        4 => None,
        _ => Some("train"),
    });
    labelled(&pairs)
        .with_column("project", columns::ints(numbers))
        .unwrap()
        .with_column("fold", columns::optional_text(folds))
        .unwrap()
}

fn sorted(parts: &[Vec<String>]) -> Vec<String> {
    let mut all = parts.concat();
    all.sort();
    all
}

#[test]
fn every_row_is_in_exactly_one_part_or_unlabelled() {
    let table = table(400);
    let all = sorted(&[table
        .text_column("text")
        .unwrap()
        .iter()
        .flatten()
        .map(str::to_owned)
        .collect()]);
    for method in ["random", "stratified", "iterative", "group"] {
        let mut parameters = json!({ "method": method, "labels": "labels",
            "parts": { "train": 0.5, "valid": 0.25, "test": 0.25 } });
        if method == "group" {
            parameters["by"] = "project".into();
        }
        let outcome = Trial::new::<Split>(parameters)
            .input("table", &table)
            .seed(3)
            .run();
        let parts = ["train", "valid", "test", "unlabeled"].map(|part| outcome.texts(part, "text"));
        assert_eq!(sorted(&parts), all, "{method}");
        assert_eq!(parts[3].len(), 100, "{method}");
        let sizes = parts.each_ref().map(Vec::len);
        match method {
            "random" | "stratified" => assert_eq!(sizes, [150, 75, 75, 100], "{method}"),
            // What these hold together comes before the sizes.
            _ => assert!(sizes[0].abs_diff(150) <= 5, "{method}: {sizes:?}"),
        }
        assert_eq!(
            outcome
                .table("shares")
                .text_column("label")
                .unwrap()
                .iter()
                .flatten()
                .collect::<Vec<_>>(),
            ["a", "b", "c"],
        );
    }
}

#[test]
fn the_order_in_which_parts_are_written_is_that_of_ports_and_columns_and_moves_no_row() {
    let table = table(400);
    let outcome = |text: &str, method: &str| {
        let mut parameters = json!({ "method": method, "labels": "labels" });
        parameters["parts"] = serde_json::from_str(text).unwrap();
        let trial = Trial::new::<Split>(parameters)
            .input("table", &table)
            .seed(3);
        let ports: Vec<String> = trial
            .step()
            .outputs()
            .into_iter()
            .map(|port| port.name)
            .collect();
        (ports, trial.run())
    };
    for method in ["random", "stratified", "iterative"] {
        let (ports, one) = outcome(r#"{ "train": 0.5, "valid": 0.2, "test": 0.3 }"#, method);
        assert_eq!(ports[..3], ["train", "valid", "test"]);
        let columns: Vec<String> = one
            .table("shares")
            .column_names()
            .map(str::to_owned)
            .collect();
        assert_eq!(columns[2..], ["share.train", "share.valid", "share.test"]);
        let (ports, other) = outcome(r#"{ "test": 0.3, "train": 0.5, "valid": 0.2 }"#, method);
        assert_eq!(ports[..3], ["test", "train", "valid"]);
        for part in ["train", "valid", "test"] {
            assert_eq!(
                one.texts(part, "text"),
                other.texts(part, "text"),
                "{method}"
            );
        }
    }
}

#[test]
fn without_labels_all_rows_are_divided_and_nothing_else_is_written() {
    let parameters = json!({ "method": "random", "parts": { "one": 0.75, "two": 0.25 } });
    let trial = Trial::new::<Split>(parameters).input("table", &table(40));
    let ports: Vec<String> = trial
        .step()
        .outputs()
        .into_iter()
        .map(|port| port.name)
        .collect();
    assert_eq!(ports, ["one", "two"]);
    assert_eq!(trial.run().notes, ["40 rows: 30 one, 10 two"]);
}

#[test]
fn the_iterative_split_shares_out_every_label() {
    let parameters = json!({ "method": "iterative", "labels": "labels",
        "parts": { "train": 0.5, "test": 0.5 } });
    let outcome = Trial::new::<Split>(parameters)
        .input("table", &table(400))
        .run();
    let shares = outcome.table("shares");
    assert_eq!(outcome.ints("shares", "rows"), [150, 100, 100]);
    for part in ["share.train", "share.test"] {
        for share in shares.float_column(part).unwrap().iter().flatten() {
            assert!((share - 0.5).abs() < 0.02, "{part}: {share}");
        }
    }
}

#[test]
fn a_seed_gives_the_same_parts_again_and_another_seed_others() {
    let part = |seed| {
        let parameters = json!({ "method": "random", "parts": { "a": 0.5, "b": 0.5 } });
        let trial = Trial::new::<Split>(parameters).input("table", &table(100));
        trial.seed(seed).run().texts("a", "text")
    };
    assert_eq!(part(1), part(1));
    assert_ne!(part(1), part(2));
}

#[test]
fn no_group_is_torn_apart_and_rows_without_one_stand_alone() {
    let parameters = json!({ "method": "group", "by": "fold", "parts": { "a": 0.8, "b": 0.2 } });
    let outcome = Trial::new::<Split>(parameters)
        .input("table", &table(100))
        .run();
    let folds = |part: &str| {
        let column = outcome.table(part).text_column("fold").unwrap();
        let mut names: Vec<Option<String>> =
            column.iter().map(|name| name.map(str::to_owned)).collect();
        names.sort();
        names.dedup();
        names
    };
    let shared: Vec<_> = folds("a")
        .into_iter()
        .filter(|fold| folds("b").contains(fold))
        .collect();
    assert!(shared.iter().all(Option::is_none), "{shared:?}");
    assert_eq!(outcome.table("a").num_rows(), 80);
}

#[test]
fn a_column_names_the_part_of_each_row_and_other_rows_are_counted() {
    let parameters = json!({ "method": "column", "by": "fold", "parts": ["train", "test"] });
    let outcome = Trial::new::<Split>(parameters)
        .input("table", &table(100))
        .run();
    assert_eq!(outcome.table("train").num_rows(), 60);
    assert_eq!(outcome.table("test").num_rows(), 20);
    assert!(
        outcome
            .table("train")
            .text_column("fold")
            .unwrap()
            .null_count()
            == 0
    );
    assert_eq!(
        outcome.notes,
        [
            "left out, as they name no part: no value (20)",
            "100 rows: 60 train, 20 test"
        ]
    );
}

#[test]
fn a_part_that_no_row_names_fails_with_the_near_miss() {
    let parameters = json!({ "method": "column", "by": "fold", "parts": ["trian", "test"] });
    let error = Trial::new::<Split>(parameters)
        .input("table", &table(100))
        .fails();
    assert_eq!(error, "no row holds `trian` in the column `fold`");
}

#[test]
fn what_does_not_fit_the_method_is_found_before_anything_runs() {
    let problems = |parameters| {
        let trial = Trial::new::<Split>(parameters).input("table", &table(10));
        let words = trial.problems().into_iter();
        words
            .map(|problem| (problem.parameter, problem.message))
            .collect::<Vec<_>>()
    };
    let pair = |parameter: &str, message: &str| (parameter.to_owned(), message.to_owned());
    assert_eq!(
        problems(
            json!({ "method": "stratified", "parts": { "a": 0.5, "shares": 0.4, "c d": 0.0 } })
        ),
        [
            pair("parts", "the shares sum to 0.9, not to 1"),
            pair(
                "parts.shares",
                "no part can be called `shares`: that is another output"
            ),
            pair("parts.c d", "`c d` cannot be the name of a part"),
            pair(
                "",
                "the method `stratified` needs the column with the labels"
            ),
        ]
    );
    assert_eq!(
        problems(json!({ "method": "random", "by": "fold", "parts": ["a", "a"] })),
        [
            pair("parts", "the method `random` needs the share of each part"),
            pair("parts", "two parts are called `a`"),
            pair("by", "the method `random` goes by no column"),
        ]
    );
    assert_eq!(
        problems(
            json!({ "method": "group", "by": "labels", "labels": "project", "parts": { "a": -0.5, "b": 1.5 } })
        ),
        [
            pair("parts.a", "the share of `a` is negative: -0.5"),
            pair(
                "labels",
                "the column `project` of the input `table` holds int, not labels (text or a list of texts)"
            ),
            pair(
                "by",
                "the column `labels` holds lists of text, which cannot name a group or a part"
            ),
        ]
    );
}
