//! The layout of the hub's cache, which the Python library shares.
//!
//! `models--OWNER--NAME/blobs/ETAG` holds contents, `snapshots/COMMIT/PATH` links to them, `refs/REVISION` holds a commit;
//! `.locks/models--OWNER--NAME/ETAG.lock` is locked by whoever downloads `blobs/ETAG.incomplete`.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use hf_hub::{Repo, RepoType};

use crate::error::{HubError, Result};
use crate::name::is_commit;

/// A repository's place in the cache.
pub(crate) struct Cache {
    root: PathBuf,
    folder: String,
}

impl Cache {
    pub(crate) fn new(root: &Path, repository: &str) -> Result<Self> {
        // Links go from one absolute path to another.
        let root = std::path::absolute(root).map_err(HubError::io("find", root))?;
        let folder = Repo::new(repository.to_owned(), RepoType::Model).folder_name();
        Ok(Self { root, folder })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    fn repository(&self) -> PathBuf {
        self.root.join(&self.folder)
    }

    pub(crate) fn snapshot(&self, commit: &str) -> PathBuf {
        self.repository().join("snapshots").join(commit)
    }

    pub(crate) fn blob(&self, etag: &str) -> PathBuf {
        self.repository().join("blobs").join(etag)
    }

    pub(crate) fn unfinished(&self, etag: &str) -> PathBuf {
        self.repository()
            .join("blobs")
            .join(format!("{etag}.incomplete"))
    }

    /// The open file whose lock a download holds.
    pub(crate) fn lock_file(&self, etag: &str) -> Result<File> {
        let folder = self.root.join(".locks").join(&self.folder);
        create_folder(&folder)?;
        let path = folder.join(format!("{etag}.lock"));
        File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(HubError::io("open", path))
    }

    /// The commit that the cache knows for a revision.
    pub(crate) fn commit(&self, revision: &str) -> Option<String> {
        if is_commit(revision) {
            return self
                .snapshot(revision)
                .is_dir()
                .then(|| revision.to_owned());
        }
        let path = self.repository().join("refs").join(revision);
        let commit = std::fs::read_to_string(path).ok()?.trim().to_owned();
        (is_commit(&commit) && self.snapshot(&commit).is_dir()).then_some(commit)
    }

    /// Remembers the commit of a revision, for times without network.
    pub(crate) fn remember(&self, revision: &str, commit: &str) -> Result<()> {
        if revision == commit {
            return Ok(());
        }
        let path = self.repository().join("refs").join(revision);
        if let Some(folder) = path.parent() {
            create_folder(folder)?;
        }
        std::fs::write(&path, commit).map_err(HubError::io("write", path))
    }

    /// The files of a commit that are there, with the paths that they have in the repository.
    pub(crate) fn files(&self, commit: &str) -> BTreeSet<String> {
        files_below(&self.snapshot(commit))
    }

    /// Makes a blob a file of a commit.
    pub(crate) fn link(&self, etag: &str, commit: &str, file: &str) -> Result<PathBuf> {
        let path = self.snapshot(commit).join(file);
        if let Some(folder) = path.parent() {
            create_folder(folder)?;
        }
        if path.symlink_metadata().is_ok() {
            // It leads nowhere, or it would have been used.
            std::fs::remove_file(&path).map_err(HubError::io("replace", &path))?;
        }
        let up = "../".repeat(2 + file.matches('/').count());
        symlink(
            &Path::new(&format!("{up}blobs")).join(etag),
            &self.blob(etag),
            &path,
        )
        .map_err(HubError::io("link", &path))?;
        Ok(path)
    }
}

/// All files below a folder, with `/` between the parts of their paths.
pub(crate) fn files_below(root: &Path) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    let mut folders = vec![(root.to_owned(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let path = entry.path();
            // Links that lead nowhere are neither.
            if path.is_file() {
                files.insert(format!("{prefix}{name}"));
            } else if path.is_dir() && prefix.is_empty() {
                folders.push((path, format!("{name}/")));
            }
        }
    }
    files
}

pub(crate) fn create_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(HubError::io("create", folder))
}

#[cfg(unix)]
fn symlink(relative: &Path, _absolute: &Path, link: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(relative, link)
}

#[cfg(not(unix))]
fn symlink(_relative: &Path, absolute: &Path, link: &Path) -> std::io::Result<()> {
    // Links need a privilege there; a second name of the same file needs none.
    std::fs::hard_link(absolute, link).or_else(|_| std::fs::copy(absolute, link).map(drop))
}
