//! What users get wrong with models and labels, with the real binary: each mistake is a message that says what is wrong, where and
//! what to do, leaves nothing half-made, and once it is mended the same command succeeds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Map, Value, json};
use tempfile::TempDir;

const DATA: &str = r#"
[pipeline]
name = "bad_models"

[steps.issues]
op     = "load"
source = "issues.jsonl"
format = "jsonl"
"#;

const BASE: &str = r#"
[steps.vocabulary]
op         = "tokenizer"
input      = "issues.table"
vocab_size = 120
max_length = 16

[steps.base]
op    = "model"
input = { tokenizer = "vocabulary" }
model = { hidden_size = 16, layers = 1, heads = 2, max_tokens = 16 }
"#;

const ENCODER: &str = r#"
[steps.encoder]
op    = "model"
model = "encoder"
"#;

const FINE_TUNE: &str = r#"
[steps.fit]
op        = "train"
method    = "fine_tune"
input     = { train = "issues.table", model = "encoder" }
max_steps = 2
"#;

/// 24 issues of three labels, and a small model of their words in the folder `encoder`.
struct Project {
    folder: TempDir,
}

impl Project {
    fn new() -> Project {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(".git")).unwrap();
        let project = Project { folder };
        project.write_issues(|_, text| text);
        let (made, said) = project.run(&[BASE]);
        assert!(made, "{said}");
        let exported = project
            .engine(&["show", "pipeline.toml", "base.model", "--export", "encoder"])
            .output()
            .unwrap();
        assert!(exported.status.success(), "{}", words_of(&exported));
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write_issues(&self, change: impl Fn(usize, String) -> String) {
        let kinds = [
            ("bug", "the loader crashes with an error"),
            ("docs", "the guide has a typo in the page"),
            ("feature", "please add an option for speed"),
        ];
        let lines: String = (0..24)
            .map(|row| {
                let (label, text) = kinds[row % kinds.len()];
                let text = change(row, format!("{text} number {row}"));
                format!("{}\n", json!({ "text": text, "labels": [label] }))
            })
            .collect();
        fs::write(self.path("issues.jsonl"), lines).unwrap();
    }

    fn engine(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_engine"));
        command
            .current_dir(self.folder.path())
            .args(arguments)
            .env_remove("ENGINE_CACHE");
        command
    }

    /// Runs the data's step and these; whether it succeeded, and what it said in one line.
    fn run(&self, steps: &[&str]) -> (bool, String) {
        fs::write(
            self.path("pipeline.toml"),
            format!("{DATA}{}", steps.concat()),
        )
        .unwrap();
        let arguments = ["run", "pipeline.toml", "--device", "cpu"];
        let output = self.engine(&arguments).output().unwrap();
        (output.status.success(), words_of(&output))
    }

    /// The steps fail, say all of this, and leave neither an output of the step nor a file that is half written.
    fn refuses(&self, step: &str, steps: &[&str], parts: &[&str]) {
        let (succeeded, said) = self.run(steps);
        assert!(!succeeded, "{said}");
        for part in parts {
            assert!(said.contains(part), "no `{part}` in: {said}");
        }
        assert!(!said.contains("panicked"), "{said}");
        let shown = self
            .engine(&["show", "pipeline.toml", step])
            .output()
            .unwrap();
        assert!(!shown.status.success(), "{}", words_of(&shown));
        for folder in ["tmp", "resume"] {
            let left = files_in(&self.path(".engine/cache").join(folder));
            assert!(left.is_empty(), "{left:?}");
        }
    }

    fn succeeds(&self, steps: &[&str]) -> String {
        let (succeeded, said) = self.run(steps);
        assert!(succeeded, "{said}");
        said
    }

    fn config(&self) -> Map<String, Value> {
        serde_json::from_slice(&fs::read(self.path("encoder/config.json")).unwrap()).unwrap()
    }

    fn write_config(&self, config: &Map<String, Value>) {
        let text = serde_json::to_vec(config).unwrap();
        fs::write(self.path("encoder/config.json"), text).unwrap();
    }
}

/// All that was said, with single blanks between words: messages are broken where a terminal ends.
fn words_of(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => files_in(&path),
            false => vec![path],
        })
        .collect()
}

