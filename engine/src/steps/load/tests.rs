use super::*;
use crate::steps::testing::Trial;
use serde_json::json;

fn with_file(parameters: serde_json::Value, name: &str, content: &str) -> Trial {
    let trial = Trial::new::<Load>(parameters);
    let path = trial.root().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
    trial
}

fn problem(parameters: serde_json::Value) -> String {
    let trial = with_file(parameters, "data/issues.jsonl", "{}\n");
    let problem = trial.step().files(trial.root()).unwrap_err();
    let root = trial.root().display().to_string();
    format!(
        "{}: {} ({})",
        problem.parameter,
        problem.message,
        problem.help.unwrap()
    )
    .replace(&root, "ROOT")
}

#[test]
fn github_issues_have_their_columns_before_anything_runs() {
    let issue = r#"{"number": 7, "title": "crash", "body": null, "labels": [{"name": "bug"}], "state": "open", "user": {"login": "ada"}, "comments": 2, "pull_request": {}}"#;
    let parameters = json!({ "source": "issues.jsonl", "format": "github-issues" });
    let outcome = with_file(parameters, "issues.jsonl", &format!("{issue}\n\n{issue}\n")).run();
    assert_eq!(outcome.texts("table", "title"), ["crash", "crash"]);
    assert_eq!(outcome.labels("table", "labels")[0], ["bug"]);
    let report: serde_json::Value = serde_json::from_str(&outcome.text("report")).unwrap();
    assert_eq!(report["rows"], 2);
    assert_eq!(report["blank_lines"], 1);
    assert_eq!(report["files"][0]["url"], "issues.jsonl");
    assert!(
        outcome.notes[0].starts_with("2 rows in 1 file, "),
        "{:?}",
        outcome.notes
    );
    assert_eq!(
        outcome.notes[1],
        "columns without any value: body, created_at, updated_at, closed_at, html_url"
    );
}

#[test]
fn a_pattern_reads_its_files_in_order_and_a_column_names_them() {
    let parameters = json!({ "source": "data/*.csv", "file_column": "file", "columns": ["b"] });
    let trial = with_file(parameters, "data/2.csv", "a,b\n1,two\n");
    std::fs::write(trial.root().join("data/1.csv"), "a,b\n1,one\n").unwrap();
    let files = trial.step().files(trial.root()).unwrap();
    assert_eq!(files.len(), 2);
    let outcome = trial.run();
    assert_eq!(outcome.texts("table", "b"), ["one", "two"]);
    assert_eq!(outcome.texts("table", "file"), ["data/1.csv", "data/2.csv"]);
}

#[test]
fn a_pattern_does_not_look_into_hidden_folders() {
    let trial = with_file(json!({ "source": "**/*.csv" }), "data/sub/1.csv", "a\n1\n");
    for hidden in [".git/2.csv", "data/.engine/cache/3.csv", "data/.4.csv"] {
        let path = trial.root().join(hidden);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "a\n2\n").unwrap();
    }
    let files = trial.step().files(trial.root()).unwrap();
    assert_eq!(files, [trial.root().join("data/sub/1.csv")]);
}

#[test]
fn columns_are_picked_by_path_and_typed() {
    let parameters = json!({ "source": "a.jsonl", "types": { "n": "text" },
        "columns": { "who": "user.login", "tags": "labels[].name", "n": "number" } });
    let line =
        r#"{"number": 7, "labels": [{"name": "x"}, {"name": "y"}], "user": {"login": "ada"}}"#;
    let outcome = with_file(parameters, "a.jsonl", line).run();
    assert_eq!(outcome.texts("table", "who"), ["ada"]);
    assert_eq!(outcome.texts("table", "n"), ["7"]);
    assert_eq!(outcome.labels("table", "tags")[0], ["x", "y"]);
}

#[test]
fn bad_rows_fail_with_file_and_line_or_are_left_out_and_counted() {
    let content = "{\"a\": 1}\n{\"a\": \n{\"a\": 3}\n";
    let error = with_file(json!({ "source": "a.jsonl" }), "a.jsonl", content).fails();
    assert!(
        error.contains("a.jsonl:2:") && error.contains("on_error"),
        "{error}"
    );
    let parameters = json!({ "source": "a.jsonl", "on_error": "skip" });
    let outcome = with_file(parameters, "a.jsonl", content).run();
    assert_eq!(outcome.ints("table", "a"), [1, 3]);
    assert!(
        outcome.notes[1].starts_with("1 row could not be read, the first: a.jsonl:2:"),
        "{:?}",
        outcome.notes
    );
}

