use std::path::PathBuf;

/// Why a model could not be had, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// A name that means nothing.
    #[error("the model name {name:?}: {reason}")]
    Name {
        /// The name as given.
        name: String,
        /// What is wrong, with a right example.
        reason: String,
    },

    /// A setting that cannot be used.
    #[error("{setting}: {reason}")]
    Setting {
        /// The variable's name.
        setting: &'static str,
        /// What is wrong and what to set.
        reason: String,
    },

    /// The model's folder or repository does not give what is needed.
    #[error("model {model}: {reason}")]
    Model {
        /// The folder, or repository with its revision.
        model: String,
        /// What is missing or refused, and what to do.
        reason: String,
    },

    /// A file of the cache or folder cannot be read or written.
    #[error("cannot {doing} {}: {source}; {hint}", path.display())]
    Io {
        /// `read`, `write`, …
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What to do.
        hint: &'static str,
        /// The system's words.
        source: std::io::Error,
    },

    /// The watch asked to stop.
    #[error("bringing the model {model} was cancelled; what has come is kept for the next time")]
    Cancelled {
        /// The repository with its revision.
        model: String,
    },
}

/// The crate's result.
pub type Result<T, E = HubError> = std::result::Result<T, E>;

impl HubError {
    pub(crate) fn model(model: impl std::fmt::Display, reason: impl Into<String>) -> Self {
        Self::Model {
            model: model.to_string(),
            reason: reason.into(),
        }
    }

    /// A fault of the cache's disk.
    pub(crate) fn io(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| {
            let hint = match source.kind() {
                std::io::ErrorKind::StorageFull => "make room, or let HF_HOME name another disk",
                std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                    "let HF_HOME or HF_HUB_CACHE name a folder that can be written"
                }
                _ => "check the disk and the path",
            };
            Self::Io {
                doing,
                path,
                hint,
                source,
            }
        }
    }
}
