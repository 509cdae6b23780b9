//! Runs one step on tables in memory, for the tests of step kinds.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use arrow_schema::SchemaRef;
use serde_json::Value as Json;
use table::{Table, columns, parquet_file};
use tempfile::TempDir;
use tensor::DeviceChoice;

use super::check::Problem;
use super::context::{Input, Progress};
use super::{Check, Context, Step, StepError, StepKind};
use crate::pipeline::matrix::Coordinates;

/// A step, what feeds it, and a folder to run it in.
pub struct Trial {
    step: Box<dyn Step>,
    folder: TempDir,
    inputs: Vec<Input>,
    schemas: Vec<(String, Option<SchemaRef>)>,
    seed: u64,
    threads: usize,
}

/// What came of a step that ran.
pub struct Outcome {
    /// What it said about its results.
    pub notes: Vec<String>,
    folder: PathBuf,
    _kept: TempDir,
}

impl Trial {
    /// A step of a kind with parameters as a pipeline would give them.
    pub fn new<K: StepKind>(parameters: Json) -> Trial {
        let step: K = serde_json::from_value(parameters).unwrap();
        let folder = TempDir::new().unwrap();
        for name in ["outputs", "resume"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        Trial {
            step: Box::new(step),
            folder,
            inputs: Vec::new(),
            schemas: Vec::new(),
            seed: 0,
            threads: 2,
        }
    }

    /// The same with a table at an input port.
    pub fn input(mut self, port: &str, table: &Table) -> Trial {
        let path = self
            .folder
            .path()
            .join(format!("{port}-{}", self.inputs.len()));
        parquet_file::write_parquet(&path, table).unwrap();
        self.inputs.push(Input {
            port: port.to_owned(),
            coordinates: Coordinates::default(),
            path,
        });
        self.schemas
            .push((port.to_owned(), Some(table.schema().clone())));
        self
    }

    /// The same with a file or folder at an input port, and its coordinates.
    pub fn artifact(mut self, port: &str, path: &Path, coordinates: &[(&str, Json)]) -> Trial {
        let coordinates = coordinates
            .iter()
            .fold(Coordinates::default(), |coordinates, (name, value)| {
                coordinates.with(name, value.clone())
            });
        self.inputs.push(Input {
            port: port.to_owned(),
            coordinates,
            path: path.to_owned(),
        });
        self.schemas.push((port.to_owned(), None));
        self
    }

    /// The same with a folder at an input port, which goes away with the trial.
    pub fn kept(mut self, port: &str, folder: TempDir) -> Trial {
        let trial_folder = self.folder.path().join(format!("kept-{port}"));
        std::fs::rename(folder.path(), &trial_folder).unwrap();
        self.inputs.push(Input {
            port: port.to_owned(),
            coordinates: Coordinates::default(),
            path: trial_folder,
        });
        self.schemas.push((port.to_owned(), None));
        self
    }

    /// The same with a seed.
    pub fn seed(self, seed: u64) -> Trial {
        Trial { seed, ..self }
    }

    /// The same on that many threads.
    pub fn threads(self, threads: usize) -> Trial {
        Trial { threads, ..self }
    }

    /// The project's root, a folder of the trial's own.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// The step.
    pub fn step(&self) -> &dyn Step {
        self.step.as_ref()
    }

    /// The problems that the step finds before it runs.
    pub fn problems(&self) -> Vec<Problem> {
        self.checked().into_parts().0
    }

    fn checked(&self) -> Check {
        let mut check = Check::new(self.schemas.clone());
        self.step.check(&mut check);
        check
    }

    /// Runs the step and expects it to fail.
    pub fn fails(self) -> String {
        match self.try_run() {
            Ok(_) => panic!("the step was expected to fail"),
            Err(error) => error.to_string(),
        }
    }

    /// Runs the step, which must find no problems beforehand, write every output, and give each table the columns that
    /// it stated.
    pub fn run(self) -> Outcome {
        self.try_run().unwrap()
    }

    fn try_run(self) -> Result<Outcome, StepError> {
        let (problems, stated) = self.checked().into_parts();
        assert!(problems.is_empty(), "{problems:?}");
        let folder = self.folder.path().join("outputs");
        let cancelled = AtomicBool::new(false);
        let outputs = self.step.outputs();
        let context = Context {
            inputs: self.inputs,
            outputs: outputs.clone(),
            folder: folder.clone(),
            resume_folder: self.folder.path().join("resume"),
            root: self.folder.path(),
            seed: self.seed,
            cores: self.threads.into(),
            device: DeviceChoice::Cpu,
            env: Vec::new(),
            cancelled: &cancelled,
            progress: &Nobody,
            notes: Mutex::default(),
        };
        self.step.run(&context)?;
        let notes = context.notes.into_inner().unwrap();
        for port in &outputs {
            assert!(
                folder.join(&port.name).exists(),
                "`{}` was not written",
                port.name
            );
        }
        let outcome = Outcome {
            notes,
            folder,
            _kept: self.folder,
        };
        for (port, schema) in stated {
            assert_eq!(
                *outcome.table(&port).schema(),
                schema,
                "columns of `{port}`"
            );
        }
        Ok(outcome)
    }
}

impl Outcome {
    /// The table at an output port.
    pub fn table(&self, port: &str) -> Table {
        parquet_file::read_parquet(&self.folder.join(port), None).unwrap()
    }

