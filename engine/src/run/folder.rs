//! The folder of a run: `.engine/runs/<id>/` with its journal, a copy of the pipeline and the report.

use std::io;
use std::path::{Path, PathBuf};

/// The folder of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder {
    /// The run's id: date, time and pipeline, as `20261123-094500-issues_uda`.
    pub id: String,
    path: PathBuf,
}

impl RunFolder {
    /// Makes a new folder below `runs`, named after the moment and the pipeline, with a copy of the pipeline's text.
    pub fn create(
        runs: &Path,
        pipeline: &str,
        text: &str,
        now: jiff::Timestamp,
    ) -> io::Result<RunFolder> {
        std::fs::create_dir_all(runs)?;
        let moment = now.strftime("%Y%m%d-%H%M%S").to_string();
        let earlier = std::fs::read_dir(runs)?
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(&moment))
            .count();
        for count in earlier + 1.. {
            let id = match count {
                1 => format!("{moment}-{pipeline}"),
                _ => format!("{moment}.{count}-{pipeline}"),
            };
            let path = runs.join(&id);
            match std::fs::create_dir(&path) {
                Ok(()) => {
                    let folder = RunFolder { id, path };
                    std::fs::write(folder.pipeline(), text)?;
                    return Ok(folder);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && count < 1000 => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::from(io::ErrorKind::AlreadyExists))
    }

    /// The folder of an earlier run.
    pub fn existing(runs: &Path, id: &str) -> RunFolder {
        RunFolder {
            id: id.to_owned(),
            path: runs.join(id),
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its journal.
    pub fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }

    /// The copy of the pipeline's text.
    pub fn pipeline(&self) -> PathBuf {
        self.path.join("pipeline.toml")
    }

    /// The report.
    pub fn report(&self) -> PathBuf {
        self.path.join("report.html")
    }
}
