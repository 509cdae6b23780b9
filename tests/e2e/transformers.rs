//! Training of transformers with the real binary: the main pipeline as it is committed, at a tiny size, and a training that is
//! interrupted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A project with the pipelines and the sample of this one.
fn project() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir(root.join(".git")).unwrap();
    fs::create_dir_all(root.join("pipelines/data")).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pipelines");
    for name in ["issues_uda.toml", "data/issues.jsonl"] {
        fs::copy(source.join(name), root.join("pipelines").join(name)).unwrap();
    }
    folder
}

fn engine(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_engine"));
    command
        .current_dir(root)
        .args(arguments)
        .args(["--device", "cpu"])
        .env_remove("ENGINE_CACHE");
    command
}

fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&text).into_owned()
}

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
    let first = engine(project.path(), &arguments).output().unwrap();
    let text = said(&first);
    assert!(first.status.success(), "{text}");
    for line in ["logistic regression", "fine-tuning", "UDA"] {
        assert!(text.contains(line), "{text}");
    }
    let second = engine(project.path(), &arguments).output().unwrap();
    assert!(said(&second).contains("nothing to do"), "{}", said(&second));
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
    let to = root.join("exported");
    let arguments = ["show", "training.toml", "adapted.model", "--export"];
    let shown = Command::new(env!("CARGO_BIN_EXE_engine"))
        .current_dir(root)
        .args(arguments)
        .arg(&to)
        .env_remove("ENGINE_CACHE")
        .output()
        .unwrap();
    assert!(shown.status.success(), "{}", said(&shown));
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
    let uninterrupted = engine(whole.path(), &arguments).output().unwrap();
    assert!(uninterrupted.status.success(), "{}", said(&uninterrupted));

    let log = fs::File::create(parts.path().join("log")).unwrap();
    let mut running = engine(parts.path(), &arguments)
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

    let resumed = engine(parts.path(), &arguments).output().unwrap();
    assert!(resumed.status.success(), "{}", said(&resumed));
    assert!(weights(whole.path()) == weights(parts.path()));
    assert!(checkpoints(parts.path()).is_empty());
}
