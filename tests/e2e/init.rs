//! `engine init` on files as people have them: the pipeline that it writes is the one that the file calls for, and runs as it is.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code, reason = "a part of what the tests here need")]
mod offline;
mod tiny_models;

use std::fmt::Write;
use std::fs;
use std::path::Path;

use offline::{engine, succeed};
use tempfile::TempDir;

const KINDS: [(&str, &str); 3] = [
    ("pets", "cat dog vet"),
    ("cars", "car road fuel"),
    ("weather", "sun rain wind"),
];

/// A file of texts about three things, of which the first `labelled` say about which.
fn texts(labelled: usize, rows: usize) -> String {
    let mut lines = String::new();
    for row in 0..rows {
        let (kind, words) = KINDS[row % 3];
        let (a, b) = (row * 7919 % 1009, row * 104_729 % 997);
        let label = if row < labelled { kind } else { "" };
        writeln!(
            lines,
            r#"{{"text":"{words} a{a} b{b} seen near c{row}","label":"{label}"}}"#
        )
        .unwrap();
    }
    lines
}

/// A folder with a file `texts.jsonl`.
fn folder(labelled: usize, rows: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("texts.jsonl"), texts(labelled, rows)).unwrap();
    folder
}

/// What `engine init` said, and the names of the steps that `engine plan` says will run of what it wrote.
fn initialised(folder: &Path, arguments: &[&str]) -> (String, Vec<String>) {
    let arguments = [&["init", "texts.jsonl"], arguments].concat();
    let said = succeed(folder, &arguments);
    let planned = succeed(folder, &["plan", "pipelines/texts.toml"]);
    let steps = planned.lines().filter_map(|line| line.split(' ').next());
    (said, steps.map(str::to_owned).collect())
}

fn assert_steps(steps: &[String], expected: &[&str]) {
    for step in expected {
        assert!(steps.iter().any(|found| found == step), "{step}: {steps:?}");
    }
}

/// Sizes and steps that tiny models are done with in no time.
const TINY: [&str; 8] = [
    "--set",
    "vars.sizes=[16, \"all\"]",
    "--set",
    "vars.seeds=[0]",
    "--set",
    "vars.max_length=16",
    "--set",
    "vars.model=models/masked",
];

