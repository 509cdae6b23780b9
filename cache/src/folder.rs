//! The regular files of a folder, in the order in which a folder's digest takes them.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use crate::CacheError;
use crate::disk::{entries, identity};

/// What to do with symbolic links.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    /// Refuse them: an output must hold its own bytes.
    Refuse,
    /// Take what they lead to.
    Follow,
}

/// Relative path (`/` between components) and path of every file below `folder`, sorted by the bytes of the former.
pub(crate) fn files(folder: &Path, links: Links) -> Result<Vec<(String, PathBuf)>, CacheError> {
    let mut found = Vec::new();
    walk(folder, "", links, &mut Vec::new(), &mut found)?;
    found.sort_unstable();
    Ok(found)
}

fn walk(
    folder: &Path,
    prefix: &str,
    links: Links,
    above: &mut Vec<(u64, u64)>,
    found: &mut Vec<(String, PathBuf)>,
) -> Result<(), CacheError> {
    let this = identity(&fs::metadata(folder).map_err(CacheError::io("look at", folder))?);
    if above.contains(&this) {
        return Err(CacheError::Loop {
            path: folder.to_owned(),
        });
    }
    above.push(this);
    for entry in entries(folder)? {
        let path = entry.path();
        let name = entry
            .file_name()
            .into_string()
            .map_err(|_| CacheError::Name { path: path.clone() })?;
        let relative = if prefix.is_empty() {
            name
        } else {
            format!("{prefix}/{name}")
        };
        let meta = look_at(&path, links)?;
        if meta.is_dir() {
            walk(&path, &relative, links, above, found)?;
        } else if meta.is_file() {
            found.push((relative, path));
        } else {
            return Err(not_a_file(path, &meta));
        }
    }
    above.pop();
    Ok(())
}

/// The metadata of a path, or of what it leads to.
pub(crate) fn look_at(path: &Path, links: Links) -> Result<Metadata, CacheError> {
    match links {
        Links::Refuse => fs::symlink_metadata(path),
        Links::Follow => fs::metadata(path),
    }
    .map_err(CacheError::io("look at", path))
}

/// The error for a path that is neither a regular file nor a folder.
pub(crate) fn not_a_file(path: PathBuf, meta: &Metadata) -> CacheError {
    let found = if meta.is_symlink() {
        "a symbolic link"
    } else {
        "a device, pipe or socket"
    };
    CacheError::NotAFile { path, found }
}
