//! What a trained model's folder says of itself, whatever kind of model it is.

use std::fs;
use std::path::Path;

use methods::{Decision, Problem};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use text::Task;

use super::StepError;
use super::linear_model;
use super::transformer::folder::{ModelKind, kind_of};

/// What is said of every trained model.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ModelCard {
    /// The method of `train`.
    pub method: String,
    /// Whether a row carries one label or several.
    pub task: Task,
    /// The labels that it can predict, sorted.
    pub labels: Vec<String>,
    /// How many labelled rows it was trained on.
    pub training_rows: usize,
}

/// What config.json of a transformer says of its training, under [`TRAINING`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Training {
    /// The method of `train`.
    pub method: String,
    /// How many labelled rows it was trained on.
    pub rows: usize,
}

/// The key of [`Training`] in config.json, which `transformers` reads and keeps like any other.
pub const TRAINING: &str = "training";

impl ModelCard {
    /// Reads a folder.
    pub fn read(folder: &Path) -> Result<ModelCard, StepError> {
        match kind_of(folder)? {
            ModelKind::Linear | ModelKind::Neighbours => {
                linear_model::read_json(&folder.join(linear_model::CONFIG))
            }
            ModelKind::Transformer => transformer(folder),
        }
    }
}

fn transformer(folder: &Path) -> Result<ModelCard, StepError> {
    let path = folder.join(linear_model::CONFIG);
    let bytes = fs::read(&path).map_err(|error| StepError::io("reading", &path, &error))?;
    let config: Json = serde_json::from_slice(&bytes)
        .map_err(|error| StepError::new(format!("reading {}: {error}", path.display())))?;
    let training: Training = serde_json::from_value(config[TRAINING].clone()).map_err(|_| {
        StepError::new(format!(
            "{} does not say how the model was trained",
            path.display()
        ))
        .help("feed this port from a `train` step with labels")
    })?;
    let decision = Decision::read(folder)?;
    Ok(ModelCard {
        method: training.method,
        task: match decision.problem {
            Problem::Multi => Task::MultiLabel,
            Problem::Single => Task::MultiClass,
        },
        labels: decision.labels,
        training_rows: training.rows,
    })
}