#[test]
fn words_for_a_label_that_no_row_has_name_the_labels_that_there_are() {
    let project = Project::new();
    let prompt = |words: &str| {
        FINE_TUNE.replace("fine_tune", "prompt") + &format!("verbalizers = {{ {words} }}\n")
    };
    project.refuses(
        "fit",
        &[ENCODER, &prompt("bugs = [\"error\"]")],
        &["`bugs`", "labels: bug, docs, feature"],
    );
    // Every word that a vocabulary does not know is the same token, from which no label can be told.
    project.refuses(
        "fit",
        &[ENCODER, &prompt("bug = [\"ж\"]")],
        &[
            "the word `ж` for `bug` is not in the model's vocabulary",
            "name another word",
        ],
    );
    // The name of a label need not be one.
    project.refuses(
        "fit",
        &[ENCODER, &prompt("bug = [\"error\"]")],
        &[
            "no word of the label `docs`",
            "verbalizers = { \"docs\" = [\"WORD\"] }",
        ],
    );
    let known = "bug = [\"error\"], docs = [\"guide\"], feature = [\"option\"]";
    project.succeeds(&[ENCODER, &prompt(known)]);
}

#[test]
fn a_map_of_labels_that_are_misspelled_says_which_were_meant() {
    let project = Project::new();
    let steps = r#"
[steps.mapped]
op    = "map_labels"
input = "issues.table"
map   = { bugs = "bug", docs = "docs" }

[steps.none]
op     = "select"
input  = "mapped"
filter = "text == 'nothing'"
"#;
    let said = project.succeeds(&[steps]);
    assert!(
        said.contains("in the map but not in the data: bugs (did you mean bug?)"),
        "{said}"
    );
}

#[test]
fn a_slice_without_rows_says_which_port_to_look_at() {
    let project = Project::new();
    let empty = r#"
[steps.none]
op     = "select"
input  = "issues.table"
filter = "text == 'nothing'"

[steps.slices]
op    = "slices"
input = "none"
sizes = [8]
"#;
    let of_slice = FINE_TUNE.replace("issues.table", "slices.8");
    project.refuses(
        "fit",
        &[ENCODER, empty, &of_slice],
        &[
            "the training table has no rows",
            "the port `train`",
            "engine show",
        ],
    );
    let judged = FINE_TUNE.replace(
        "model = \"encoder\"",
        "model = \"encoder\", valid = \"none\"",
    );
    project.refuses(
        "fit",
        &[ENCODER, empty, &judged],
        &["no validation texts", "check the split"],
    );
    let nothing = empty.replace("[8]", "[0]");
    project.refuses(
        "fit",
        &[ENCODER, &nothing, &of_slice],
        &["a slice has at least 1 row"],
    );
}

#[test]
fn a_label_that_no_training_row_has_is_told_and_never_predicted() {
    let project = Project::new();
    let said = project.succeeds(&[
        ENCODER,
        &(FINE_TUNE.to_owned() + "label_set = [\"security\"]\n"),
        r#"
[steps.said]
op    = "predict"
input = { table = "issues.table", model = "fit" }
"#,
    ]);
    assert!(
        said.contains("no training text has security") && said.contains("label more texts"),
        "{said}"
    );
    // Rows of the validation that carry such a label are counted.
    project.write_issues(|_, text| text);
    let parts = r#"
[steps.few]
op     = "select"
input  = "issues.table"
filter = "contains(text, 'loader') or contains(text, 'guide')"
"#;
    let judged = FINE_TUNE
        .replace("train = \"issues.table\"", "train = \"few\"")
        .replace(
            "model = \"encoder\"",
            "model = \"encoder\", valid = \"issues.table\"",
        );
    let said = project.succeeds(&[ENCODER, parts, &judged]);
    assert!(
        said.contains("8 labels of `valid` that no training row has left out"),
        "{said}"
    );
}