#[test]
fn no_labels_call_for_zero_shot_and_filled_gaps() {
    let folder = folder(0, 60);
    let (said, steps) = initialised(folder.path(), &["--candidates", "pets,cars,weather"]);
    assert!(
        said.contains("60 rows, none of them with a label"),
        "{said}"
    );
    assert!(said.contains("No labels: nothing can be learned"), "{said}");
    assert_steps(&steps, &["zero_shot", "topics", "agreement"]);
    let written = fs::read_to_string(folder.path().join("pipelines/texts.toml")).unwrap();
    assert!(
        written.contains(r#"["pets", "cars", "weather"]"#),
        "{written}"
    );
    assert!(!written.contains("sample.look"), "{written}");

    tiny_models::make(folder.path(), &["pets", "cars", "weather", "cat", "sun"]);
    let run = [
        "run",
        "pipelines/texts.toml",
        "--set",
        "vars.model=models/nli",
        "--set",
        "vars.masked_model=models/masked",
    ];
    let ended = succeed(folder.path(), &run);
    assert!(ended.contains("agreement"), "{ended}");
}

#[test]
fn many_texts_without_labels_are_looked_at_by_a_sample_and_example_labels_are_called_so() {
    let folder = folder(0, 2000);
    let (said, steps) = initialised(folder.path(), &[]);
    assert!(said.contains("are examples: write yours"), "{said}");
    assert_steps(&steps, &["sample", "zero_shot"]);
    let written = fs::read_to_string(folder.path().join("pipelines/texts.toml")).unwrap();
    assert!(
        written.contains("parts  = { look = 0.2500, rest = 0.7500 }"),
        "{written}"
    );
}

#[test]
fn few_labels_and_nothing_else_call_for_look_up_setfit_prompts_and_augmentation() {
    let folder = folder(120, 130);
    let (said, steps) = initialised(folder.path(), &["--model", "models/masked"]);
    assert!(
        said.contains("120 of them with one of 3 labels (column `label`)"),
        "{said}"
    );
    assert!(said.contains("Few labels and little else"), "{said}");
    assert_steps(
        &steps,
        &[
            "bayes",
            "logistic",
            "look_up",
            "setfit",
            "prompts",
            "augmented_rows",
            "compare",
        ],
    );
    let written = fs::read_to_string(folder.path().join("pipelines/texts.toml")).unwrap();
    assert!(
        written.contains(r#"model        = "models/masked""#),
        "{written}"
    );

    let words = ["pets", "cars", "weather", "cat", "road", "sun", "seen"];
    tiny_models::make(folder.path(), &words);
    let set = [
        "--set",
        "vars.masked_model=models/masked",
        "--set",
        "vars.steps=2",
    ];
    let run = [&["run", "pipelines/texts.toml"], &TINY[..6], &set].concat();
    let ended = succeed(folder.path(), &run);
    for line in [
        "naive Bayes",
        "look-up",
        "SetFit",
        "prompts",
        "logistic regression + augmentation",
    ] {
        assert!(ended.contains(line), "{ended}");
    }
}

#[test]
fn few_labels_and_much_text_call_for_adaptation_uda_and_ust() {
    let folder = folder(90, 300);
    let (said, steps) = initialised(folder.path(), &[]);
    assert!(said.contains("Few labels and much text"), "{said}");
    assert_steps(
        &steps,
        &[
            "bayes",
            "logistic",
            "adapted",
            "supervised",
            "uda",
            "ust",
            "compare",
        ],
    );

    tiny_models::make(
        folder.path(),
        &["cat", "dog", "car", "road", "sun", "rain", "seen"],
    );
    let set = ["--set", "vars.mlm_epochs=0.2", "--set", "vars.steps=2"];
    let run = [&["run", "pipelines/texts.toml"], &TINY[..], &set].concat();
    let ended = succeed(folder.path(), &run);
    for line in ["fine-tuning", "UDA", "UST"] {
        assert!(ended.contains(line), "{ended}");
    }
    // An empty text is no label.
    assert!(ended.contains("3 labels on 90 of 90 rows"), "{ended}");
}

#[test]
fn many_labels_call_for_fine_tuning() {
    let folder = folder(1500, 1500);
    let (said, steps) = initialised(folder.path(), &[]);
    assert!(
        said.contains("Many labels: of 1,500 labelled rows"),
        "{said}"
    );
    assert_steps(&steps, &["bayes", "logistic", "supervised", "compare"]);
    assert!(!steps.iter().any(|step| step == "uda"), "{steps:?}");

    tiny_models::make(folder.path(), &["cat", "car", "sun"]);
    let set = ["--set", "vars.epochs=0.1"];
    let run = [&["run", "pipelines/texts.toml"], &TINY[..], &set].concat();
    let ended = succeed(folder.path(), &run);
    assert!(ended.contains("fine-tuning"), "{ended}");
}

#[test]
fn a_file_of_issues_is_read_as_its_tracker_lays_it_out() {
    let folder = tempfile::tempdir().unwrap();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pipelines/data/issues.jsonl");
    fs::copy(sample, folder.path().join("issues.jsonl")).unwrap();
    let said = succeed(folder.path(), &["init", "issues.jsonl"]);
    assert!(
        said.contains("450 rows, 187 of them with one of 9 labels"),
        "{said}"
    );
    assert!(said.contains("text: title + body"), "{said}");
    assert!(said.contains("Few labels and much text"), "{said}");
    let target = [
        "run",
        "pipelines/issues.toml",
        "--target",
        "logistic_scores",
    ];
    succeed(folder.path(), &target);
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
    let target = ["run", "pipelines/mails.toml", "--target", "bayes_scores"];
    succeed(folder.path(), &target);
    let again = engine(folder.path(), &["init", "mails.csv"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("exists already"));
}

#[test]
fn the_pipeline_goes_where_the_user_says() {
    let folder = folder(60, 60);
    let deep = ["init", "texts.jsonl", "--output", "jobs/mine.toml"];
    assert!(succeed(folder.path(), &deep).contains("engine run jobs/mine.toml"));
    let run = ["run", "jobs/mine.toml", "--target", "bayes_scores"];
    succeed(folder.path(), &run);
    let output = engine(folder.path(), &["init", "texts.jsonl", "--output", "-"]);
    let written = fs::read_to_string(folder.path().join("jobs/mine.toml")).unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed.lines().count(), written.lines().count());
    assert!(printed.contains("[steps.setfit]"), "{printed}");
    // Another project reads the file where it is.
    let other = tempfile::tempdir().unwrap();
    let outside = other.path().join("outside.toml");
    succeed(
        folder.path(),
        &["init", "texts.jsonl", "-o", outside.to_str().unwrap()],
    );
    succeed(
        other.path(),
        &["run", "outside.toml", "--target", "bayes_scores"],
    );
}

#[test]
fn what_does_not_fit_the_file_is_answered_with_what_to_do() {
    let folder = folder(60, 60);
    fs::write(folder.path().join("odd.csv"), "a,b\nx,y\n").unwrap();
    let cases: [(&[&str], &str, &str); 5] = [
        (&["odd.csv"], "columns: a, b", "--text COLUMN"),
        (
            &["texts.jsonl", "--labels", "lable"],
            "is called `lable`",
            "--labels COLUMN",
        ),
        (
            &["texts.jsonl", "--case", "unlabelled-text"],
            "every row has one",
            "--case few-labels",
        ),
        (
            &["texts.jsonl", "--candidates", "a,b"],
            "60 rows have one",
            "--case no-labels",
        ),
        (
            &["texts.jsonl", "--case", "no-labels", "--text", "txt"],
            "is called `txt`",
            "--text COLUMN",
        ),
    ];
    for (arguments, message, advice) in cases {
        let output = engine(folder.path(), &[&["init"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(message) && said.contains(advice), "{said}");
    }
    let chosen = ["init", "texts.jsonl", "--case", "no-labels"];
    assert!(succeed(folder.path(), &chosen).contains("No labels:"));
}

#[test]
fn labels_are_found_by_a_list_or_by_few_values_that_recur_where_no_name_tells() {
    let folder = tempfile::tempdir().unwrap();
    let mut lists = String::new();
    let mut words = String::new();
    for row in 0..120 {
        let (kind, text) = KINDS[row % 3];
        writeln!(lists, r#"{{"Msg":"{text} {row}","Marks":["{kind}"]}}"#).unwrap();
        writeln!(words, r#"{{"Text":"{text} {row}","cls":"{kind}"}}"#).unwrap();
    }
    fs::write(folder.path().join("lists.jsonl"), lists).unwrap();
    fs::write(folder.path().join("words.jsonl"), words).unwrap();
    for (name, labels, text) in [("lists", "Marks", "Msg"), ("words", "cls", "Text")] {
        let said = succeed(folder.path(), &["init", &format!("{name}.jsonl")]);
        assert!(said.contains(&format!("(column `{labels}`)")), "{said}");
        assert!(said.contains(&format!("text: {text};")), "{said}");
        let file = format!("pipelines/{name}.toml");
        succeed(
            folder.path(),
            &["run", &file, "--target", "logistic_scores"],
        );
    }
}

#[test]
fn columns_whose_names_the_pipeline_uses_itself_are_taken_apart() {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = String::new();
    for row in 0..60 {
        let (kind, words) = KINDS[row % 3];
        writeln!(
            rows,
            r#"{{"title":"{words}","body":"number {row} of many","text":"{kind}","labels":"none of these {row}"}}"#
        )
        .unwrap();
    }
    fs::write(folder.path().join("odd.jsonl"), rows).unwrap();
    let said = succeed(folder.path(), &["init", "odd.jsonl", "--labels", "text"]);
    assert!(said.contains("text: title + body"), "{said}");
    let run = ["run", "pipelines/odd.toml", "--target", "bayes_scores"];
    succeed(folder.path(), &run);
}
