//! The pipelines of the folder `pipelines`: each plans without network, and those that need no public checkpoint run.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code, reason = "a part of what the tests here need")]
mod offline;
mod tiny_models;

use std::fs;
use std::path::{Path, PathBuf};

use offline::{project, succeed};

/// The TOML files in a folder, by their paths from the repository.
fn pipelines(root: &Path, folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root.join(folder)).unwrap();
    let names = entries.map(|entry| Path::new(folder).join(entry.unwrap().file_name()));
    names
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .collect()
}

#[test]
fn every_pipeline_plans_without_network() {
    let project = project();
    let mut files = pipelines(project.path(), "pipelines");
    files.extend(pipelines(project.path(), "pipelines/book"));
    assert!(files.len() >= 12, "{files:?}");
    for file in files {
        let planned = succeed(project.path(), &["plan", file.to_str().unwrap()]);
        assert!(planned.contains("compare"), "{planned}");
    }
}

/// A new model of a few thousand weights, and steps that can be counted on one hand.
const TINY: [&str; 8] = [
    "--set",
    "vars.model={ hidden_size = 16, layers = 1, heads = 2, max_tokens = 32 }",
    "--set",
    "vars.max_length=32",
    "--set",
    "vars.steps=2",
    "--set",
    "vars.mlm_epochs=0.2",
];

#[test]
fn self_training_and_adaptation_run_on_the_sample() {
    let project = project();
    let few = ["--set", "vars.pool=16", "--set", "vars.sample=8"];
    let run = [&["run", "pipelines/issues_ust.toml"][..], &TINY, &few].concat();
    let said = succeed(project.path(), &run);
    for line in ["logistic regression", "fine-tuning", "self-training", "UST"] {
        assert!(said.contains(line), "{said}");
    }
    let run = [
        &["run", "pipelines/issues_domain_adaptation.toml"][..],
        &TINY,
    ]
    .concat();
    let said = succeed(project.path(), &run);
    assert!(said.contains("adaptation + fine-tuning"), "{said}");
}

#[test]
fn zero_shot_runs_with_models_of_folders() {
    let project = project();
    let file = "pipelines/issues_zero_shot.toml";
    let text = fs::read_to_string(project.path().join(file)).unwrap();
    let pipeline: toml::Table = text.parse().unwrap();
    let words = pipeline["vars"]["words"].as_table().unwrap();
    let words: Vec<&str> = (words.values())
        .flat_map(|words| words.as_array().unwrap())
        .map(|word| word.as_str().unwrap())
        .collect();
    tiny_models::make(project.path(), &words);
    let run = [
        "run",
        file,
        "--set",
        "vars.model=models/nli",
        "--set",
        "vars.masked_model=models/masked",
        "--set",
        "vars.max_length=32",
    ];
    let said = succeed(project.path(), &run);
    for line in ["word counts", "zero-shot, top k", "fill-mask"] {
        assert!(said.contains(line), "{said}");
    }
}
