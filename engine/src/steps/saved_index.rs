//! The folder that `index` writes and that `search` reads.
//!
//! - `index.faiss`: the vectors, as `faiss.read_index` reads them. FAISS knows no cosines: there they are inner products of vectors at
//!   length 1, and queries must be brought to length 1, too.
//! - `config.json`: the kind of index and how vectors are compared.

use std::path::Path;

use index::{AnyIndex, Metric};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::StepError;
use super::linear_model::{CONFIG, create_folder, read_json, write_json};

const VECTORS: &str = "index.faiss";

/// How vectors are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetricKind {
    /// By the cosine of their angle: the larger the nearer.
    #[default]
    Cosine,
    /// By their inner product: the larger the nearer.
    InnerProduct,
    /// By the square of their distance: the smaller the nearer.
    L2,
}

impl MetricKind {
    /// As the library calls it.
    pub fn metric(self) -> Metric {
        match self {
            MetricKind::Cosine => Metric::Cosine,
            MetricKind::InnerProduct => Metric::InnerProduct,
            MetricKind::L2 => Metric::L2,
        }
    }

    fn of(metric: Metric) -> MetricKind {
        match metric {
            Metric::Cosine => MetricKind::Cosine,
            Metric::InnerProduct => MetricKind::InnerProduct,
            Metric::L2 => MetricKind::L2,
        }
    }
}

/// What `config.json` says.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Config {
    /// `flat`, `ivf`, `scalar` or `product`.
    kind: String,
    /// How vectors are compared.
    metric: MetricKind,
    /// How many there are.
    rows: usize,
    /// How many numbers a vector has.
    dimension: usize,
}

impl Config {
    fn of(index: &AnyIndex, metric: MetricKind) -> Config {
        Config {
            kind: index.kind().to_owned(),
            metric,
            rows: index.len(),
            dimension: index.dimension(),
        }
    }
}

/// Writes the folder.
pub fn save(folder: &Path, index: &AnyIndex) -> Result<(), StepError> {
    create_folder(folder)?;
    let config = Config::of(index, MetricKind::of(index.metric()));
    write_json(&folder.join(CONFIG), &config)?;
    Ok(index.write_faiss(&folder.join(VECTORS))?)
}

/// Reads the folder.
pub fn load(folder: &Path) -> Result<AnyIndex, StepError> {
    let config: Config = read_json(&folder.join(CONFIG))?;
    let path = folder.join(VECTORS);
    let index = AnyIndex::read_faiss(&path)?;
    let index = match config.metric {
        MetricKind::Cosine if index.metric() == Metric::InnerProduct => index.into_cosine(),
        _ => index,
    };
    let found = Config::of(&index, MetricKind::of(index.metric()));
    match found == config {
        true => Ok(index),
        false => Err(StepError::new(format!(
            "{} holds {found:?}, and {CONFIG} beside it says {config:?}",
            path.display()
        ))
        .help("run the step that built the index again, with `--force`")),
    }
}
