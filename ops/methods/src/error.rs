//! [`MethodError`]: why a training could not begin, go on or be kept.

use std::io;
use std::path::{Path, PathBuf};

use nn::NnError;
use tensor::TensorError;

/// The result of a method.
pub type Result<T> = std::result::Result<T, MethodError>;

/// Why a method could not do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MethodError {
    /// The model, its files or its training failed.
    #[error(transparent)]
    Nn(#[from] NnError),
    /// Texts, labels or options that a method can do nothing with.
    #[error("{method}: {reason}")]
    Input {
        /// The method.
        method: &'static str,
        /// What does not fit, and what to do.
        reason: String,
    },
    /// Somebody asked it to stop.
    #[error("{method}: interrupted after step {step} of {steps}{}", if *saved { "; the next run goes on from there" } else { "" })]
    Interrupted {
        /// The method.
        method: &'static str,
        /// Steps that were made.
        step: u64,
        /// Steps in all.
        steps: u64,
        /// Whether a checkpoint was written.
        saved: bool,
    },
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
}

impl From<TensorError> for MethodError {
    fn from(error: TensorError) -> Self {
        Self::Nn(error.into())
    }
}

impl MethodError {
    pub(crate) fn input(method: &'static str, reason: impl Into<String>) -> Self {
        Self::Input {
            method,
            reason: reason.into(),
        }
    }

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
