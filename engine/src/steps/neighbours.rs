//! The folder that `train` with `method = "knn"` writes and that `predict` reads.
//!
//! - `config.json`: the method, the task, the labels, k and the votes that a label needs.
//! - `model.safetensors`: `vectors` `[rows, dimension]` of the training rows, as 32-bit floats; where these are centred also `centre`
//!   `[dimension]`, which queries are moved by.
//! - `rows.json`: the labels of each training row, by their numbers.

use std::borrow::Cow;
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
const CENTRE: &str = "centre";
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
    /// What vectors are moved by before they are compared, `[dimension]`.
    centre: Option<Vec<f32>>,
    index: FlatIndex,
    labels: LabelSets,
}

/// How the nearest rows of a query vote for a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Votes {
    /// How many of them carry it.
    pub count: usize,
    /// The place of the nearest that carries it, from 0; past the last where none does.
    nearest: usize,
}

impl Votes {
    /// Orders the labels of a query: by votes, those with as many by the nearest row.
    fn rank(self) -> f64 {
        self.count as f64 - self.nearest as f64 / (self.nearest as f64 + 1.0)
    }
}

/// The rows that a search found.
pub struct Nearest<'a> {
    found: index::Neighbours,
    labels: &'a LabelSets,
}

impl Nearest<'_> {
    /// How the nearest `k` of the rows found vote for each label, `[queries, labels]`.
    pub fn votes(&self, k: usize) -> Vec<Vec<Votes>> {
        let votes = |query| {
            let none = Votes {
                count: 0,
                nearest: k,
            };
            let mut votes = vec![none; self.labels.labels()];
            for (place, id) in self.found.ids(query).iter().take(k).enumerate() {
                for label in self.labels.row(*id as usize) {
                    let votes = &mut votes[*label as usize];
                    votes.count += 1;
                    votes.nearest = votes.nearest.min(place);
                }
            }
            votes
        };
        (0..self.found.queries()).map(votes).collect()
    }
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
    /// Rows with their labels. With `centred` their mean is taken from all vectors that are compared.
    pub fn new(
        vectors: &[f32],
        dimension: usize,
        labels: LabelSets,
        centred: bool,
    ) -> Result<Neighbours, StepError> {
        // Vectors of no numbers are refused below.
        let centre = (centred && dimension > 0).then(|| mean(vectors, dimension));
        let moved = moved(vectors, centre.as_deref());
        Neighbours::of_moved(&moved, dimension, labels, centre)
    }

    /// Rows whose vectors the centre has been taken from already.
    fn of_moved(
        vectors: &[f32],
        dimension: usize,
        labels: LabelSets,
        centre: Option<Vec<f32>>,
    ) -> Result<Neighbours, StepError> {
        let mut index = FlatIndex::new(dimension, Metric::Cosine)?;
        index.add(vectors)?;
        Ok(Neighbours {
            centre,
            index,
            labels,
        })
    }

    /// The `k` nearest rows of each query, or all of them where there are fewer.
    pub fn search(
        &self,
        queries: &[f32],
        k: usize,
        threads: usize,
    ) -> Result<Nearest<'_>, StepError> {
        let queries = moved(queries, self.centre.as_deref());
        let k = k.min(self.index.len());
        Ok(Nearest {
            found: self.index.search(&Threads::new(threads), &queries, k)?,
            labels: &self.labels,
        })
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
        let bytes = |numbers: &[f32]| -> Vec<u8> {
            let bytes = numbers.iter().flat_map(|number| number.to_le_bytes());
            bytes.collect()
        };
        let vectors = bytes(self.index.vectors());
        let centre = self.centre.as_deref().map(bytes);
        let shape = vec![self.index.len(), self.index.dimension()];
        let mut tensors = vec![(
            VECTORS,
            TensorView::new(Dtype::F32, shape, &vectors).map_err(failed)?,
        )];
        if let Some(centre) = &centre {
            let shape = vec![self.index.dimension()];
            let tensor = TensorView::new(Dtype::F32, shape, centre).map_err(failed)?;
            tensors.push((CENTRE, tensor));
        }
        let file = safetensors::serialize(tensors, None).map_err(failed)?;
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
        let numbers = |name: &str, shape: &[usize]| {
            let tensor = tensors.tensor(name);
            let tensor = tensor.map_err(|error| unreadable(error.to_string()))?;
            if tensor.dtype() != Dtype::F32 || tensor.shape() != shape {
                return Err(unreadable(format!(
                    "`{name}` is {:?} {:?}, and {CONFIG} says F32 {shape:?}",
                    tensor.dtype(),
                    tensor.shape()
                )));
            }
            let numbers = tensor.data().as_chunks::<4>().0.iter();
            Ok(numbers
                .map(|bytes| f32::from_le_bytes(*bytes))
                .collect::<Vec<f32>>())
        };
        let vectors = numbers(VECTORS, &[rows.len(), config.dimension])?;
        let centre = tensors
            .names()
            .contains(&CENTRE)
            .then(|| numbers(CENTRE, &[config.dimension]))
            .transpose()?;
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
        let neighbours = Neighbours::of_moved(&vectors, config.dimension, labels, centre)?;
        Ok((neighbours, config))
    }
}

