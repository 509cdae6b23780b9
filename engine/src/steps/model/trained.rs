//! The model of another step.

use std::fs;
use std::path::Path;

use super::super::{Context, StepError};

/// Copies what feeds the port into the output.
pub fn bring(context: &Context<'_>) -> Result<(), StepError> {
    copy(context.path("model")?, &context.output_path("model"))
}

fn copy(from: &Path, to: &Path) -> Result<(), StepError> {
    fs::create_dir_all(to).map_err(|error| StepError::io("making the folder", to, &error))?;
    let failed = |error: std::io::Error| StepError::io("reading the folder", from, &error);
    for entry in fs::read_dir(from).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let Some(name) = path.file_name() else {
            continue;
        };
        if path.is_dir() {
            copy(&path, &to.join(name))?;
        } else {
            fs::copy(&path, to.join(name))
                .map_err(|error| StepError::io("copying", &path, &error))?;
        }
    }
    Ok(())
}
