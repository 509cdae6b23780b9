//! A pretrained model.

use std::path::{Path, PathBuf};

use hub::{Name, Needs, Options, Watch, resolve};

use super::super::check::Problem;
use super::super::{Context, StepError};
use crate::report::number::bytes;

/// The files of a folder; none of a repository, which is known when the step runs.
pub fn files(name: &str, root: &Path) -> Result<Vec<PathBuf>, Problem> {
    let problem = |error: hub::HubError| Problem {
        parameter: "model".to_owned(),
        message: error.to_string(),
        help: None,
    };
    match Name::parse(name, root).map_err(problem)? {
        Name::Repository { .. } => Ok(Vec::new()),
        Name::Folder(folder) => {
            let options = Options::new(&folder);
            let found = resolve(name, root, Needs::ALL, &options, &()).map_err(problem)?;
            let names = found.files.iter();
            Ok(names.map(|file| folder.join(&file.name)).collect())
        }
    }
}

/// Brings a model into the output.
pub fn bring(name: &str, context: &Context<'_>) -> Result<(), StepError> {
    let options = Options::from_env();
    let model = resolve(name, context.root, Needs::ALL, &options, &Fetching(context))?;
    // Weights that are cut off are found here, where the message names the user's file, and no later step meets them.
    nn::safetensors::Weights::open(&model.folder)?;
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
