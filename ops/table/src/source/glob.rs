//! The files that a pattern means, found by walking folders.
//!
//! As shells, git and ripgrep have it, hidden files and folders (`.git`, `.engine`) are only found where the pattern
//! itself writes the dot: `.github/*.md`, not `*/*.md`. `**` follows no symbolic links, so it never walks in circles.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use ::glob::Pattern;

use crate::error::{Result, TableError};

/// What one part of a pattern, between two slashes, stands for.
enum Part {
    /// `**`: any folders, one in the other, or none.
    Folders,
    /// A name as it is.
    Named(OsString),
    /// Names that match.
    Like { pattern: Pattern, with_dot: bool },
}

/// Whether a path is to be read as a pattern.
pub(super) fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

/// Whether a part of a path is hidden though the pattern does not write its dot. Of a path that matches the pattern.
pub(super) fn is_hidden(path: &str, pattern: &str) -> bool {
    let dotted = |path: &str| path.split('/').filter(|part| part.starts_with('.')).count();
    dotted(path) > dotted(pattern)
}

/// The files below `base` that match a pattern, sorted, each once.
///
/// # Errors
/// Where the pattern is none, or a folder on the way cannot be read.
pub(super) fn files(pattern: &str, base: &Path) -> Result<Vec<PathBuf>> {
    let (start, parts) = parse(pattern, base)?;
    let mut found = Vec::new();
    descend(&start, &parts, &mut found)?;
    found.sort();
    found.dedup();
    Ok(found)
}

/// The folder to start from, and the parts below it.
fn parse(pattern: &str, base: &Path) -> Result<(PathBuf, Vec<Part>)> {
    let mut start = base.to_owned();
    let mut parts: Vec<Part> = Vec::new();
    for component in Path::new(pattern).components() {
        let part = match component {
            Component::CurDir => continue,
            Component::Prefix(_) | Component::RootDir => {
                start.push(component);
                continue;
            }
            Component::ParentDir => Part::Named(component.as_os_str().to_owned()),
            Component::Normal(name) => part(name.to_str().unwrap_or_default(), pattern)?,
        };
        // Twice any folders are any folders.
        if !matches!((&part, parts.last()), (Part::Folders, Some(Part::Folders))) {
            parts.push(part);
        }
    }
    if let Some(Part::Folders) = parts.last() {
        parts.push(part("*", pattern)?);
    }
    Ok((start, parts))
}

fn part(text: &str, whole: &str) -> Result<Part> {
    if text == "**" {
        return Ok(Part::Folders);
    }
    if !is_pattern(text) {
        return Ok(Part::Named(text.into()));
    }
    match Pattern::new(text) {
        Ok(pattern) => Ok(Part::Like {
            pattern,
            with_dot: text.starts_with('.'),
        }),
        Err(error) => Err(TableError::Address {
            address: whole.to_owned(),
            reason: format!("it is no glob: {error}"),
        }),
    }
}

fn descend(folder: &Path, parts: &[Part], found: &mut Vec<PathBuf>) -> Result<()> {
    let Some((part, rest)) = parts.split_first() else {
        return Ok(());
    };
    match part {
        Part::Named(name) => enter(folder.join(name), rest, found),
        Part::Like { pattern, with_dot } => {
            for entry in entries(folder)? {
                let name = entry.file_name();
                let matches =
                    |name: &str| pattern.matches(name) && (*with_dot || !name.starts_with('.'));
                if name.to_str().is_some_and(matches) {
                    enter(entry.path(), rest, found)?;
                }
            }
            Ok(())
        }
        Part::Folders => {
            descend(folder, rest, found)?;
            for entry in entries(folder)? {
                let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
                // The type of the entry itself: a link to a folder is none.
                if !hidden && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    descend(&entry.path(), parts, found)?;
                }
            }
            Ok(())
        }
    }
}

/// Goes on below `path` with the parts that are left, or takes it where none are.
fn enter(path: PathBuf, parts: &[Part], found: &mut Vec<PathBuf>) -> Result<()> {
    if parts.is_empty() {
        if path.is_file() {
            found.push(path);
        }
    } else if path.is_dir() {
        descend(&path, parts, found)?;
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<std::fs::DirEntry>> {
    // An empty path is the folder of the process.
    let named = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    std::fs::read_dir(named)
        .and_then(Iterator::collect)
        .map_err(TableError::io("look into", folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        folder
    }

    fn names(folder: &tempfile::TempDir, pattern: &str) -> Vec<String> {
        let strip = |path: &PathBuf| {
            let path = path.strip_prefix(folder.path()).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let found = files(pattern, folder.path()).unwrap();
        found.iter().map(strip).collect()
    }

    #[test]
    fn hidden_files_and_folders_are_found_only_where_the_pattern_writes_the_dot() {
        let folder = folder(&[
            "a.md",
            "b/c.md",
            "b/d/e.md",
            ".git/f.md",
            "b/.engine/cache/g.md",
            ".h.md",
            "b/.i.md",
        ]);
        assert_eq!(names(&folder, "**/*.md"), ["a.md", "b/c.md", "b/d/e.md"]);
        assert_eq!(names(&folder, "**"), ["a.md", "b/c.md", "b/d/e.md"]);
        assert_eq!(names(&folder, "*/*.md"), ["b/c.md"]);
        assert_eq!(names(&folder, "?h.md"), [""; 0]);
        assert_eq!(names(&folder, "[.]git/*.md"), [""; 0]);
        assert_eq!(names(&folder, ".git/*.md"), [".git/f.md"]);
        assert_eq!(names(&folder, "b/.e*/**/*.md"), ["b/.engine/cache/g.md"]);
        assert_eq!(names(&folder, "**/.*.md"), [".h.md", "b/.i.md"]);
    }

    #[test]
    fn any_folders_may_be_none_and_no_file_is_found_twice() {
        let folder = folder(&["a/a/x", "a/b/x", "x"]);
        assert_eq!(names(&folder, "a/**/b/x"), ["a/b/x"]);
        assert_eq!(names(&folder, "**/a/**/x"), ["a/a/x", "a/b/x"]);
        assert_eq!(names(&folder, "./**/**/x"), ["a/a/x", "a/b/x", "x"]);
        assert_eq!(names(&folder, "a/../?"), ["a/../x"]);
        assert!(files("a**b", folder.path()).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn circles_of_links_end_and_names_that_are_no_text_do_no_harm() {
        use std::os::unix::ffi::OsStrExt;
        let folder = folder(&["a/x"]);
        std::os::unix::fs::symlink(folder.path(), folder.path().join("a/circle")).unwrap();
        let odd = std::ffi::OsStr::from_bytes(b"odd\xff");
        std::fs::create_dir(folder.path().join(odd)).unwrap();
        std::fs::write(folder.path().join(odd).join(odd), "x").unwrap();
        assert_eq!(names(&folder, "**/x"), ["a/x"]);
        assert_eq!(names(&folder, "a/c*/a/x"), ["a/circle/a/x"]);
    }

    #[test]
    fn a_listed_path_is_hidden_where_it_has_more_dots_than_the_pattern() {
        assert!(is_hidden(".data/x", "**/x"));
        assert!(is_hidden("a/.x", "a/*"));
        assert!(!is_hidden(".data/x", ".data/*"));
        assert!(!is_hidden("a/x.y", "a/*.y"));
    }
}