#[test]
fn a_pinned_file_must_have_the_digest() {
    let content = "{\"a\": 1}\n";
    let digest = blake3::hash(content.as_bytes()).to_hex().to_string();
    let parameters = json!({ "source": "a.jsonl", "blake3": digest.to_uppercase() });
    with_file(parameters.clone(), "a.jsonl", content).run();
    let error = with_file(parameters, "a.jsonl", "{\"a\": 2}\n").fails();
    assert!(
        error.contains("is pinned") && error.contains("a.jsonl"),
        "{error}"
    );
}

#[test]
fn a_missing_file_is_a_problem_with_the_folder_and_the_near_miss() {
    assert_eq!(
        problem(json!({ "source": "data/isues.jsonl" })),
        "source: there is no file data/isues.jsonl: looked in ROOT/data (did you mean issues.jsonl?)"
    );
    assert_eq!(
        problem(json!({ "source": "dat/issues.jsonl" })),
        "source: there is no file dat/issues.jsonl: looked in ROOT (did you mean data?)"
    );
    assert_eq!(
        problem(json!({ "source": "data" })),
        "source: data is a folder (name the files in it, such as \"data/*.jsonl\")"
    );
    assert_eq!(
        problem(json!({ "source": "data/*.csv" })),
        "source: data/*.csv: no file in ROOT matches (`*` and `?` stand for characters within a name, `**/` for any folders)"
    );
    assert!(problem(json!({ "source": "data/[.csv" })).contains("it is no glob"));
}

#[test]
fn options_that_contradict_each_other_are_problems() {
    let problems = |parameters| Trial::new::<Load>(parameters).problems();
    let parameters =
        json!({ "source": "a.jsonl", "format": "github-issues", "columns": ["title"] });
    assert_eq!(problems(parameters).len(), 1);
    let parameters = json!({ "source": "a.jsonl", "lists": { "a": ";" } });
    assert!(
        problems(parameters)[0]
            .message
            .contains("`lists` is for CSV")
    );
    let parameters = json!({ "source": "a.csv", "delimiter": "ß" });
    assert_eq!(problems(parameters)[0].parameter, "delimiter");
    let parameters = json!({ "source": "a.csv", "blake3": "beef" });
    assert_eq!(problems(parameters)[0].parameter, "blake3");
}

#[test]
fn files_that_other_steps_wrote_are_read_in_their_order() {
    let files = tempfile::tempdir().unwrap();
    let written = |name: &str, content: &str| {
        let path = files.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let (first, second) = (
        written("a", "{\"text\": \"one\"}\n"),
        written("b", "{\"text\": \"two\"}\n"),
    );
    let outcome = Trial::new::<Load>(json!({ "format": "jsonl", "file_column": "file" }))
        .artifact("files", &first, &[("source", json!("docs"))])
        .artifact("files", &second, &[("source", json!("news"))])
        .run();
    assert_eq!(outcome.texts("table", "text"), ["one", "two"]);
    assert_eq!(
        outcome.texts("table", "file"),
        ["source=docs", "source=news"]
    );

    let broken = written("c", "{\"text\": \n");
    let said = Trial::new::<Load>(json!({ "format": "jsonl" }))
        .artifact("files", &broken, &[])
        .fails();
    assert!(said.contains("files") && said.contains('1'), "{said}");
}

#[test]
fn rows_come_from_a_source_or_from_steps() {
    let problems = |trial: Trial| -> Vec<String> {
        let problems = trial.problems();
        problems
            .iter()
            .map(|problem| format!("{}: {}", problem.parameter, problem.message))
            .collect()
    };
    let file = tempfile::NamedTempFile::new().unwrap();
    let fed = |parameters| Trial::new::<Load>(parameters).artifact("files", file.path(), &[]);
    assert_eq!(
        problems(Trial::new::<Load>(json!({}))),
        [": nothing says where the rows are"]
    );
    assert_eq!(
        problems(fed(json!({ "source": "a.csv" }))),
        ["source: rows come from the port `files` already"]
    );
    assert_eq!(
        problems(fed(json!({ "token": "x" }))),
        [
            ": the outputs of steps have no names that tell a format",
            "token: this is about a `source`, and the rows come from another step"
        ]
    );
    assert!(problems(fed(json!({ "format": "csv" }))).is_empty());
}
