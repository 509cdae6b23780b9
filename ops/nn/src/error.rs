//! [`NnError`]: what can go wrong with models, their files and their training.

use std::io;
use std::path::{Path, PathBuf};

use tensor::TensorError;

/// The result of work on models.
pub type Result<T> = std::result::Result<T, NnError>;

/// Why work on a model could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NnError {
    /// An op failed.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// A file or folder could not be read or written.
    #[error("{}: {doing}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A tensor in a file is not what it should be.
    #[error("{}: tensor `{tensor}`: {reason}", path.display())]
    FileTensor {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// Weights that are not those of the model.
    #[error("{path}: the weights are not this model's: {reason}", path = path.display())]
    Weights {
        /// The file or folder.
        path: PathBuf,
        /// Which tensors, and what to do.
        reason: String,
    },
    /// A number of a configuration that makes no model.
    #[error("{name} is {value}: {reason}")]
    Config {
        /// Its name in config.json.
        name: &'static str,
        /// What it is.
        value: String,
        /// Why that is not possible.
        reason: String,
    },
    /// Inputs that are not what the model takes.
    #[error("{model}: {reason}")]
    Input {
        /// The model.
        model: &'static str,
        /// What does not fit.
        reason: String,
    },
    /// A parameter that got no gradient.
    #[error(
        "{optimizer}: `{parameter}` got no gradient: the loss does not depend on it; give it a group that does not train"
    )]
    NoGradient {
        /// The optimiser.
        optimizer: &'static str,
        /// The parameter's name.
        parameter: String,
    },
    /// Training went astray.
    #[error("step {step}: the {what} is {value}; {}", astray(*step))]
    NotFinite {
        /// The loss or the norm of the gradient.
        what: &'static str,
        /// What it is.
        value: f32,
        /// The step, from 1.
        step: u64,
    },
}

/// What to do where training went astray. Before the first step no learning rate is to blame.
fn astray(step: u64) -> &'static str {
    match step {
        1 => {
            "nothing was learned yet, so look for such numbers in the weights that training began with, and at the texts of this step; or train in f32"
        }
        _ => {
            "lower the learning rate, clip gradients, look at the texts of this step, or train in f32"
        }
    }
}

impl NnError {
    pub(crate) fn io(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            path: path.to_owned(),
            doing,
            source,
        }
    }

    pub(crate) fn file(path: &Path, reason: impl Into<String>) -> Self {
        Self::File {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }
}
