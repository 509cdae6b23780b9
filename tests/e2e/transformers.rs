//! Training of transformers with the real binary: the main pipeline as it is committed, at a tiny size, and a training that is
//! interrupted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code, reason = "a part of what the tests here need")]
mod offline;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use table::{Table, parquet_file};

use offline::{command, export, project, succeed};

#[test]
fn the_main_pipeline_compares_fine_tuning_with_uda_and_is_done_the_second_time() {
    let project = project();
    let arguments = [
        "run",
        "pipelines/issues_uda.toml",
        "--set",
        "vars.model={ hidden_size = 16, layers = 1, heads = 2, max_tokens = 32 }",
        "--set",
        "vars.max_length=32",
        "--set",
        "vars.steps=2",
        "--set",
        "vars.mlm_epochs=0.2",
    ];
    let text = succeed(project.path(), &arguments);
    for line in ["logistic regression", "fine-tuning", "UDA"] {
        assert!(text.contains(line), "{text}");
    }
    let second = succeed(project.path(), &arguments);
    assert!(second.contains("nothing to do"), "{second}");
}

const TRAINING: &str = r#"
[pipeline]
name = "training"

[steps.issues]
op      = "load"
source  = "pipelines/data/issues.jsonl"
format  = "jsonl"
columns = { text = "body" }

[steps.vocabulary]
op         = "tokenizer"
input      = "issues.table"
vocab_size = 300
max_length = 32

[steps.base]
op    = "model"
input = { tokenizer = "vocabulary" }
model = { hidden_size = 32, layers = 1, heads = 2, max_tokens = 32 }

[steps.adapted]
op        = "train"
method    = "mlm"
input     = { train = "issues.table", model = "base" }
max_steps = 1500
"#;

/// The weights that the step `adapted` made.
fn weights(root: &Path) -> Vec<u8> {
    let to = export(root, "training.toml", "adapted.model", "exported");
    fs::read(to.join("model.safetensors")).unwrap()
}

fn checkpoints(root: &Path) -> Vec<PathBuf> {
    let resume = root.join(".engine/cache/resume");
    let Ok(steps) = fs::read_dir(resume) else {
        return Vec::new();
    };
    let folders = steps.map(|step| step.unwrap().path().join("training"));
    folders.filter(|folder| folder.is_dir()).collect()
}

