//! `engine predict` with the real binary: what it writes for rows of files, of the standard input and of GitHub, held against the step
//! `predict` of the pipeline that trained the model.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../ops/table/tests/server/mod.rs"]
mod server;
#[allow(dead_code, reason = "a part of what the tests here need")]
mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value as Json, json};
use table::parquet_file::read_parquet;

use server::{Server, reply};
use support::{Finished, Project};

/// A linear model, a tiny transformer and a look-up, trained on 40 rows, and what the pipeline predicts for four others.
const PIPELINE: &str = r#"
[pipeline]
name = "tags"

[steps.rows]
op     = "load"
source = "rows.jsonl"

[steps.new]
op     = "load"
source = "new.jsonl"
columns = ["text"]

[steps.counts]
op    = "vectorize"
input = "rows.table"

[steps.bayes]
op     = "train"
method = "naive_bayes"
input  = { train = "rows.table", vectorizer = "counts" }

[steps.bayes_new]
op    = "predict"
input = { model = "bayes", table = "new.table" }

[steps.bayes_rows]
op    = "predict"
input = { model = "bayes", table = "rows.table" }

[steps.bayes_scores]
op     = "evaluate"
decide = "threshold_per_label"
input  = { test = "bayes_rows", valid = "bayes_rows", model = "bayes" }

[steps.vocabulary]
op         = "tokenizer"
input      = "rows.table"
vocab_size = 120
max_length = 16

[steps.base]
op    = "model"
input = { tokenizer = "vocabulary" }
model = { hidden_size = 16, layers = 1, heads = 2, max_tokens = 16 }

[steps.tuned]
op        = "train"
method    = "fine_tune"
input     = { train = "rows.table", model = "base" }
max_steps = 2

[steps.tuned_new]
op    = "predict"
input = { model = "tuned", table = "new.table" }

[steps.vectors]
op         = "embed"
input      = { table = "rows.table", model = "base" }
max_length = 12

[steps.vectors_new]
op         = "embed"
input      = { table = "new.table", model = "base" }
max_length = 12

[steps.nearest]
op     = "train"
method = "knn"
k      = [3]
votes  = [2]
input  = { train = "vectors" }

[steps.nearest_new]
op    = "predict"
input = { model = "nearest", table = "vectors_new" }
"#;

const NEW: [&str; 4] = [
    "the csv reader crashes",
    "typo in the docs",
    "reader of csv is slow",
    "",
];

/// A project with the pipeline, of which these steps have run; the models among them are exported under their names.
fn trained(steps: &[&str]) -> Project {
    let rows = (0..40).map(|row| {
        let (text, labels) = match row % 4 {
            0 => ("the csv reader crashes on row", json!(["bug", "io"])),
            1 => ("typo in the docs of chapter", json!(["docs"])),
            2 => ("please add a reader for format", json!(["io"])),
            _ => ("crash in the middle of line", json!(["bug"])),
        };
        format!(
            "{}\n",
            json!({ "text": format!("{text} {row}"), "labels": labels })
        )
    });
    let new = NEW.map(|text| format!("{}\n", json!({ "text": text })));
    let project = Project::new()
        .file("tags.toml", PIPELINE)
        .file("rows.jsonl", &rows.collect::<String>())
        .file("new.jsonl", &new.concat());
    let targets: String = steps
        .iter()
        .map(|step| format!(" --target {step}"))
        .collect();
    project
        .engine(&format!("run tags.toml --device cpu{targets}"))
        .success();
    for step in ["bayes", "tuned", "nearest"] {
        if steps.contains(&step) {
            let export = format!("show tags.toml {step}.model --export {step}");
            project.engine(&export).success();
        }
    }
    project
}

fn lines(finished: &Finished) -> Vec<Json> {
    let lines = finished.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
        .collect()
}

