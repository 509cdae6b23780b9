//! Which files of a repository make a model.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::name::is_inside;

/// What a caller is going to use of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// `model.safetensors`, or its index and shards.
    pub weights: bool,
    /// `tokenizer.json`.
    pub tokenizer: bool,
}

impl Needs {
    /// Configuration, weights and tokenizer.
    pub const ALL: Self = Self {
        weights: true,
        tokenizer: true,
    };

    /// Configuration and tokenizer.
    pub const TOKENIZER: Self = Self {
        weights: false,
        tokenizer: true,
    };
}

pub(crate) const CONFIG: &str = "config.json";
pub(crate) const WEIGHTS: &str = "model.safetensors";
pub(crate) const INDEX: &str = "model.safetensors.index.json";
pub(crate) const TOKENIZER: &str = "tokenizer.json";

/// Small files that say more about a model; taken where they are.
const BESIDE: [&str; 7] = [
    "generation_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "modules.json",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
    "vocab.txt",
];

/// What a tokenizer is made of where it has no `tokenizer.json`.
const VOCABULARIES: [&str; 7] = [
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "spm.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
];

/// The files to take of those that there are; shards, which the index names, come later.
///
/// # Errors
/// The reason when one that is needed is missing.
pub(crate) fn chosen(files: &BTreeSet<String>, needs: Needs) -> Result<Vec<String>, String> {
    let has = |name: &str| files.contains(name);
    let mut chosen = Vec::new();
    let mut take = |name: &str| chosen.push(name.to_owned());
    if has(CONFIG) {
        take(CONFIG);
    } else if needs.weights {
        let some: Vec<&str> = files.iter().take(8).map(String::as_str).collect();
        return Err(format!(
            "it has no {CONFIG}, so it is no model of the transformers library; its files are {}",
            if some.is_empty() {
                "none at all".to_owned()
            } else {
                some.join(", ")
            }
        ));
    }
    // The large files last: once they are there, so is all else.
    for name in BESIDE {
        if has(name) {
            take(name);
        }
    }
    if needs.tokenizer {
        if has(TOKENIZER) {
            take(TOKENIZER);
        } else {
            return Err(no_tokenizer(files));
        }
    }
    if needs.weights {
        if has(WEIGHTS) {
            take(WEIGHTS);
        } else if has(INDEX) {
            take(INDEX);
        } else {
            return Err(no_safetensors(files));
        }
    }
    Ok(chosen)
}

fn no_tokenizer(files: &BTreeSet<String>) -> String {
    let vocabularies: Vec<&str> = VOCABULARIES
        .into_iter()
        .filter(|name| files.contains(*name))
        .collect();
    if vocabularies.is_empty() {
        return format!("it has no {TOKENIZER} and no vocabulary; name a model with a tokenizer");
    }
    format!(
        "it has no {TOKENIZER}, only {}; Python makes one of them: `from transformers import AutoTokenizer; \
         AutoTokenizer.from_pretrained(\"MODEL\").save_pretrained(\"FOLDER\")`, then give a folder with that file and the model's others",
        vocabularies.join(", ")
    )
}

fn no_safetensors(files: &BTreeSet<String>) -> String {
    let others: Vec<&str> = files
        .iter()
        .map(String::as_str)
        .filter(|name| {
            !name.contains('/')
                && [
                    ".bin", ".pt", ".pth", ".h5", ".msgpack", ".ckpt", ".gguf", ".onnx",
                ]
                .iter()
                .any(|ending| name.ends_with(ending))
        })
        .collect();
    let elsewhere = files.iter().find(|name| name.ends_with(".safetensors"));
    let held = match (others.as_slice(), elsewhere) {
        (_, Some(name)) => format!("of safetensors it has {name}, under no name that is known"),
        ([], None) => "it has no weights at all".to_owned(),
        (others, None) => format!(
            "it has only {}, which can run code when they are read",
            others.join(", ")
        ),
    };
    format!(
        "it has no {WEIGHTS}: {held}; convert it once, `from transformers import AutoModel; \
         AutoModel.from_pretrained(\"MODEL\").save_pretrained(\"FOLDER\")` in Python (or the class that its config.json \
         names, which keeps the head), and give the folder; or name a revision with safetensors, such as hf://OWNER/NAME@refs/pr/1"
    )
}

/// The shards that an index names.
///
/// # Errors
/// The reason when it is no index, or names files outside its folder.
pub(crate) fn shards(index: &[u8]) -> Result<BTreeSet<String>, String> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: std::collections::BTreeMap<String, String>,
    }
    let index: Index = serde_json::from_slice(index).map_err(|error| {
        format!(
            "{INDEX} is no index of weights: {error}; fetch it again, or tell the model's owner"
        )
    })?;
    let shards: BTreeSet<String> = index.weight_map.into_values().collect();
    match shards.iter().find(|name| !is_inside(name)) {
        Some(name) => Err(format!(
            "{INDEX} names {name:?}, which is outside the model's folder; do not use this model"
        )),
        None if shards.is_empty() => {
            Err(format!("{INDEX} names no weights; tell the model's owner"))
        }
        None => Ok(shards),
    }
}