/// The mean of vectors `[rows * dimension]`.
fn mean(vectors: &[f32], dimension: usize) -> Vec<f32> {
    let mut sums = vec![0.0_f64; dimension];
    for vector in vectors.chunks_exact(dimension) {
        for (sum, number) in sums.iter_mut().zip(vector) {
            *sum += f64::from(*number);
        }
    }
    let rows = (vectors.len() / dimension).max(1) as f64;
    sums.iter().map(|sum| (sum / rows) as f32).collect()
}

/// Vectors less the centre, where there is one. A vector that lies at it would have no direction, and stays as it is.
fn moved<'a>(vectors: &'a [f32], centre: Option<&[f32]>) -> Cow<'a, [f32]> {
    let Some(centre) = centre else {
        return Cow::Borrowed(vectors);
    };
    let mut moved = vectors.to_vec();
    for row in moved.chunks_exact_mut(centre.len()) {
        if row != centre {
            for (number, by) in row.iter_mut().zip(centre) {
                *number -= by;
            }
        }
    }
    Cow::Owned(moved)
}

/// The share of votes of each label.
pub fn shares(votes: &[Vec<Votes>], k: usize, labels: usize) -> Result<Scores, StepError> {
    let values = votes.iter().flatten();
    let values = values
        .map(|votes| votes.count as f64 / k.max(1) as f64)
        .collect();
    Ok(Scores::new(votes.len(), labels, values)?)
}

/// What orders the labels of each query: the votes, and the nearest row among those with as many.
pub fn ranks(votes: &[Vec<Votes>], labels: usize) -> Result<Scores, StepError> {
    let values = votes.iter().flatten().map(|votes| votes.rank()).collect();
    Ok(Scores::new(votes.len(), labels, values)?)
}

/// The labels with at least so many votes; of one label a row, the first by [`ranks`].
pub fn decide(
    votes: &[Vec<Votes>],
    needed: usize,
    labels: &[String],
    task: Task,
) -> Result<LabelSets, StepError> {
    if task == Task::MultiClass {
        return Ok(ranks(votes, labels.len())?.top_k(1, labels)?);
    }
    let chosen: Vec<Vec<&str>> = votes
        .iter()
        .map(|row| {
            (0..row.len())
                .filter(|&label| row[label].count >= needed)
                .map(|label| labels[label].as_str())
                .collect()
        })
        .collect();
    Ok(LabelSets::from_names_in(labels.to_vec(), &chosen)?)
}

impl From<index::IndexError> for StepError {
    fn from(error: index::IndexError) -> StepError {
        StepError::new(error.to_string())
    }
}
