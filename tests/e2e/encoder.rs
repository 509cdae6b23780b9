//! The making of the small encoder and its evaluation, small enough for a test: the same files, few texts, tiny models.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code, reason = "a part of what the tests here need")]
mod offline;

use std::fs;

use offline::{project, succeed};

const SHAPE: &str = "{ hidden_size = 32, layers = 1, heads = 2, max_tokens = 128 }";

#[test]
fn the_encoder_is_made_exported_and_evaluated() {
    let project = project();
    let file = "pipelines/encoder/encoder-small.toml";
    let shape = format!("vars.shape={SHAPE}");
    let teacher = format!("vars.teacher={SHAPE}");
    // Nothing but this machine's Python and the sample: no network.
    let set = [
        "--set",
        "vars.sources=[\"python\"]",
        "--set",
        "vars.issues=pipelines/data/issues.jsonl",
        "--set",
        &teacher,
        "--set",
        &shape,
        "--set",
        "vars.share=300",
        "--set",
        "vars.vocabulary=2000",
        "--set",
        "vars.epochs=1",
    ];
    let said = succeed(project.path(), &[&["run", file][..], &set].concat());
    assert!(said.contains("correlation of cosines"), "{said}");
    let export = ["show", file, "encoder", "--export", "made"];
    succeed(project.path(), &[&export[..], &set].concat());
    let made = project.path().join("made");
    let weights = fs::metadata(made.join("model.safetensors")).unwrap().len();
    // 2,000 tokens and 128 places of 32 numbers, and a layer, of two bytes each.
    assert!((150_000..250_000).contains(&weights), "{weights}");
    for name in ["config.json", "tokenizer.json", "modules.json"] {
        assert!(made.join(name).is_file(), "{name}");
    }

    let said = succeed(
        project.path(),
        &[
            "run",
            "pipelines/encoder/evaluate.toml",
            "--set",
            "vars.encoder=made",
            "--set",
            &teacher,
            "--set",
            &shape,
            "--set",
            "vars.steps=2",
        ],
    );
    for line in [
        "naive Bayes",
        "logistic regression",
        "small",
        "random",
        "teacher",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
}

#[test]
fn the_newsgroups_are_planned() {
    let project = project();
    let planned = succeed(
        project.path(),
        &["plan", "pipelines/encoder/newsgroups.toml"],
    );
    assert!(planned.contains("newsgroups"), "{planned}");
}
