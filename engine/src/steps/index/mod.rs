//! `op = "index"`: vectors that can be searched.
//!
//! - `flat`: all vectors as they are
//! - `ivf`: in lists, of which a search looks into the nearest few
//! - `scalar`: a byte a component
//! - `product`: a byte for each of a few parts
//! - `recall`: how many of the true neighbours an approximate index finds

pub mod flat;
pub mod ivf;
pub mod product;
mod recall;
pub mod scalar;
#[cfg(test)]
mod tests;

use index::{AnyIndex, FlatIndex, KMeans, Metric};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tensor::cpu::Threads;

use super::joined::{Joined, Shared};
use super::neighbours::vectors;
use super::saved_index::{self, MetricKind};
use super::words::{number, rows};
use super::{
    Check, ColumnType, Context, InputPort, OutputPort, PortType, Resources, Step, StepError,
    StepKind,
};
use crate::report::number::{bytes, fraction};
use recall::{Measured, Recall};

/// The vectors that are indexed.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vectors {
    /// The column of vectors, such as `embed` makes.
    #[serde(default = "vector_column")]
    vector: String,
    /// How vectors are compared.
    #[serde(default)]
    metric: MetricKind,
}

fn vector_column() -> String {
    "vector".to_owned()
}

impl Shared for Vectors {
    const FIELDS: &'static [&'static str] = &["vector", "metric"];
}

/// A kind of index.
pub trait Building: DeserializeOwned + Serialize + JsonSchema + Send + Sync + 'static {
    /// The value of `method`.
    const NAME: &'static str;
    /// Whether it is meant where a file names none.
    const DEFAULT: bool = false;
    /// Raised whenever the same parameters and vectors give another index than before.
    const VERSION: u32;

    /// Checks its parameters.
    fn check(&self, _check: &mut Check) {}

    /// Whether it draws random numbers.
    fn seeded(&self) -> bool {
        false
    }

    /// How it is compared with a flat one, if it is approximate.
    fn recall(&self) -> Option<&Recall> {
        None
    }

    /// Builds it.
    fn build(&self, given: &Given<'_>) -> Result<AnyIndex, StepError>;
}

/// What an index is built of.
pub struct Given<'a> {
    /// `[rows, dimension]`.
    vectors: &'a [f32],
    /// The length of a vector.
    dimension: usize,
    /// How vectors are compared.
    metric: Metric,
    /// For k-means.
    seed: u64,
    threads: Threads,
}

impl Given<'_> {
    fn rows(&self) -> usize {
        self.vectors.len() / self.dimension.max(1)
    }

    fn flat(&self) -> Result<FlatIndex, StepError> {
        let mut index = FlatIndex::new(self.dimension, self.metric)?;
        index.add(self.vectors)?;
        Ok(index)
    }

    fn k_means(&self) -> KMeans {
        KMeans {
            seed: (self.seed ^ (self.seed >> 32)) as u32,
            ..KMeans::default()
        }
    }
}

/// The step with the vectors that it indexes.
pub type Build<B> = Joined<Vectors, B>;

impl<B: Building> StepKind for Build<B> {
    const OP: &'static str = "index";
    const METHOD: Option<&'static str> = Some(B::NAME);
    const DEFAULT_METHOD: bool = B::DEFAULT;
    const VERSION: u32 = B::VERSION;
}

impl<B: Building> Step for Build<B> {
    fn inputs(&self) -> Vec<InputPort> {
        vec![InputPort::one("table", PortType::Table)]
    }

    fn outputs(&self) -> Vec<OutputPort> {
        vec![
            OutputPort::new("index", PortType::Index),
            OutputPort::new("metrics", PortType::Metrics).in_report(),
        ]
    }

    fn check(&self, check: &mut Check) {
        check.require("vector", "table", &self.shared.vector, ColumnType::Vectors);
        self.own.check(check);
    }

    fn resources(&self) -> Resources {
        Resources {
            cores: usize::MAX,
            ..Resources::default()
        }
    }

    fn seeded(&self) -> bool {
        self.own.seeded()
    }

    fn run(&self, context: &Context<'_>) -> Result<(), StepError> {
        let table = context.columns("table", &[&self.shared.vector])?;
        if table.num_rows() == 0 {
            return Err(StepError::new("the table has no rows to be indexed")
                .help("look at the step that feeds the port `table` with `engine show`"));
        }
        let (vectors, dimension) = vectors(&table, &self.shared.vector)?;
        let given = Given {
            vectors: &vectors,
            dimension,
            metric: self.shared.metric.metric(),
            seed: context.seed,
            threads: Threads::new(context.cores.clone()),
        };
        let index = self.own.build(&given)?;
        context.check()?;
        let measured = match self.own.recall() {
            Some(recall) => recall.measure(&index, &given, context)?,
            None => None,
        };
        saved_index::save(&context.output_path("index"), &index)?;
        context.write_json("metrics", &metrics(&index, measured.as_ref()))?;
        context.note(format!(
            "{} of {}, {}",
            rows(index.len()),
            number(dimension),
            bytes(index.bytes() as u64)
        ));
        if let Some(measured) = &measured {
            context.note(format!(
                "recall@{} {} on {}, {} queries/s, flat {} queries/s",
                measured.k,
                fraction(measured.recall),
                rows(measured.queries),
                number(measured.rate as usize),
                number(measured.flat_rate as usize)
            ));
        }
        Ok(())
    }
}

/// What is the same in every run.
fn metrics(index: &AnyIndex, measured: Option<&Measured>) -> serde_json::Value {
    let mut metrics = json!({
        "rows": index.len(),
        "dimension": index.dimension(),
        "bytes": index.bytes(),
        "bytes_per_row": index.bytes() as f64 / index.len().max(1) as f64,
    });
    if let AnyIndex::Ivf(ivf) = index {
        metrics["lists"] = json!(ivf.lists());
        metrics["probes"] = json!(ivf.default_probes());
    }
    if let Some(measured) = measured {
        metrics["recall"] = json!(measured.recall);
        metrics["recall_at"] = json!(measured.k);
    }
    metrics
}
