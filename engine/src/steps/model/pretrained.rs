//! `op = "model"`: a pretrained model.

use std::path::{Path, PathBuf};

use hub::{Name, Needs, Options, Watch, resolve};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::check::Problem;
use super::super::{Check, Context, InputPort, OutputPort, PortType, Step, StepError, StepKind};
use crate::report::number::bytes;

/// Takes a pretrained model of the Hugging Face hub, or of a folder, into the cache.
///
/// Of the hub's model, only config.json, the safetensors and the tokenizer are fetched; an interrupted download is taken up again.
/// `HF_TOKEN` (or `hf auth login`), `HF_ENDPOINT`, `HF_HOME` and `HF_HUB_OFFLINE` are honoured, and what Python programs have fetched
/// is not fetched again. The commit is written to the step's notes; pin it in `model` to get the same files for ever.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pretrained {
    /// The model: `bert-base-uncased` or `OWNER/NAME`, `hf://OWNER/NAME@REVISION`, or a folder, relative to the project's root, whose
    /// files' content is part of the key.
    model: String,
}

impl StepKind for Pretrained {
    const OP: &'static str = "model";
    const METHOD: Option<&'static str> = Some("pretrained");
    const DEFAULT_METHOD: bool = true;
    const VERSION: u32 = 1;
}

impl Step for Pretrained {
    fn inputs(&self) -> Vec<InputPort> {
        Vec::new()
    }

    fn outputs(&self) -> Vec<OutputPort> {
        vec![OutputPort::new("model", PortType::Model)]
    }

    fn check(&self, check: &mut Check) {
        if self.model.trim().is_empty() {
            check.problem(
                "model",
                "no model is named",
                Some("name one of the hub, such as \"bert-base-uncased\", or a folder".to_owned()),
            );
        }
    }

    fn files(&self, root: &Path) -> Result<Vec<PathBuf>, Problem> {
        let problem = |error: hub::HubError| Problem {
            parameter: "model".to_owned(),
            message: error.to_string(),
            help: None,
        };
        match Name::parse(&self.model, root).map_err(problem)? {
            Name::Repository { .. } => Ok(Vec::new()),
            Name::Folder(folder) => {
                let options = Options::new(&folder);
                let found =
                    resolve(&self.model, root, Needs::ALL, &options, &()).map_err(problem)?;
                let names = found.files.iter();
                Ok(names.map(|file| folder.join(&file.name)).collect())
            }
        }
    }

    fn run(&self, context: &Context<'_>) -> Result<(), StepError> {
        let options = Options::from_env();
        let model = resolve(
            &self.model,
            context.root,
            Needs::ALL,
            &options,
            &Fetching(context),
        )?;
        let folder = context.output_path("model");
        let mut total = 0;
        for file in &model.files {
            context.check()?;
            let (from, to) = (model.folder.join(&file.name), folder.join(&file.name));
            if let Some(parent) = to.parent() {
                std::fs::create_dir_all(parent)
                    .map_err(|error| StepError::io("making the folder", parent, &error))?;
            }
            std::fs::copy(&from, &to).map_err(|error| StepError::io("copying", &from, &error))?;
            total += file.bytes;
        }
        context.note(format!("{}, {}", model.pinned(), bytes(total)));
        Ok(())
    }
}

/// Shows how far a download is.
struct Fetching<'a>(&'a Context<'a>);

impl Watch for Fetching<'_> {
    fn progress(&self, progress: &hub::Progress<'_>) {
        let total = progress.total.unwrap_or(0);
        self.0.progress.update(progress.bytes, total, "bytes");
        self.0.progress.detail(progress.file);
    }

    fn note(&self, text: &str) {
        tracing::warn!("{text}");
    }

    fn cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

impl From<hub::HubError> for StepError {
    fn from(error: hub::HubError) -> StepError {
        match error {
            hub::HubError::Cancelled { .. } => StepError::Cancelled,
            other => StepError::new(other.to_string()),
        }
    }
}
