//! The folder that `train` with `method = "knn"` writes and that `predict` reads.
//!
//! - `config.json`: the method, the task, the labels, k and the votes that a label needs.
//! - `model.safetensors`: `vectors` `[rows, dimension]` of the training rows, as 32-bit floats.
//! - `rows.json`: the labels of each training row, by their numbers.

use std::path::Path;

use index::{FlatIndex, Metric};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use table::{Table, columns};
use tensor::cpu::Threads;
use text::{LabelSets, Scores, Task};

use super::StepError;
use super::linear_model::{CONFIG, create_folder, read_json, write_json};

const TENSORS: &str = "model.safetensors";
const VECTORS: &str = "vectors";
const ROWS: &str = "rows.json";

/// What `config.json` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// `knn`.
    pub method: String,
    /// Whether a row carries one label or several.
    pub task: Task,
    /// The labels that it can predict, sorted.
    pub labels: Vec<String>,
    /// How many rows it looks among.
    pub training_rows: usize,
    /// The length of the vectors.
    pub dimension: usize,
    /// How many of the nearest rows vote.
    pub k: usize,
    /// The votes that a label needs.
    pub votes: usize,
}

/// Labelled vectors among which the nearest are looked up.
pub struct Neighbours {
    index: FlatIndex,
    labels: LabelSets,
}

/// The vectors of a column, `[rows * dimension]`, and their dimension.
pub fn vectors(table: &Table, column: &str) -> Result<(Vec<f32>, usize), StepError> {
    let found = columns::vector_values(&table.column(column)?);
    let (values, dimension) = found.ok_or_else(|| {
        StepError::new(format!("the column `{column}` holds no vectors"))
            .help("feed it from an `embed` step")
    })?;
    Ok((values.values().to_vec(), dimension))
}

impl Neighbours {
    /// Rows with their labels.
    pub fn new(
        vectors: &[f32],
        dimension: usize,
        labels: LabelSets,
    ) -> Result<Neighbours, StepError> {
        let mut index = FlatIndex::new(dimension, Metric::Cosine)?;
        index.add(vectors)?;
        Ok(Neighbours { index, labels })
    }

    /// How many of the `k` nearest rows of each query carry each label, `[queries, labels]`.
    pub fn votes(
        &self,
        queries: &[f32],
        k: usize,
        threads: usize,
    ) -> Result<Vec<Vec<usize>>, StepError> {
        let threads = Threads::new(threads);
        let nearest = self
            .index
            .search(&threads, queries, k.min(self.index.len()))?;
        let votes = (0..nearest.queries()).map(|query| {
            let mut votes = vec![0; self.labels.labels()];
            for id in nearest.ids(query) {
                for label in self.labels.row(*id as usize) {
                    votes[*label as usize] += 1;
                }
            }
            votes
        });
        Ok(votes.collect())
    }

    /// Writes the folder.
    pub fn save(&self, folder: &Path, config: &Config) -> Result<(), StepError> {
        create_folder(folder)?;
        write_json(&folder.join(CONFIG), config)?;
        let rows: Vec<&[u32]> = self.labels.iter().collect();
        write_json(&folder.join(ROWS), &rows)?;
        let path = folder.join(TENSORS);
        let failed = |error: safetensors::SafeTensorError| {
            StepError::new(format!("writing {}: {error}", path.display()))
        };
        let bytes: Vec<u8> = self
            .index
            .vectors()
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect();
        let shape = vec![self.index.len(), self.index.dimension()];
        let tensor = TensorView::new(Dtype::F32, shape, &bytes).map_err(failed)?;
        let file = safetensors::serialize([(VECTORS, tensor)], None).map_err(failed)?;
        std::fs::write(&path, file).map_err(|error| StepError::io("writing", &path, &error))
    }

    /// Reads the folder.
    pub fn load(folder: &Path) -> Result<(Neighbours, Config), StepError> {
        let config: Config = read_json(&folder.join(CONFIG))?;
        let rows: Vec<Vec<u32>> = read_json(&folder.join(ROWS))?;
        let path = folder.join(TENSORS);
        let unreadable = |why: String| StepError::new(format!("reading {}: {why}", path.display()));
        let bytes =
            std::fs::read(&path).map_err(|error| StepError::io("reading", &path, &error))?;
        let tensors =
            SafeTensors::deserialize(&bytes).map_err(|error| unreadable(error.to_string()))?;
        let tensor = tensors
            .tensor(VECTORS)
            .map_err(|error| unreadable(error.to_string()))?;
        let shape = [rows.len(), config.dimension];
        if tensor.dtype() != Dtype::F32 || tensor.shape() != shape {
            return Err(unreadable(format!(
                "`{VECTORS}` is {:?} {:?}, and {CONFIG} says F32 {shape:?}",
                tensor.dtype(),
                tensor.shape()
            )));
        }
        let numbers = tensor.data().as_chunks::<4>().0.iter();
        let vectors: Vec<f32> = numbers.map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let names: Option<Vec<Vec<&str>>> = rows
            .iter()
            .map(|row| {
                let names = row.iter().map(|label| config.labels.get(*label as usize));
                names.map(|name| name.map(String::as_str)).collect()
            })
            .collect();
        let names =
            names.ok_or_else(|| unreadable(format!("{ROWS} has labels that {CONFIG} has not")))?;
        let labels = LabelSets::from_names_in(config.labels.clone(), &names)?;
        Ok((Neighbours::new(&vectors, config.dimension, labels)?, config))
    }
}

/// The share of votes of each label.
pub fn shares(votes: &[Vec<usize>], k: usize, labels: usize) -> Result<Scores, StepError> {
    let values = votes.iter().flatten();
    let values = values
        .map(|count| *count as f64 / k.max(1) as f64)
        .collect();
    Ok(Scores::new(votes.len(), labels, values)?)
}

/// The labels with at least so many votes; of one label a row, that with the most.
pub fn decide(
    votes: &[Vec<usize>],
    needed: usize,
    labels: &[String],
    task: Task,
) -> Result<LabelSets, StepError> {
    let chosen: Vec<Vec<&str>> = votes
        .iter()
        .map(|row| match task {
            Task::MultiLabel => (0..row.len())
                .filter(|&label| row[label] >= needed)
                .map(|label| labels[label].as_str())
                .collect(),
            Task::MultiClass => {
                let most = (0..row.len()).rev().max_by_key(|&label| row[label]);
                most.map(|label| labels[label].as_str())
                    .into_iter()
                    .collect()
            }
        })
        .collect();
    Ok(LabelSets::from_names_in(labels.to_vec(), &chosen)?)
}

impl From<index::IndexError> for StepError {
    fn from(error: index::IndexError) -> StepError {
        StepError::new(error.to_string())
    }
}
