//! Local paths and globs.

use std::path::{Path, PathBuf};

use super::glob;
use super::{Fetched, Provenance};
use crate::error::{Result, TableError};
use crate::read::LocalFile;

/// The files that a path or glob names, sorted by path. A file that is named so literally is
/// taken before the name is read as a glob.
pub(super) fn find(pattern: &str, base: &Path) -> Result<Fetched> {
    let whole = base.join(pattern);
    let paths = if whole.exists() || !glob::is_pattern(pattern) {
        std::fs::metadata(&whole).map_err(TableError::io("open", &whole))?;
        vec![(whole, pattern.to_owned())]
    } else {
        matches(pattern, base)?
    };
    let mut fetched = Fetched {
        files: Vec::with_capacity(paths.len()),
        provenance: Vec::with_capacity(paths.len()),
    };
    for (path, name) in paths {
        let metadata = std::fs::metadata(&path).map_err(TableError::io("open", &path))?;
        fetched.provenance.push(Provenance {
            url: name.clone(),
            revision: None,
            bytes: metadata.len(),
            blake3: None,
        });
        fetched.files.push(LocalFile { path, name });
    }
    Ok(fetched)
}

/// The files that match a pattern, and their names in its terms.
fn matches(pattern: &str, base: &Path) -> Result<Vec<(PathBuf, String)>> {
    let found = glob::files(pattern, base)?;
    if found.is_empty() {
        return Err(TableError::Address {
            address: pattern.to_owned(),
            reason: format!("no file in {} matches", base.display()),
        });
    }
    let named = |path: PathBuf| {
        // What a pattern that begins at the root finds is not below the base.
        let below = if Path::new(pattern).is_absolute() {
            path.as_path()
        } else {
            path.strip_prefix(base).unwrap_or(&path)
        };
        let name = below.display().to_string();
        (path, name)
    };
    Ok(found.into_iter().map(named).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_give_files_sorted_by_name_and_paths_themselves() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.csv", "a.csv", "c.txt", "odd[1].csv"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        std::fs::create_dir(folder.path().join("sub.csv")).unwrap();
        let names = |pattern: &str| -> Vec<String> {
            find(pattern, folder.path())
                .unwrap()
                .files
                .into_iter()
                .map(|file| file.name)
                .collect()
        };
        assert_eq!(names("*.csv"), ["a.csv", "b.csv", "odd[1].csv"]);
        assert_eq!(names("odd[1].csv"), ["odd[1].csv"]);
        assert_eq!(names("c.txt"), ["c.txt"]);
        for (pattern, reason) in [
            ("*.tsv", "no file in"),
            ("a[.csv", "no glob"),
            ("d.csv", "cannot open"),
        ] {
            let message = find(pattern, folder.path()).unwrap_err().to_string();
            assert!(message.contains(reason), "{message}");
        }
    }
}
