//! `op = "model"`: a model to begin with.
//!
//! - `pretrained`: a model of the Hugging Face hub or of a folder
//! - `new`: a model with random weights
//! - `trained`: the model of another step

mod new;
mod pretrained;
mod trained;

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tensor::{DType, Device};

use super::check::Problem;
use super::{Check, Context, InputPort, OutputPort, PortType, Step, StepError, StepKind};
use new::Shape;

/// Takes a pretrained model into the cache, makes a new one with random weights, or stores a trained one in half precision.
///
/// Of a model of the Hugging Face hub, only config.json, the safetensors and the tokenizer are fetched; an interrupted download is taken
/// up again. `HF_TOKEN` (or `hf auth login`), `HF_ENDPOINT`, `HF_HOME` and `HF_HUB_OFFLINE` are honoured, and what Python programs have
/// fetched is not fetched again. The commit is written to the step's notes; pin it in `model` to get the same files for ever.
///
/// A new model is an encoder with the head of a masked language model, to be trained by `train` with `method = "mlm"`. Its vocabulary is
/// that of the port `tokenizer`, which only new models read.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The model.
    ///
    /// - `"bert-base-uncased"`, `"OWNER/NAME"` or `"hf://OWNER/NAME@REVISION"`: a pretrained model of the hub;
    /// - `"models/encoder"`: a folder, relative to the project's root, whose files' content is part of the key;
    /// - `{ hidden_size = 256, layers = 4, heads = 4 }`: a new model of this shape, all of whose sizes have defaults.
    ///
    /// Left out where another step trains the model and feeds the port `model`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<Source>,
    /// The type of the numbers that the weights are stored as; `f16` and `bf16` make files of half the size, which steps read as
    /// single precision. Default: as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    weights: Option<WeightType>,
}

/// What weights are stored as.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum WeightType {
    /// Single precision.
    F32,
    /// Half precision: 11 bits of each number are kept.
    F16,
    /// Half precision with the range of f32: 8 bits of each number are kept.
    Bf16,
}

impl WeightType {
    fn dtype(self) -> DType {
        match self {
            WeightType::F32 => DType::F32,
            WeightType::F16 => DType::F16,
            WeightType::Bf16 => DType::BF16,
        }
    }
}

/// Where a model is from.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Source {
    /// A name or a folder.
    Pretrained(String),
    /// Sizes.
    New(Shape),
}

impl StepKind for Model {
    const OP: &'static str = "model";
    const VERSION: u32 = 1;
}

impl Step for Model {
    fn inputs(&self) -> Vec<InputPort> {
        vec![
            InputPort::optional("tokenizer", PortType::Tokenizer),
            InputPort::optional("model", PortType::Model),
        ]
    }

    fn outputs(&self) -> Vec<OutputPort> {
        vec![OutputPort::new("model", PortType::Model)]
    }

    fn seeded(&self) -> bool {
        matches!(self.model, Some(Source::New(_)))
    }

    fn check(&self, check: &mut Check) {
        let fed = check.is_fed("model");
        match &self.model {
            Some(_) if fed => check.problem(
                "model",
                "another step feeds the port `model` already",
                Some("leave out `model`, or what feeds the port".to_owned()),
            ),
            None if !fed => check.problem(
                "",
                "nothing says which model",
                Some("add model = \"bert-base-uncased\" or a folder, or input = { model = \"STEP\" }".to_owned()),
            ),
            None => {}
            Some(Source::Pretrained(name)) if name.trim().is_empty() => check.problem(
                "model",
                "no model is named",
                Some("name one of the hub, such as \"bert-base-uncased\", or a folder".to_owned()),
            ),
            Some(Source::Pretrained(_)) => {}
            Some(Source::New(shape)) => {
                shape.check(check);
                if !check.is_fed("tokenizer") {
                    check.problem(
                        "model",
                        "a new model needs a vocabulary, and nothing feeds the port `tokenizer`",
                        Some(
                            "add input = { tokenizer = \"STEP\" }, a step with op = \"tokenizer\""
                                .to_owned(),
                        ),
                    );
                }
            }
        }
    }

    fn files(&self, root: &Path) -> Result<Vec<PathBuf>, Problem> {
        match &self.model {
            Some(Source::Pretrained(name)) => pretrained::files(name, root),
            Some(Source::New(_)) | None => Ok(Vec::new()),
        }
    }

