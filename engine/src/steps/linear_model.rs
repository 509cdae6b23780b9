//! The folder that `train` writes for a linear model and that `predict` reads.
//!
//! - `config.json`: the method, the task, the labels, how many rows it was trained on, the labels answered by a constant.
//! - `model.safetensors`: `weights` `[features, labels]` and `intercepts` `[labels]`, as 64-bit floats.
//! - `vectorizer.json`: how texts become features.

use std::fs;
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use text::vectorize::Vectorizer;
use text::{ConstantLabel, LinearModel, Link, Task};

use super::StepError;

/// The file of a fitted vectorizer, in its own folder and in a model's.
pub const VECTORIZER: &str = "vectorizer.json";
/// The file that says what a model is.
pub const CONFIG: &str = "config.json";
const TENSORS: &str = "model.safetensors";
const WEIGHTS: &str = "weights";
const INTERCEPTS: &str = "intercepts";

/// What `config.json` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// The method of `train`.
    pub method: String,
    /// Whether a row carries one label or several.
    pub task: Task,
    /// How decision values become probabilities.
    pub link: Link,
    /// The labels that it can predict, sorted.
    pub labels: Vec<String>,
    /// How many terms it looks at.
    pub features: usize,
    /// How many rows it was trained on.
    pub training_rows: usize,
    /// The labels that training could not tell from the rest.
    pub constant_labels: Vec<Constant>,
}

/// A label and the answer that is always given for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constant {
    /// The label.
    pub label: String,
    /// True where every training row carried it, false where none did.
    pub predicted: bool,
}

/// A model that was read back.
pub struct SavedModel {
    /// What it is.
    pub config: Config,
    /// Its weights.
    pub model: LinearModel,
    /// How texts become its features.
    pub vectorizer: Vectorizer,
}

/// Writes a model's folder; the vectorizer is copied from the file that it came from.
pub fn save(
    folder: &Path,
    method: &str,
    task: Task,
    training_rows: usize,
    model: &LinearModel,
    vectorizer: &Path,
) -> Result<(), StepError> {
    create_folder(folder)?;
    let constant = |constant: &ConstantLabel| Constant {
        label: model.vocabulary[constant.label as usize].clone(),
        predicted: constant.value,
    };
    let config = Config {
        method: method.to_owned(),
        task,
        link: model.link,
        labels: model.vocabulary.clone(),
        features: model.features,
        training_rows,
        constant_labels: model.constant.iter().map(constant).collect(),
    };
    write_json(&folder.join(CONFIG), &config)?;
    let weights = bytes_of(&model.weights);
    let intercepts = bytes_of(&model.intercepts);
    let labels = model.vocabulary.len();
    let path = folder.join(TENSORS);
    let failed = |error: safetensors::SafeTensorError| unwritable(&path, &error.to_string());
    let tensors = [
        (
            WEIGHTS,
            TensorView::new(Dtype::F64, vec![model.features, labels], &weights).map_err(failed)?,
        ),
        (
            INTERCEPTS,
            TensorView::new(Dtype::F64, vec![labels], &intercepts).map_err(failed)?,
        ),
    ];
    let bytes = safetensors::serialize(tensors, None).map_err(failed)?;
    fs::write(&path, bytes).map_err(|error| StepError::io("writing", &path, &error))?;
    let copy = folder.join(VECTORIZER);
    fs::copy(vectorizer, &copy).map_err(|error| StepError::io("writing", &copy, &error))?;
    Ok(())
}

/// Reads a model's folder.
pub fn load(folder: &Path) -> Result<SavedModel, StepError> {
    let config: Config = read_json(&folder.join(CONFIG))?;
    let vectorizer = load_vectorizer(folder)?;
    let path = folder.join(TENSORS);
    let bytes = fs::read(&path).map_err(|error| StepError::io("reading", &path, &error))?;
    let tensors =
        SafeTensors::deserialize(&bytes).map_err(|error| unreadable(&path, &error.to_string()))?;
    let constant = |constant: &Constant| {
        let label = config
            .labels
            .iter()
            .position(|label| *label == constant.label);
        label.map(|label| ConstantLabel {
            label: label as u32,
            value: constant.predicted,
        })
    };
    let labels = config.labels.len();
    let model = LinearModel {
        vocabulary: config.labels.clone(),
        features: config.features,
        link: config.link,
        weights: floats(&tensors, WEIGHTS, &[config.features, labels], &path)?,
        intercepts: floats(&tensors, INTERCEPTS, &[labels], &path)?,
        constant: config.constant_labels.iter().filter_map(constant).collect(),
    };
    Ok(SavedModel {
        config,
        model,
        vectorizer,
    })
}

/// Reads the vectorizer of a model's folder, or of a folder of its own.
pub fn load_vectorizer(folder: &Path) -> Result<Vectorizer, StepError> {
    read_json(&folder.join(VECTORIZER))
}

/// Makes a folder.
pub fn create_folder(folder: &Path) -> Result<(), StepError> {
    fs::create_dir_all(folder).map_err(|error| StepError::io("making the folder", folder, &error))
}

/// Writes JSON on one line.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), StepError> {
    let text = serde_json::to_vec(value).map_err(|error| unwritable(path, &error.to_string()))?;
    fs::write(path, text).map_err(|error| StepError::io("writing", path, &error))
}

/// Reads JSON.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, StepError> {
    let bytes = fs::read(path).map_err(|error| StepError::io("reading", path, &error))?;
    serde_json::from_slice(&bytes).map_err(|error| unreadable(path, &error.to_string()))
}

fn floats(
    tensors: &SafeTensors<'_>,
    name: &str,
    shape: &[usize],
    path: &Path,
) -> Result<Vec<f64>, StepError> {
    let tensor = tensors
        .tensor(name)
        .map_err(|error| unreadable(path, &error.to_string()))?;
    if tensor.dtype() != Dtype::F64 || tensor.shape() != shape {
        let found = format!(
            "`{name}` is {:?} {:?}, and {CONFIG} says F64 {shape:?}",
            tensor.dtype(),
            tensor.shape()
        );
        return Err(unreadable(path, &found));
    }
    let numbers = tensor.data().as_chunks::<8>().0.iter();
    Ok(numbers.map(|bytes| f64::from_le_bytes(*bytes)).collect())
}

fn bytes_of(numbers: &[f64]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect()
}

fn unwritable(path: &Path, why: &str) -> StepError {
    StepError::new(format!("writing {}: {why}", path.display()))
}

fn unreadable(path: &Path, why: &str) -> StepError {
    StepError::new(format!("reading {}: {why}", path.display()))
        .help("it is not what `vectorize` and `train` write; feed this port from them")
}
