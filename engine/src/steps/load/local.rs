//! Paths and patterns to files.

use std::fs::File;
use std::path::{Path, PathBuf};

use table::read::LocalFile;
use table::source::{self, FetchOptions, Fetched, Source};
use table::{TableError, Watch};

use crate::steps::StepError;
use crate::steps::check::Problem;
use table::near_miss;

/// The files that a path or a pattern means, relative to `root`: one, or all that match, sorted by path.
pub(super) fn find(pattern: &str, root: &Path) -> Result<Fetched, Problem> {
    let problem = |message: String, help: String| Problem {
        parameter: "source".to_owned(),
        message,
        help: Some(help),
    };
    let path = root.join(pattern);
    if path.is_dir() {
        let folder = pattern.trim_end_matches('/');
        return Err(problem(
            format!("{pattern} is a folder"),
            format!("name the files in it, such as \"{folder}/*.jsonl\""),
        ));
    }
    if !path.exists() && !pattern.contains(['*', '?', '[']) {
        let (folder, help) = where_it_ends(&path);
        return Err(problem(
            format!("there is no file {pattern}: looked in {}", folder.display()),
            help,
        ));
    }
    let local = Source::Local {
        pattern: pattern.to_owned(),
    };
    source::fetch(&local, &FetchOptions::new(root), root, &Watch::nobody()).map_err(|error| {
        let message = match error {
            TableError::Address { reason, .. } => format!("{pattern}: {reason}"),
            other => other.to_string(),
        };
        let help = "`*` and `?` stand for characters within a name, `**/` for any folders";
        problem(message, help.to_owned())
    })
}

/// The deepest folder of a missing path that exists, and what to do.
fn where_it_ends(path: &Path) -> (PathBuf, String) {
    let mut missing = path;
    while let Some(folder) = missing.parent() {
        if folder.is_dir() {
            let written = missing.file_name().unwrap_or_default().to_string_lossy();
            let names: Vec<String> = std::fs::read_dir(folder)
                .into_iter()
                .flatten()
                .flatten()
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .collect();
            let help = match near_miss(&written, names.iter().map(String::as_str)) {
                Some(near) => format!("did you mean {near}?"),
                None => "paths are relative to the project's root, the folder of .engine or .git"
                    .to_owned(),
            };
            return (folder.to_path_buf(), help);
        }
        missing = folder;
    }
    (path.to_path_buf(), "name a file".to_owned())
}

/// Fails unless the file has the BLAKE3 digest `pin`.
pub(super) fn check_pin(file: &LocalFile, pin: &str) -> Result<(), StepError> {
    let failed = |error: &std::io::Error| StepError::io("reading", Path::new(&file.name), error);
    let mut hasher = blake3::Hasher::new();
    let content = File::open(&file.path).map_err(|error| failed(&error))?;
    hasher
        .update_reader(content)
        .map_err(|error| failed(&error))?;
    let found = hasher.finalize().to_hex();
    if found.eq_ignore_ascii_case(pin) {
        return Ok(());
    }
    let message = format!(
        "{} has the BLAKE3 digest {found}, but {pin} is pinned",
        file.name
    );
    Err(StepError::new(message).help("if the new content is right, pin that"))
}
