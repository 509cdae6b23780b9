//! A path or a pattern to the files that it means.

use std::fs::File;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};

use crate::pipeline::mistake::nearest;
use crate::steps::check::Problem;
use crate::steps::{Context, StepError};

/// The files that `source` means, relative to `root`: one, or all that match a pattern, sorted by path.
pub(super) fn files(source: &str, root: &Path) -> Result<Vec<PathBuf>, Problem> {
    let path = root.join(source);
    if path.is_file() {
        return Ok(vec![path]);
    }
    let problem = |message: String, help: String| Problem {
        parameter: "source".to_owned(),
        message,
        help: Some(help),
    };
    if path.is_dir() {
        return Err(problem(
            format!("{source} is a folder"),
            format!(
                "name the files in it, such as \"{}/*.jsonl\"",
                source.trim_end_matches('/')
            ),
        ));
    }
    if source.contains(['*', '?', '[']) {
        let files = matching(source, root).map_err(|error| {
            problem(
                format!("`{source}` is no pattern: {}", error.msg),
                "`*` and `?` stand for characters, `**` for folders, `[ab]` for one of several"
                    .to_owned(),
            )
        })?;
        if files.is_empty() {
            return Err(problem(
                format!("no file matches {source} in {}", root.display()),
                "`*` matches within one folder, `**/` any folders below".to_owned(),
            ));
        }
        return Ok(files);
    }
    let (folder, help) = where_it_ends(&path);
    Err(problem(
        format!("there is no file {source}: looked in {}", folder.display()),
        help,
    ))
}

/// What messages and the file column call a file: its path from the project's root.
pub(super) fn name(path: &Path, root: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string()
}

fn matching(source: &str, root: &Path) -> Result<Vec<PathBuf>, glob::PatternError> {
    let pattern = if Path::new(source).is_absolute() {
        source.to_owned()
    } else {
        format!("{}/{source}", Pattern::escape(&root.to_string_lossy()))
    };
    let options = MatchOptions {
        require_literal_separator: true,
        // So that `**` does not walk into `.engine` and `.git`.
        require_literal_leading_dot: true,
        ..MatchOptions::default()
    };
    let mut files: Vec<PathBuf> = glob::glob_with(&pattern, options)?
        .flatten()
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    Ok(files)
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
            let help = match nearest(&written, names.iter().map(String::as_str)) {
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
pub(super) fn check_pin(path: &Path, pin: &str, context: &Context<'_>) -> Result<(), StepError> {
    let name = name(path, context.root);
    let failed = |error: &std::io::Error| StepError::io("reading", Path::new(&name), error);
    let mut hasher = blake3::Hasher::new();
    let file = File::open(path).map_err(|error| failed(&error))?;
    hasher.update_reader(file).map_err(|error| failed(&error))?;
    let found = hasher.finalize().to_hex();
    if found.eq_ignore_ascii_case(pin) {
        return Ok(());
    }
    let message = format!("{name} has the BLAKE3 digest {found}, but {pin} is pinned");
    Err(StepError::new(message).help("if the new content is right, pin that"))
}
