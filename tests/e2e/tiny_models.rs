//! Models of a few thousand weights in the folder `models` of a project, made by the engine itself: a masked language model, and one
//! that tells entailment from contradiction. They know nothing; what is tested with them is that pipelines run.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::offline::{export, succeed};

const PIPELINE: &str = r#"
[pipeline]
name = "models"

[steps.verdicts]
op     = "load"
source = "verdicts.jsonl"

[steps.vocabulary]
op         = "tokenizer"
input      = "verdicts.table"
vocab_size = 1000
max_length = 32

[steps.masked]
op    = "model"
input = { tokenizer = "vocabulary" }
model = { hidden_size = 16, layers = 1, heads = 2, max_tokens = 32 }

[steps.nli]
op        = "train"
method    = "fine_tune"
input     = { train = "verdicts.table", model = "masked" }
labels    = "verdict"
max_steps = 2
"#;

/// Makes `models/masked` and `models/nli`. Each of `words` is one token of their vocabulary.
pub fn make(root: &Path, words: &[&str]) {
    let mut rows = String::new();
    for word in words.iter().cycle().take(words.len() * 20) {
        for verdict in ["entailment", "neutral", "contradiction"] {
            writeln!(
                rows,
                r#"{{"text":"this is about {word}","verdict":"{verdict}"}}"#
            )
            .unwrap();
        }
    }
    fs::write(root.join("verdicts.jsonl"), rows).unwrap();
    fs::write(root.join("models.toml"), PIPELINE).unwrap();
    succeed(root, &["run", "models.toml"]);
    for name in ["masked", "nli"] {
        fs::create_dir_all(root.join("models")).unwrap();
        export(
            root,
            "models.toml",
            &format!("{name}.model"),
            &format!("models/{name}"),
        );
    }
}
