//! Where a pipeline's project begins: paths in the file are relative to it, and `.engine` lies in it.

use std::path::{Path, PathBuf};

/// The nearest folder above `file` that holds `.engine` or `.git`; else the current folder if the file is below it;
/// else the file's own folder.
pub fn project_root(file: &Path) -> PathBuf {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf());
    let folder = file.parent().unwrap_or(Path::new("/"));
    let marked = |folder: &&Path| folder.join(".engine").is_dir() || folder.join(".git").exists();
    if let Some(root) = folder.ancestors().find(marked) {
        return root.to_path_buf();
    }
    match std::env::current_dir() {
        Ok(current) if folder.starts_with(&current) => current,
        _ => folder.to_path_buf(),
    }
}