#[test]
fn a_configuration_of_other_shapes_than_the_weights_names_both() {
    let project = Project::new();
    let whole = project.config();
    let mut wide = whole.clone();
    wide.insert("hidden_size".to_owned(), json!(32));
    project.write_config(&wide);
    project.refuses(
        "fit",
        &[ENCODER, FINE_TUNE],
        &[
            "word_embeddings.weight",
            "for [",
            ", 32]",
            "check that config.json belongs to them",
        ],
    );
    let mut few = whole.clone();
    few.insert("vocab_size".to_owned(), json!(50));
    project.write_config(&few);
    project.refuses(
        "fit",
        &[ENCODER, FINE_TUNE],
        &["word_embeddings.weight", "for [50, 16]"],
    );
    project.write_config(&whole);
    project.succeeds(&[ENCODER, FINE_TUNE]);
}

#[test]
fn a_tokenizer_of_more_words_than_the_model_names_the_text_and_the_token() {
    let project = Project::new();
    let path = project.path("encoder/tokenizer.json");
    let whole = fs::read(&path).unwrap();
    let mut tokenizer: Value = serde_json::from_slice(&whole).unwrap();
    let words = tokenizer["model"]["vocab"].as_object_mut().unwrap();
    let size = words.len();
    // Under another number than the model was made with.
    words.insert("loader".to_owned(), json!(size + 7));
    fs::write(&path, serde_json::to_vec(&tokenizer).unwrap()).unwrap();
    project.refuses(
        "fit",
        &[ENCODER, FINE_TUNE],
        &[
            "text 0",
            "vocabulary ends at",
            "use the tokenizer of this model",
        ],
    );
    fs::write(&path, whole).unwrap();
    project.succeeds(&[ENCODER, FINE_TUNE]);
}

#[test]
fn texts_that_are_longer_than_a_model_reads_are_cut_and_counted_or_refused_where_they_are_tokens() {
    let project = Project::new();
    project.write_issues(|row, text| match row {
        3 => "loader ".repeat(100),
        _ => text,
    });
    let said = project.succeeds(&[ENCODER, FINE_TUNE]);
    assert!(said.contains("1 of 24 texts cut to 16 tokens"), "{said}");
    let tokens = r#"
[steps.tokens]
op         = "tokenize"
input      = { table = "issues.table", tokenizer = "encoder" }
max_length = 64
"#;
    let of_tokens = FINE_TUNE.replace("issues.table", "tokens");
    project.refuses(
        "fit",
        &[ENCODER, tokens, &of_tokens],
        &[
            "row 3",
            "64 tokens",
            "max_length = 16: the model takes no more",
        ],
    );
    let shorter = tokens.replace("64", "16");
    project.succeeds(&[ENCODER, &shorter, &of_tokens]);
}

#[test]
fn weights_that_are_cut_off_are_refused_where_the_model_is_taken() {
    let project = Project::new();
    let path = project.path("encoder/model.safetensors");
    let whole = fs::read(&path).unwrap();
    for length in [whole.len() / 2, 100, 4, 0] {
        fs::write(&path, &whole[..length]).unwrap();
        project.refuses(
            "encoder",
            &[ENCODER, FINE_TUNE],
            &["encoder/model.safetensors", "download it again"],
        );
    }
    fs::write(&path, whole).unwrap();
    project.succeeds(&[ENCODER, FINE_TUNE]);
}

#[test]
fn a_loss_that_is_not_a_number_stops_training_and_says_at_which_step() {
    let project = Project::new();
    let path = project.path("encoder/model.safetensors");
    let whole = fs::read(&path).unwrap();
    let length = u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let header: Map<String, Value> = serde_json::from_slice(&whole[8..8 + length]).unwrap();
    let words = &header["bert.embeddings.word_embeddings.weight"]["data_offsets"];
    let [first, end] = [0, 1].map(|place| words[place].as_u64().unwrap() as usize + 8 + length);
    let mut broken = whole.clone();
    for number in broken[first..end].as_chunks_mut::<4>().0 {
        *number = f32::NAN.to_le_bytes();
    }
    fs::write(&path, broken).unwrap();
    project.refuses(
        "fit",
        &[ENCODER, FINE_TUNE],
        &[
            "step 1: the loss is NaN",
            "the weights that training began with",
        ],
    );
    fs::write(&path, whole).unwrap();
    let wild = FINE_TUNE.replace("max_steps = 2", "max_steps = 40\nlearning_rate = 1e30");
    project.refuses(
        "fit",
        &[ENCODER, &wild],
        &["step 2: the loss is", "lower the learning rate"],
    );
    project.succeeds(&[ENCODER, FINE_TUNE]);
}