    fn run(&self, context: &Context<'_>) -> Result<(), StepError> {
        match &self.model {
            Some(Source::Pretrained(name)) => pretrained::bring(name, context)?,
            Some(Source::New(shape)) => shape.make(context)?,
            None => trained::bring(context)?,
        }
        if let Some(weights) = self.weights {
            let device = Device::cpu_with_threads(context.cores.clone());
            let folder = context.output_path("model");
            let bytes = nn::safetensors::convert(&folder, weights.dtype(), &device)?;
            context.note(format!(
                "weights of {}",
                crate::report::number::bytes(bytes)
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::testing::{Outcome, Trial, labelled};
    use crate::steps::tokenizer::LearnTokenizer;
    use serde_json::json;

    fn vocabulary() -> Outcome {
        let rows = labelled(&[("the loader crashes", ""), ("the loader loads files", "")]);
        Trial::new::<LearnTokenizer>(json!({ "vocab_size": 60, "max_length": 16 }))
            .input("texts", &rows)
            .run()
    }

    fn small(seed: u64) -> Outcome {
        let shape = json!({ "hidden_size": 16, "layers": 1, "heads": 2, "max_tokens": 32 });
        Trial::new::<Model>(json!({ "model": shape }))
            .artifact("tokenizer", &vocabulary().path("tokenizer"), &[])
            .seed(seed)
            .run()
    }

    #[test]
    fn a_new_model_has_the_vocabulary_of_its_tokenizer_and_weights_of_its_seed() {
        let weights = |outcome: &Outcome| {
            std::fs::read(outcome.path("model").join("model.safetensors")).unwrap()
        };
        let made = small(1);
        let config = std::fs::read_to_string(made.path("model").join("config.json")).unwrap();
        let config: serde_json::Value = serde_json::from_str(&config).unwrap();
        assert_eq!(config["model_type"], "bert");
        assert_eq!(config["hidden_size"], 16);
        assert_eq!(config["intermediate_size"], 64);
        assert!(made.path("model").join("tokenizer.json").is_file());
        assert!(weights(&made) == weights(&small(1)));
        assert!(weights(&made) != weights(&small(2)));
    }

    #[test]
    fn a_folder_is_taken_as_it_is_and_its_files_are_part_of_the_key() {
        let made = small(1);
        let folder = made.path("model");
        let trial = Trial::new::<Model>(json!({ "model": folder }));
        let files = trial.step().files(trial.root()).unwrap();
        assert!(files.contains(&folder.join("config.json")));
        assert!(files.contains(&folder.join("model.safetensors")));
        let taken = trial.run();
        let read = |outcome: &Outcome| std::fs::read(outcome.path("model").join("tokenizer.json"));
        assert_eq!(read(&taken).unwrap(), read(&made).unwrap());
    }

    #[test]
    fn a_trained_model_is_stored_in_half_of_the_bytes_with_its_other_files() {
        let made = small(1);
        let bytes = |folder: &Path| {
            let file = folder.join("model.safetensors");
            std::fs::metadata(file).unwrap().len()
        };
        let stored = Trial::new::<Model>(json!({ "weights": "f16" }))
            .artifact("model", &made.path("model"), &[])
            .run();
        let (before, after) = (bytes(&made.path("model")), bytes(&stored.path("model")));
        assert!(after < before * 6 / 10, "{after} of {before}");
        for name in ["config.json", "tokenizer.json"] {
            let read = |outcome: &Outcome| std::fs::read(outcome.path("model").join(name));
            assert_eq!(read(&stored).unwrap(), read(&made).unwrap());
        }
        let both = Trial::new::<Model>(json!({ "model": "bert-base-uncased" })).artifact(
            "model",
            &made.path("model"),
            &[],
        );
        assert!(both.problems()[0].message.contains("already"));
        let none = Trial::new::<Model>(json!({})).problems();
        assert_eq!(none[0].message, "nothing says which model");
    }

    #[test]
    fn what_makes_no_model_is_said_where_it_is_written() {
        for (parameters, said) in [
            (json!({ "model": "" }), "no model is named"),
            (json!({ "model": {} }), "nothing feeds the port `tokenizer`"),
            (
                json!({ "model": { "hidden_size": 10, "heads": 3 } }),
                "no multiple of 3 heads",
            ),
        ] {
            let problems = Trial::new::<Model>(parameters).problems();
            assert_eq!(problems[0].parameter, "model");
            let found = problems
                .iter()
                .any(|problem| problem.message.contains(said));
            assert!(found, "{problems:?}");
        }
        let trial = Trial::new::<Model>(json!({ "model": "./nowhere" }));
        let problem = trial.step().files(trial.root()).unwrap_err();
        assert!(problem.message.contains("nowhere"), "{problem:?}");
    }
}