#[test]
fn a_training_that_was_interrupted_goes_on_from_there_to_the_same_bits() {
    let (whole, parts) = (project(), project());
    for project in [&whole, &parts] {
        fs::write(project.path().join("training.toml"), TRAINING).unwrap();
    }
    let arguments = ["run", "training.toml"];
    succeed(whole.path(), &arguments);

    let log = fs::File::create(parts.path().join("log")).unwrap();
    let mut running = command(parts.path(), &arguments)
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    // The model's tokenizer and weights are made in no time; then it trains for seconds.
    let began = Instant::now();
    let log = || fs::read_to_string(parts.path().join("log")).unwrap();
    while !log().contains("base") && began.elapsed() < Duration::from_secs(120) {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(300));
    let pid = Pid::from_raw(i32::try_from(running.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let status = running.wait().unwrap();
    assert_eq!(status.code(), Some(130), "{}", log());
    assert_eq!(checkpoints(parts.path()).len(), 1, "{}", log());

    succeed(parts.path(), &arguments);
    assert!(weights(whole.path()) == weights(parts.path()));
    assert!(checkpoints(parts.path()).is_empty());
}

const SEARCH: &str = r#"
[pipeline]
name = "search"
seed = 1

[steps.issues]
op      = "load"
source  = "pipelines/data/issues.jsonl"
format  = "jsonl"
columns = { title = "title", text = "body" }

[steps.vocabulary]
op         = "tokenizer"
input      = "issues.table"
vocab_size = 300
max_length = 32

[steps.encoder]
op    = "model"
input = { tokenizer = "vocabulary" }
model = { hidden_size = 32, layers = 1, heads = 2, max_tokens = 32 }

[steps.vectors]
op    = "embed"
input = { table = "issues.table", model = "encoder" }

[steps.exact]
op    = "index"
input = "vectors"

[steps.lists]
op     = "index"
method = "ivf"
input  = "vectors"
lists  = 8
probes = 4

[steps.asking]
op     = "select"
input  = "issues.table"
filter = "words(text) > 100"

[steps.of_texts]
op      = "search"
input   = { queries = "asking", index = "exact", model = "encoder", indexed = "issues.table" }
k       = 3
columns = ["title"]

[steps.of_vectors]
op           = "search"
input        = { queries = "vectors", index = "lists.index" }
k            = 2
probes       = 8
skip_own_row = true
"#;

#[test]
fn issues_are_indexed_and_found_by_texts_and_by_vectors() {
    let project = project();
    fs::write(project.path().join("search.toml"), SEARCH).unwrap();
    succeed(project.path(), &["run", "search.toml"]);
    let second = succeed(project.path(), &["run", "search.toml"]);
    assert!(second.contains("nothing to do"), "{second}");
    let shown = |output: &str| {
        let to = output.replace('.', "_");
        export(project.path(), "search.toml", output, &to)
    };
    let read = |output: &str| parquet_file::read_parquet(&shown(output), None).unwrap();
    let issues = read("issues.table");
    let found = read("of_texts.hits");
    let asked = read("asking").num_rows();
    assert!(asked > 10);
    assert_eq!(found.num_rows(), 3 * asked);
    let titles = |table: &Table| {
        let column = table.text_column("title").unwrap();
        let all = column
            .iter()
            .map(|title| title.unwrap_or_default().to_owned());
        all.collect::<Vec<_>>()
    };
    let (all, found_titles) = (titles(&issues), titles(&found));
    let rows = found.int_column("row").unwrap();
    for (place, row) in rows.values().iter().enumerate() {
        assert_eq!(found_titles[place], all[*row as usize]);
    }
    // Each text is nearest to itself.
    let scores = found.float_column("score").unwrap();
    assert!(
        (0..3 * asked)
            .step_by(3)
            .all(|place| scores.value(place) > 0.9999)
    );
    let hits = read("of_vectors.hits");
    assert_eq!(hits.num_rows(), 2 * issues.num_rows());
    let (query, row) = (
        hits.int_column("query").unwrap(),
        hits.int_column("row").unwrap(),
    );
    assert!(
        query
            .values()
            .iter()
            .zip(row.values())
            .all(|(query, row)| query != row)
    );
    let metrics: serde_json::Value =
        serde_json::from_slice(&fs::read(shown("lists.metrics")).unwrap()).unwrap();
    assert_eq!(metrics["rows"], issues.num_rows());
    assert!(metrics["recall"].as_f64().unwrap() > 0.5, "{metrics}");
    assert!(shown("lists.index").join("index.faiss").is_file());
}

/// The small GPT-2 of the fixtures, with a vocabulary of words.
fn word_gpt2(folder: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/models/gpt2");
    fs::create_dir_all(folder).unwrap();
    for name in ["config.json", "model.safetensors"] {
        fs::copy(from.join(name), folder.join(name)).unwrap();
    }
    let vocabulary: serde_json::Map<String, serde_json::Value> = (0..53)
        .map(|token| (format!("w{token}"), token.into()))
        .collect();
    let tokenizer = serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": { "type": "WhitespaceSplit" }, "post_processor": null, "decoder": null,
        "model": { "type": "WordLevel", "vocab": vocabulary, "unk_token": "w3" },
    });
    fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).unwrap();
}

const IN_CONTEXT: &str = r#"
[pipeline]
name = "in_context"

[steps.rows]
op     = "load"
source = "rows.jsonl"

[steps.gpt2]
op    = "model"
model = "./gpt2"

[steps.shown]
op             = "train"
method         = "in_context"
input          = { train = "rows.table", model = "gpt2" }
template       = "{text} w31 {label} w32"
demonstrations = 3
content_free   = ["w33"]

[steps.predicted]
op    = "predict"
input = { model = "shown.model", table = "rows.table" }

[steps.scores]
op    = "evaluate"
input = { test = "predicted", model = "shown.model" }
"#;

#[test]
fn a_language_model_that_is_shown_examples_is_trained_used_and_judged_as_any_other_model() {
    let project = project();
    let root = project.path();
    word_gpt2(&root.join("gpt2"));
    let rows: String = [
        ("w5 w6", "w20"),
        ("w7", "w21"),
        ("w8", "w20"),
        ("w9 w10", "w22"),
    ]
    .map(|(text, label)| format!("{}\n", serde_json::json!({ "text": text, "labels": label })))
    .concat();
    fs::write(root.join("rows.jsonl"), &rows).unwrap();
    fs::write(root.join("in_context.toml"), IN_CONTEXT).unwrap();
    succeed(root, &["run", "in_context.toml"]);
    let shown = succeed(root, &["show", "in_context.toml", "scores.metrics"]);
    assert!(shown.contains("micro"), "{shown}");
    let again = succeed(root, &["run", "in_context.toml"]);
    assert!(again.contains("nothing to do"), "{again}");
}
