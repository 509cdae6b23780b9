//! Step kinds: one file each, with its parameters, its ports and its run.
//!
//! A kind is a struct of parameters that implements [`Step`] and [`StepKind`], and one line in [`kinds`]. It is an
//! adapter: parameters in, a call into a library, artifacts out. Kinds never import each other, nor `plan` or `run`.

mod augment;
pub mod check;
mod command;
mod compare;
pub mod context;
mod dedupe;
mod embed;
mod encoding;
pub mod error;
mod evaluate;
mod fill_mask;
mod index;
mod joined;
pub mod kind;
mod linear_model;
mod load;
mod map_labels;
mod model;
mod model_card;
mod neighbours;
pub mod ordered;
pub mod port;
pub mod predict;
pub mod rows;
mod saved_index;
mod scored;
mod search;
mod select;
mod slices;
mod split;
mod stats;
#[cfg(test)]
mod testing;
mod tokenize;
mod tokenizer;
mod train;
pub mod transformer;
mod vectorize;
mod words;
mod zero_shot;

use std::path::{Path, PathBuf};

pub use check::{Check, ColumnType};
pub use context::Context;
pub use error::StepError;
pub use kind::{Built, Kind, StepKind};
pub use ordered::Ordered;
pub use port::{Arity, InputPort, OutputPort, PortType};

/// Every kind that a pipeline can name.
pub fn kinds() -> &'static [Kind] {
    static KINDS: [Kind; 39] = [
        Kind::of::<augment::back_translation::BackTranslation>(),
        Kind::of::<augment::contextual::Contextual>(),
        Kind::of::<augment::eda::Eda>(),
        Kind::of::<command::Command>(),
        Kind::of::<compare::Compare>(),
        Kind::of::<dedupe::Exact>(),
        Kind::of::<dedupe::Near>(),
        Kind::of::<embed::Embed>(),
        Kind::of::<evaluate::Evaluate>(),
        Kind::of::<fill_mask::FillMask>(),
        Kind::of::<index::Build<index::flat::Flat>>(),
        Kind::of::<index::Build<index::ivf::Ivf>>(),
        Kind::of::<index::Build<index::product::Product>>(),
        Kind::of::<index::Build<index::scalar::Scalar>>(),
        Kind::of::<load::Load>(),
        Kind::of::<map_labels::MapLabels>(),
        Kind::of::<model::Model>(),
        Kind::of::<predict::Predict>(),
        Kind::of::<search::Search>(),
        Kind::of::<select::Select>(),
        Kind::of::<slices::Slices>(),
        Kind::of::<split::Split>(),
        Kind::of::<stats::Stats>(),
        Kind::of::<tokenize::Tokenize>(),
        Kind::of::<tokenizer::LearnTokenizer>(),
        Kind::of::<train::Train<train::Tuned<train::WithHead<train::fine_tune::FineTune>>>>(),
        Kind::of::<train::Train<train::in_context::InContext>>(),
        Kind::of::<train::Tuned<train::mlm::Mlm>>(),
        Kind::of::<train::Tuned<train::distill::Distill>>(),
        Kind::of::<train::Train<train::knn::Knn>>(),
        Kind::of::<train::Train<train::logistic_regression::LogisticRegression>>(),
        Kind::of::<train::Train<train::naive_bayes::NaiveBayes>>(),
        Kind::of::<train::Train<train::Tuned<train::prompt::Prompt>>>(),
        Kind::of::<train::Train<train::Tuned<train::WithHead<train::self_training::SelfTraining>>>>(
        ),
        Kind::of::<train::Train<train::Tuned<train::setfit::SetFit>>>(),
        Kind::of::<train::Train<train::Tuned<train::WithHead<train::uda::Uda>>>>(),
        Kind::of::<train::Train<train::Tuned<train::WithHead<train::ust::Ust>>>>(),
        Kind::of::<vectorize::Vectorize>(),
        Kind::of::<zero_shot::ZeroShot>(),
    ];
    &KINDS
}

/// What a step needs while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resources {
    /// Processor cores. More than the machine has means all of them.
    pub cores: usize,
    /// Memory in bytes that it will need, as far as known.
    pub memory: u64,
    /// Whether it computes on a GPU.
    pub gpu: bool,
    /// Whether it lets another step use the same GPU at the same time.
    pub shares_gpu: bool,
    /// Whether it computes on the run's device, and so on a GPU where that is one.
    pub tensors: bool,
}

impl Resources {
    /// Those of a step that computes on the run's device: all cores, or the GPU.
    pub fn of_tensors() -> Resources {
        Resources {
            cores: usize::MAX,
            tensors: true,
            ..Resources::default()
        }
    }
}

impl Default for Resources {
    fn default() -> Resources {
        Resources {
            cores: 1,
            memory: 0,
            gpu: false,
            shares_gpu: false,
            tensors: false,
        }
    }
}

/// One step with its parameters.
pub trait Step: Send + Sync {
    /// The ports that may be fed. The first is meant where a file names none.
    fn inputs(&self) -> Vec<InputPort>;

    /// The ports that it writes, every one of them in every run. The first is meant where a reference names none.
    fn outputs(&self) -> Vec<OutputPort>;

    /// Checks parameters and the columns that are known, and states the columns of the outputs. It looks at no file;
    /// that is for [`Step::files`].
    fn check(&self, _check: &mut Check) {}

    /// The files outside the pipeline that it reads; their content is part of the key. Paths are relative to `root`.
    fn files(&self, _root: &Path) -> Result<Vec<PathBuf>, check::Problem> {
        Ok(Vec::new())
    }

    /// Whether its outputs hold the paths of these files, so that renaming one is a change.
    fn names_files(&self) -> bool {
        false
    }

    /// What it needs while it runs.
    fn resources(&self) -> Resources {
        Resources::default()
    }

    /// Whether it draws random numbers, so that the seed belongs to its key.
    fn seeded(&self) -> bool {
        false
    }

    /// Whether it hands the environment variables that it lists to a program, so that their digests belong to its key.
    fn sees_env(&self) -> bool {
        false
    }

    /// Reads the inputs, writes every output, and stops with [`StepError::Cancelled`] soon after it is asked to.
    fn run(&self, context: &Context<'_>) -> Result<(), StepError>;
}