/// Runs `engine predict` with something on its standard input.
fn fed(project: &Project, arguments: &str, input: &str) -> Finished {
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let mut child = project
        .command(&arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may have ended with an error before.
    child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
    child.wait_with_output().unwrap().into()
}

/// What the step of the pipeline said of the new rows: labels, and the score of `io`.
fn expected(project: &Project, step: &str) -> Vec<(Vec<String>, f64)> {
    let folder = tempfile::tempdir().unwrap();
    let exported = folder.path().join("predictions.parquet");
    let to = exported.to_str().unwrap();
    project
        .engine_with(&["show", "tags.toml", step, "--export", to])
        .success();
    let table = read_parquet(&exported, None).unwrap();
    let labels = table.string_lists("predicted").unwrap().to_vecs();
    let scores = table.float_column("score.io").unwrap();
    labels.into_iter().zip(scores.values().to_vec()).collect()
}

fn assert_as_expected(project: &Project, rows: &[Json], step: &str) {
    let expected = expected(project, step);
    assert_eq!(rows.len(), expected.len());
    for (row, (labels, io)) in rows.iter().zip(expected) {
        assert_eq!(row["labels"], json!(labels), "{row}");
        let found = row["scores"]["io"].as_f64().unwrap();
        assert!((found - io).abs() < 1e-6, "{found}, not {io}");
        assert_eq!(row["scores"].as_object().unwrap().len(), 3);
    }
}

#[test]
fn models_of_every_kind_say_what_the_step_of_the_pipeline_says() {
    let project = trained(&[
        "bayes",
        "tuned",
        "nearest",
        "bayes_new",
        "tuned_new",
        "nearest_new",
    ]);
    for (model, step) in [
        ("bayes", "bayes_new"),
        ("tags.toml:bayes", "bayes_new"),
        ("tags.toml:bayes.model", "bayes_new"),
        ("tuned --device cpu", "tuned_new"),
        ("tags.toml:tuned --device cpu", "tuned_new"),
        ("tags.toml:nearest --device cpu", "nearest_new"),
    ] {
        let arguments = match model.split_once(' ') {
            Some((model, options)) => format!("predict {model} new.jsonl {options}"),
            None => format!("predict {model} new.jsonl"),
        };
        let said = project.engine(&arguments).success();
        assert_as_expected(&project, &lines(&said), step);
        assert_eq!(said.stderr, "");
    }
}

#[test]
fn every_field_is_kept_as_it_was_and_labels_of_the_input_under_another_name() {
    let project = trained(&["bayes"]);
    let input = concat!(
        r#"{"n": 1.00, "labels": [{"name": "old"}], "title": "the csv", "body": "reader crashes"}"#,
        "\n\n",
        r#"{"title": "typo in the docs", "body": null, "deep": {"a":  [1, 2]}}"#,
    );
    let said = fed(&project, "predict bayes", input).success();
    let first = said.stdout.lines().next().unwrap();
    let kept = r#"{"n":1.00,"given_labels":[{"name": "old"}],"title":"the csv","body":"reader crashes","labels":["#;
    assert!(first.starts_with(kept), "{first}");
    let rows = lines(&said);
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[1]["deep"], json!({ "a": [1, 2] }));
    // A title, a blank line and a body.
    let joined = fed(
        &project,
        "predict bayes -",
        "{\"text\": \"the csv\\n\\nreader crashes\"}\n",
    )
    .success();
    assert_eq!(lines(&joined)[0]["scores"], rows[0]["scores"]);
}

/// A running `engine predict` whose input is still open.
fn running(project: &Project, arguments: &[&str]) -> (Child, BufReader<ChildStdout>) {
    let mut child = project
        .command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    (child, output)
}

#[test]
fn results_leave_while_more_rows_are_to_come() {
    let project = trained(&["bayes"]);
    let (mut child, mut output) = running(&project, &["predict", "bayes"]);
    let mut input = child.stdin.take().unwrap();
    for text in NEW {
        writeln!(input, "{}", json!({ "text": text })).unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let row: Json = serde_json::from_str(&line).unwrap();
        assert_eq!(row["text"], text);
    }
    drop(input);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_reader_that_goes_away_and_an_interruption_end_it_quietly() {
    let project = trained(&["bayes"]);
    let (mut child, output) = running(&project, &["predict", "bayes"]);
    let mut input = child.stdin.take().unwrap();
    drop(output);
    let row = format!("{}\n", json!({ "text": "x".repeat(1000) }));
    // The pipe breaks on either side.
    while input.write_all(row.as_bytes()).is_ok() {}
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""));

    let (mut child, mut output) = running(&project, &["predict", "bayes"]);
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "{{\"text\": \"a\"}}").unwrap();
    output.read_line(&mut String::new()).unwrap();
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn a_bad_row_is_named_with_its_line_and_left_out_where_that_is_asked_for() {
    let project = trained(&["bayes"]);
    let input = "{\"text\": \"a\"}\n{\"text\": \n{\"message\": \"b\"}\n{\"text\": \"c\"}\n";
    let said = fed(&project, "predict bayes", input).exit(2);
    assert_eq!(lines(&said).len(), 1);
    assert!(
        said.stderr.contains("standard input:2: "),
        "{}",
        said.stderr
    );
    assert!(said.stderr.contains("--on-error skip"), "{}", said.stderr);

    let said = fed(&project, "predict bayes --on-error skip", input).success();
    let texts: Vec<Json> = lines(&said).iter().map(|row| row["text"].clone()).collect();
    assert_eq!(texts, ["a", "c"]);
    for expected in [
        "2 rows could not be read",
        "standard input:3: ",
        "`message`",
        "--text",
    ] {
        assert!(
            said.stderr.contains(expected),
            "{expected}: {}",
            said.stderr
        );
    }
    let said = fed(
        &project,
        "predict bayes --text message --on-error skip",
        input,
    )
    .success();
    assert_eq!(lines(&said).len(), 1);

    project.write("bad.csv", "text,n\n\"a\",1\n\"b\",2,3\n");
    let said = project.engine("predict bayes bad.csv").exit(2);
    assert!(said.stderr.contains("bad.csv:3"), "{}", said.stderr);
    let said = project
        .engine("predict bayes bad.csv --on-error skip")
        .success();
    assert_eq!(lines(&said).len(), 1);
}

