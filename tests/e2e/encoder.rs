//! The making of the small encoder and its evaluation, small enough for a test: the same files, few texts, tiny models.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code, reason = "a part of what the tests here need")]
mod offline;

use std::fs;
use std::path::Path;

use offline::{export, project, succeed};
use table::{columns, parquet_file};

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
        "vars.more_sources=[\"--plain --after 10 --at-most 200 python\", \"issues:pipelines/data/issues.jsonl\"]",
        "--set",
        "vars.yet_more_sources=[\"--after 210 --at-most 100 python\"]",
        "--set",
        "vars.repeated=100",
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

const EMBED: &str = r#"
[pipeline]
name = "embed"

[steps.texts]
op     = "load"
source = "texts.json"

[steps.small]
op    = "model"
model = "pipelines/models/encoder-small"

[steps.vectors]
op    = "embed"
input = { table = "texts.table", model = "small" }
"#;

#[test]
fn the_encoder_of_the_repository_embeds_as_transformers_does() {
    let project = project();
    let fixture =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/encoder_small.json");
    let fixture = fs::read_to_string(fixture).unwrap();
    let rows: Vec<serde_json::Value> = serde_json::from_str(&fixture).unwrap();
    let texts: Vec<_> = rows
        .iter()
        .map(|row| serde_json::json!({ "text": row["text"] }))
        .collect();
    let texts = serde_json::to_string(&texts).unwrap();
    fs::write(project.path().join("texts.json"), texts).unwrap();
    fs::write(project.path().join("embed.toml"), EMBED).unwrap();
    succeed(project.path(), &["run", "embed.toml"]);
    let file = export(project.path(), "embed.toml", "vectors", "vectors.parquet");
    let table = parquet_file::read_parquet(&file, None).unwrap();
    let column = table.column("vector").unwrap();
    let (found, size) = columns::vector_values(&column).unwrap();
    assert_eq!(size, 256);
    for (row, vector) in rows.iter().zip(found.values().chunks(size)) {
        let expected = row["vector"].as_array().unwrap();
        for (value, expected) in vector.iter().zip(expected) {
            let apart = f64::from(*value) - expected.as_f64().unwrap();
            assert!(apart.abs() < 1e-3, "{}: {apart}", row["text"]);
        }
    }
}
