//! `engine init` on files as people have them: the pipeline that it writes runs as it is.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn engine(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_engine"))
        .current_dir(folder)
        .args(arguments)
        .env_remove("ENGINE_CACHE")
        .output()
        .unwrap()
}

fn succeed(folder: &Path, arguments: &[&str]) -> String {
    let output = engine(folder, arguments);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_file_of_issues_gets_a_pipeline_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pipelines/data/issues.jsonl");
    fs::copy(sample, folder.path().join("issues.jsonl")).unwrap();
    let said = succeed(folder.path(), &["init", "issues.jsonl"]);
    assert!(
        said.contains("450 rows, 187 of them with one of 9 labels"),
        "{said}"
    );
    assert!(said.contains("text: title + body"), "{said}");
    let ended = succeed(folder.path(), &["run", "pipelines/issues.toml"]);
    assert!(ended.contains("logistic regression"), "{ended}");
}

#[test]
fn a_csv_with_numbers_for_labels_gets_one_too_and_it_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let mut csv = String::from("id,message,label\n");
    for row in 0..120 {
        let words = ["cat dog vet", "car road fuel", "sun rain wind"][row % 3];
        writeln!(csv, "{row},{words} number {row},{}", row % 3).unwrap();
    }
    fs::write(folder.path().join("mails.csv"), csv).unwrap();
    let said = succeed(folder.path(), &["init", "mails.csv"]);
    assert!(said.contains("text: message"), "{said}");
    succeed(folder.path(), &["run", "pipelines/mails.toml"]);
    let again = engine(folder.path(), &["init", "mails.csv"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("exists already"));
}

#[test]
fn a_file_whose_columns_tell_nothing_is_answered_with_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("odd.csv"), "a,b\nx,y\n").unwrap();
    let output = engine(folder.path(), &["init", "odd.csv"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("columns: a, b") && said.contains("--labels COLUMN"),
        "{said}"
    );
}

#[test]
fn labels_are_found_by_a_list_or_by_few_values_that_recur_where_no_name_tells() {
    let folder = tempfile::tempdir().unwrap();
    let mut lists = String::new();
    let mut words = String::new();
    for row in 0..120 {
        let text = ["cat dog vet", "car road fuel", "sun rain wind"][row % 3];
        let kind = ["pets", "cars", "weather"][row % 3];
        writeln!(lists, r#"{{"Msg":"{text} {row}","Marks":["{kind}"]}}"#).unwrap();
        writeln!(words, r#"{{"Text":"{text} {row}","cls":"{kind}"}}"#).unwrap();
    }
    fs::write(folder.path().join("lists.jsonl"), lists).unwrap();
    fs::write(folder.path().join("words.jsonl"), words).unwrap();
    for (name, labels, text) in [("lists", "Marks", "Msg"), ("words", "cls", "Text")] {
        let said = succeed(folder.path(), &["init", &format!("{name}.jsonl")]);
        assert!(
            said.contains(&format!("(column `{labels}`); text: {text}")),
            "{said}"
        );
        succeed(folder.path(), &["run", &format!("pipelines/{name}.toml")]);
    }
}