#[test]
fn csv_comes_in_and_goes_out_and_parquet_too() {
    let project = trained(&["bayes"]);
    let csv = "number,title,body,labels\n1,the csv,\"reader, crashes\",old\n2,typo,,\n";
    project.write("new.csv", csv);
    let rows = lines(&project.engine("predict bayes new.csv").success());
    assert_eq!(rows[0]["number"], 1);
    assert_eq!(rows[0]["body"], "reader, crashes");
    assert_eq!(rows[0]["given_labels"], "old");
    assert_eq!(rows[1]["body"], Json::Null);
    let named = project
        .engine("predict bayes new.csv --text title")
        .success();
    assert_ne!(lines(&named)[0]["scores"], rows[0]["scores"]);

    let said = project
        .engine("predict bayes new.csv --output tagged.csv --top-k 2")
        .success();
    assert_eq!(
        (said.stdout.as_str(), said.stderr.as_str()),
        ("", "2 rows in tagged.csv\n")
    );
    let tagged = fs::read_to_string(project.path("tagged.csv")).unwrap();
    let mut tagged = tagged.lines();
    assert_eq!(
        tagged.next(),
        Some("number,title,body,given_labels,labels,score.bug,score.docs,score.io")
    );
    let first = tagged.next().unwrap();
    assert!(
        first.starts_with("1,the csv,\"reader, crashes\",old,bug;io,0."),
        "{first}"
    );

    // What was tagged is read again, from the standard input, and its scores of before are kept.
    project
        .engine("predict bayes tagged.csv --output tagged.parquet")
        .success();
    let table = read_parquet(&project.path("tagged.parquet"), None).unwrap();
    assert!(table.has_column("given_given_labels") || table.has_column("given_score.io"));
    assert_eq!(table.float_column("score.io").unwrap().len(), 2);
    let again = project.engine("predict bayes tagged.parquet").success();
    assert_eq!(lines(&again)[0]["scores"], rows[0]["scores"]);
    let piped = fed(&project, "predict bayes --format csv", csv).success();
    assert_eq!(lines(&piped), rows);
}

#[test]
fn layouts_of_issue_trackers_are_told_from_the_content() {
    let project = trained(&["bayes"]);
    let github = json!([{ "number": 7, "title": "the csv", "body": "reader crashes", "user": { "login": "ann" }, "labels": [{ "name": "old" }] }]);
    let row = &lines(&fed(&project, "predict bayes", &github.to_string()).success())[0];
    assert_eq!((&row["number"], &row["author"]), (&json!(7), &json!("ann")));
    assert_eq!(row["given_labels"], json!(["old"]));
    let jira = json!({ "key": "A-1", "fields": { "summary": "the csv", "description": "reader crashes" } });
    let from_jira = &lines(&fed(&project, "predict bayes", &format!("{jira}\n")).success())[0];
    assert_eq!(from_jira["key"], "A-1");
    assert_eq!(from_jira["scores"], row["scores"]);
    project.write(
        "jira.csv",
        "Issue key,Summary,Description\nA-1,the csv,reader crashes\n",
    );
    let from_csv = &lines(&project.engine("predict bayes jira.csv").success())[0];
    assert_eq!(from_csv["scores"], row["scores"]);
}

