//! Local paths and globs.

use std::path::Path;

use super::{Fetched, Provenance};
use crate::error::{Result, TableError};
use crate::read::LocalFile;

/// The files that a path or glob names, sorted by path. A file that is named so literally is
/// taken before the name is read as a glob.
pub(super) fn find(pattern: &str, base: &Path) -> Result<Fetched> {
    let whole = base.join(pattern);
    let is_glob = pattern.contains(['*', '?', '[']);
    let paths = if whole.exists() || !is_glob {
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

/// The files that match a glob, and their names in its terms.
fn matches(pattern: &str, base: &Path) -> Result<Vec<(std::path::PathBuf, String)>> {
    let wrong = |reason: String| TableError::Address {
        address: pattern.to_owned(),
        reason,
    };
    let base_text = base
        .to_str()
        .ok_or_else(|| wrong("the folder it starts from is not named in UTF-8".into()))?;
    let is_absolute = Path::new(pattern).is_absolute();
    let whole = if is_absolute || base_text.is_empty() {
        pattern.to_owned()
    } else {
        // The base is a folder's name, whatever characters it has.
        format!("{}/{pattern}", glob::Pattern::escape(base_text))
    };
    let found = glob::glob(&whole).map_err(|error| wrong(format!("it is no glob: {error}")))?;
    let mut paths = Vec::new();
    for entry in found {
        let path = entry.map_err(|error| {
            let path = error.path().to_owned();
            TableError::io("look into", path)(error.into())
        })?;
        if path.is_file() {
            let name = if is_absolute {
                path.display().to_string()
            } else {
                path.strip_prefix(base)
                    .unwrap_or(&path)
                    .display()
                    .to_string()
            };
            paths.push((path, name));
        }
    }
    if paths.is_empty() {
        return Err(wrong(format!("no file in {} matches", base.display())));
    }
    paths.sort();
    Ok(paths)
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
