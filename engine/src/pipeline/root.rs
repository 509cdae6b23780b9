//! Where a pipeline's project begins: paths in the file are relative to it, and `.engine` lies in it.

use std::path::{Path, PathBuf};

/// The nearest folder above `file` that holds `.engine` or `.git`; else the current folder if the file is below it;
/// else the file's own folder.
pub fn project_root(file: &Path) -> PathBuf {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf());
    let folder = file.parent().unwrap_or(Path::new("/"));
    if let Some(root) = marked_root(folder) {
        return root;
    }
    match std::env::current_dir() {
        Ok(current) if folder.starts_with(&current) => current,
        _ => folder.to_path_buf(),
    }
}

/// The project that `folder` belongs to: the nearest folder above that holds `.engine` or `.git`, else `folder` itself.
pub fn project_around(folder: &Path) -> PathBuf {
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    marked_root(&folder).unwrap_or(folder)
}

fn marked_root(folder: &Path) -> Option<PathBuf> {
    let is_marked =
        |folder: &&Path| folder.join(".engine").is_dir() || folder.join(".git").exists();
    folder.ancestors().find(is_marked).map(Path::to_path_buf)
}