    /// A text column of an output table, null as the empty text.
    pub fn texts(&self, port: &str, column: &str) -> Vec<String> {
        let texts = self.table(port).text_column(column).unwrap();
        texts
            .iter()
            .map(|text| text.unwrap_or_default().to_owned())
            .collect()
    }

    /// A column of whole numbers of an output table.
    pub fn ints(&self, port: &str, column: &str) -> Vec<i64> {
        let ints = self.table(port).int_column(column).unwrap();
        ints.values().to_vec()
    }

    /// A column of labels of an output table.
    pub fn labels(&self, port: &str, column: &str) -> Vec<Vec<String>> {
        self.table(port).string_lists(column).unwrap().to_vecs()
    }

    /// The file or folder at an output port.
    pub fn path(&self, port: &str) -> PathBuf {
        self.folder.join(port)
    }

    /// A JSON output.
    pub fn json(&self, port: &str) -> Json {
        serde_json::from_str(&self.text(port)).unwrap()
    }

    /// The text of an output.
    pub fn text(&self, port: &str) -> String {
        std::fs::read_to_string(self.folder.join(port)).unwrap()
    }
}

/// A table with the columns `text` and `labels`; the labels of a row are separated by blanks.
pub fn labelled(rows: &[(&str, &str)]) -> Table {
    Table::from_columns(vec![
        ("text", columns::text(rows.iter().map(|(text, _)| text))),
        (
            "labels",
            columns::string_lists(rows.iter().map(|(_, labels)| labels.split_whitespace())),
        ),
    ])
    .unwrap()
}

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures")
}

/// What `transformers` says of the small models of the fixtures, which tests/peers/models.py makes.
pub fn expected_of_models(name: &str) -> Json {
    let text = std::fs::read_to_string(fixtures().join("models/expected.json")).unwrap();
    let mut all: Json = serde_json::from_str(&text).unwrap();
    all[name].take()
}

/// A small model of the fixtures with the tokenizer that its peer was asked with: token 17 is the word `w17`, and some are special,
/// besides those that are `named` so.
pub fn word_model(name: &str, named: &[(usize, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for file in ["config.json", "model.safetensors"] {
        let from = fixtures().join("models").join(name).join(file);
        std::fs::copy(from, folder.path().join(file)).unwrap();
    }
    let mut words: Vec<String> = (0..53).map(|token| format!("w{token}")).collect();
    let usual = [
        (0, "<s>"),
        (1, "<pad>"),
        (2, "</s>"),
        (3, "<unk>"),
        (4, "<mask>"),
    ];
    let mut special: Vec<usize> = usual.iter().chain(named).map(|(token, _)| *token).collect();
    special.sort_unstable();
    special.dedup();
    for &(token, word) in usual.iter().chain(named) {
        words[token] = word.to_owned();
    }
    let vocabulary: serde_json::Map<String, Json> =
        words.iter().cloned().zip((0..).map(Json::from)).collect();
    let added: Vec<Json> = special
        .iter()
        .map(|&token| {
            serde_json::json!({
                "id": token, "content": words[token], "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": true,
            })
        })
        .collect();
    let [start, first, end, second] = [
        serde_json::json!({ "SpecialToken": { "id": words[0], "type_id": 0 } }),
        serde_json::json!({ "Sequence": { "id": "A", "type_id": 0 } }),
        serde_json::json!({ "SpecialToken": { "id": "</s>", "type_id": 0 } }),
        serde_json::json!({ "Sequence": { "id": "B", "type_id": 0 } }),
    ];
    let tokenizer = serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": null,
        "pre_tokenizer": { "type": "WhitespaceSplit" },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [start, first, end],
            "pair": [start, first, end, second, end],
            "special_tokens": {
                (words[0].as_str()): { "id": words[0], "ids": [0], "tokens": [words[0]] },
                "</s>": { "id": "</s>", "ids": [2], "tokens": ["</s>"] },
            },
        },
        "decoder": null,
        "model": { "type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>" },
    });
    std::fs::write(folder.path().join("tokenizer.json"), tokenizer.to_string()).unwrap();
    folder
}

struct Nobody;

impl Progress for Nobody {
    fn update(&self, _done: u64, _total: u64, _unit: &'static str) {}
}
