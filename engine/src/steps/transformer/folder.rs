//! The folder of a transformer, as Hugging Face lays it out: config.json, model.safetensors, tokenizer.json.

use std::fs;
use std::path::Path;

use nn::LoadReport;
use serde_json::{Map, Value as Json, json};

use super::super::StepError;
use super::super::words::first;

/// What a model's folder says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelKind {
    /// Weights of a vectorizer's features.
    Linear,
    /// A neighbour look-up.
    Neighbours,
    /// A transformer.
    Transformer,
}

/// The kind of model that a folder holds.
pub fn kind_of(folder: &Path) -> Result<ModelKind, StepError> {
    let path = folder.join("config.json");
    let bytes = fs::read(&path).map_err(|error| StepError::io("reading", &path, &error))?;
    let config: Map<String, Json> = serde_json::from_slice(&bytes)
        .map_err(|error| StepError::new(format!("reading {}: {error}", path.display())))?;
    if config.contains_key("model_type") {
        return Ok(ModelKind::Transformer);
    }
    match config.get("method").and_then(Json::as_str) {
        Some("knn") => Ok(ModelKind::Neighbours),
        Some(_) => Ok(ModelKind::Linear),
        None => Err(StepError::new(format!(
            "{} says neither `model_type` nor `method`, so it is no model that is known here",
            path.display()
        ))
        .help("feed this port from `train` or `model`")),
    }
}

/// Fails for a folder that lacks a part of what it is used for, which would be random: `part` is its name, `advice` which model to take.
pub fn require_trained(report: &LoadReport, part: &str, advice: &str) -> Result<(), StepError> {
    let missing = report.missing.iter();
    let lacking = missing.chain(report.mismatched.iter().map(|tensor| &tensor.name));
    let names: Vec<String> = lacking.map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        return Ok(());
    }
    Err(StepError::new(format!(
        "the model has no {part} that was trained: its folder lacks {}",
        first(names, 3)
    ))
    .help(advice))
}

/// The files of a tokenizer, which go with the model that was trained with it.
const TOKENIZER_FILES: [&str; 7] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
];

/// Copies the tokenizer of one model's folder to another's, which is made. `max_length` becomes the length that texts are cut to
/// wherever the model is used.
pub fn carry_tokenizer(from: &Path, to: &Path, max_length: Option<usize>) -> Result<(), StepError> {
    fs::create_dir_all(to).map_err(|error| StepError::io("making the folder", to, &error))?;
    for name in TOKENIZER_FILES {
        let source = from.join(name);
        if source.is_file() {
            fs::copy(&source, to.join(name))
                .map_err(|error| StepError::io("copying", &source, &error))?;
        }
    }
    let Some(max_length) = max_length else {
        return Ok(());
    };
    let path = to.join("tokenizer_config.json");
    let mut config: Map<String, Json> = match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
        Err(_) => Map::new(),
    };
    config.insert("model_max_length".to_owned(), json!(max_length));
    let mut text = serde_json::to_string_pretty(&Json::Object(config))
        .map_err(|error| StepError::new(format!("writing {}: {error}", path.display())))?;
    text.push('\n');
    fs::write(&path, text).map_err(|error| StepError::io("writing", &path, &error))
}
