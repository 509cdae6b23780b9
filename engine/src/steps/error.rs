//! Why a step did not finish.

/// Why a step did not finish.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The run was interrupted and the step stopped at its next check.
    #[error("interrupted")]
    Cancelled,
    /// The step cannot do what it was asked.
    #[error("{message}")]
    Failed {
        /// What was being done, to what, and what went wrong.
        message: String,
        /// What to do about it.
        help: Option<String>,
        /// Output of a program that was run, to be shown as it is.
        output: Option<String>,
    },
}

impl StepError {
    /// A failure with nothing more to say than its message.
    pub fn new(message: impl Into<String>) -> StepError {
        StepError::Failed {
            message: message.into(),
            help: None,
            output: None,
        }
    }

    /// Adds what to do about it.
    pub fn help(self, advice: impl Into<String>) -> StepError {
        match self {
            StepError::Failed {
                message, output, ..
            } => StepError::Failed {
                message,
                help: Some(advice.into()),
                output,
            },
            StepError::Cancelled => StepError::Cancelled,
        }
    }

    /// Attaches the output of a program.
    pub fn output(self, text: impl Into<String>) -> StepError {
        match self {
            StepError::Failed { message, help, .. } => StepError::Failed {
                message,
                help,
                output: Some(text.into()),
            },
            StepError::Cancelled => StepError::Cancelled,
        }
    }

    /// A failure of the file system at `path` while `doing` something ("reading", "writing").
    pub fn io(doing: &str, path: &std::path::Path, error: &std::io::Error) -> StepError {
        StepError::new(format!("{doing} {}: {error}", path.display()))
    }
}

impl From<super::check::Problem> for StepError {
    fn from(problem: super::check::Problem) -> StepError {
        let error = StepError::new(problem.message);
        match problem.help {
            Some(help) => error.help(help),
            None => error,
        }
    }
}

impl From<cache::CacheError> for StepError {
    fn from(error: cache::CacheError) -> StepError {
        match error {
            cache::CacheError::Cancelled { .. } => StepError::Cancelled,
            other => StepError::new(other.to_string()),
        }
    }
}

impl From<tensor::TensorError> for StepError {
    fn from(error: tensor::TensorError) -> StepError {
        StepError::new(error.to_string())
    }
}

impl From<text::Error> for StepError {
    fn from(error: text::Error) -> StepError {
        match error {
            text::Error::Cancelled { .. } => StepError::Cancelled,
            other => StepError::new(other.to_string()),
        }
    }
}

impl From<table::TableError> for StepError {
    fn from(error: table::TableError) -> StepError {
        match error {
            table::TableError::Cancelled => StepError::Cancelled,
            other => StepError::new(other.to_string()),
        }
    }
}