#[test]
fn issues_of_a_repository_are_fetched_and_tagged() {
    let project = trained(&["bayes"]);
    let server = Server::start(|_, _| {
        let issue = |n: usize| json!({ "number": n, "title": "typo in", "body": "the docs", "labels": [{ "name": "old" }] });
        reply(200, json!([issue(1), issue(2)]).to_string())
    });
    let arguments = ["predict", "bayes", "github://ann/reader/issues"];
    let output = project
        .command(&arguments)
        .env("GITHUB_API_URL", &server.url)
        .env("GITHUB_TOKEN", "ghp_secret")
        .output()
        .unwrap();
    let said = Finished::from(output).success();
    let rows = lines(&said);
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[1]["number"], 2);
    assert_eq!(rows[1]["labels"], json!(["docs"]));
    assert_eq!(rows[1]["given_labels"], json!(["old"]));
    let token = server.requests()[0]
        .header("authorization")
        .map(str::to_owned);
    assert_eq!(token.as_deref(), Some("Bearer ghp_secret"));
}

#[test]
fn thresholds_are_numbers_files_or_what_an_evaluation_chose() {
    let project = trained(&["bayes", "bayes_scores"]);
    let labels = |arguments: &str| -> Vec<Json> {
        let said = project
            .engine(&format!("predict bayes new.jsonl {arguments}"))
            .success();
        lines(&said)
            .iter()
            .map(|row| row["labels"].clone())
            .collect()
    };
    assert_eq!(labels("--threshold 0")[3].as_array().unwrap().len(), 3);
    assert_eq!(labels("--threshold 1")[0], json!([]));
    assert_eq!(labels("--top-k 1")[1], json!(["docs"]));
    project.write("own.json", r#"{ "bug": 1, "io": 0 }"#);
    let own = labels("--threshold own.json");
    assert_eq!(own[1], json!(["docs", "io"]));

    let metrics = project
        .engine("show tags.toml bayes_scores.metrics --json")
        .success();
    let metrics: Json = serde_json::from_str(&metrics.stdout).unwrap();
    let chosen = labels("--threshold tags.toml:bayes_scores");
    let rows = lines(&project.engine("predict bayes new.jsonl").success());
    for (row, chosen) in rows.iter().zip(chosen) {
        let above = ["bug", "docs", "io"].into_iter().filter(|label| {
            let threshold = metrics["labels"][label]["threshold"].as_f64().unwrap();
            row["scores"][label].as_f64().unwrap() > threshold
        });
        assert_eq!(chosen, json!(above.collect::<Vec<_>>()));
    }
}

#[test]
fn a_file_that_is_not_finished_is_not_there() {
    let project = trained(&["bayes"]);
    project.write("half.jsonl", "{\"text\": \"a\"}\nnonsense\n");
    project.write("kept.jsonl", "what was there\n");
    project
        .engine("predict bayes half.jsonl --output kept.jsonl")
        .exit(2);
    let kept = fs::read_to_string(project.path("kept.jsonl")).unwrap();
    assert_eq!(kept, "what was there\n");
    let left = fs::read_dir(project.root()).unwrap().flatten();
    assert!(left.into_iter().all(|entry| {
        !entry
            .file_name()
            .to_string_lossy()
            .starts_with(".predictions-")
    }));
}

#[test]
fn what_is_no_model_or_no_input_is_said_with_what_to_do() {
    let project = trained(&["bayes", "nearest"]);
    project.write("nothing.unknown", "");
    project.write("none.csv", "message\nhello\n");
    for (arguments, expected) in [
        ("predict nowhere new.jsonl", "there is no nowhere"),
        ("predict . new.jsonl", "no config.json"),
        (
            "predict tags.toml:bayess new.jsonl",
            "did you mean `bayes`?",
        ),
        ("predict tags.toml:rows new.jsonl", "of type model"),
        ("predict bayes gone.jsonl", "there is no file gone.jsonl"),
        ("predict bayes nothing.unknown", "tells no format"),
        ("predict bayes none.csv", "--text"),
        ("predict bayes new.jsonl --format yaml", "unknown variant"),
        ("predict bayes new.jsonl --output x.doc", ".parquet"),
        ("predict bayes new.jsonl --threshold 2", "between 0 and 1"),
        ("predict bayes new.jsonl --threshold none.csv", "evaluate"),
        (
            "predict tags.toml:base new.jsonl",
            "does not say how the model was trained",
        ),
    ] {
        let said = project.engine(arguments).exit(2);
        let words: Vec<&str> = said
            .stderr
            .split_whitespace()
            .filter(|word| *word != "│")
            .collect();
        assert!(
            words.join(" ").contains(expected),
            "{arguments}: {}",
            said.stderr
        );
    }
    let said = project.engine("predict nearest new.jsonl").exit(2);
    assert!(said.stderr.contains("--encoder"), "{}", said.stderr);
    project
        .engine("predict nearest new.jsonl --encoder tags.toml:base --device cpu")
        .success();
}
