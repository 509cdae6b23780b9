//! Artifacts as paths: views of folders for other programs, and copies for the user.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use crate::disk::{identity, unique_name};
use crate::folder::{Links, files};
use crate::{Artifact, Blob, Cache, CacheError};

impl Cache {
    /// A path at which other programs can read an artifact: a file's blob, or a folder's view.
    ///
    /// A view is a folder of hard links to blobs, `views/DIGEST`, made when first asked for and made anew when it
    /// is not as it should be. Nothing in it may be written to. A cache that can't be written to has its missing
    /// views in the system's temporary folder, as symbolic links, until it is closed.
    ///
    /// # Errors
    /// [`CacheError::Io`], also for a blob that is gone.
    pub fn artifact_path(&self, artifact: &Artifact) -> Result<PathBuf, CacheError> {
        match artifact {
            Artifact::File(blob) => Ok(self.blob_path(blob)),
            Artifact::Folder(listing) => self.view(artifact, listing),
        }
    }

    fn view(&self, artifact: &Artifact, listing: &[(String, Blob)]) -> Result<PathBuf, CacheError> {
        let name = artifact.digest().to_string();
        let mut view = self.root.join("views").join(&name);
        if self.is_view(&view, listing)? {
            return Ok(view);
        }
        let new = if self.is_read_only {
            let mut private = self
                .private_views
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let dir = match &*private {
                Some(dir) => dir,
                None => private.insert(
                    tempfile::tempdir().map_err(CacheError::io("create", &std::env::temp_dir()))?,
                ),
            };
            view = dir.path().join(&name);
            if self.is_view(&view, listing)? {
                return Ok(view);
            }
            dir.path().join(unique_name())
        } else {
            self.session()?.new_path()
        };
        self.build_view(&new, listing)?;
        while let Err(error) = fs::rename(&new, &view) {
            if !is_taken(&error) {
                return Err(CacheError::io("rename a folder to", &view)(error));
            }
            if self.is_view(&view, listing)? {
                // Another thread or process was faster.
                let _ = fs::remove_dir_all(&new);
                break;
            }
            let damaged = new.with_extension("damaged");
            match fs::rename(&view, &damaged) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(CacheError::io("move a damaged view out of", &view)(error));
                }
                _ => drop(remove(&damaged)),
            }
        }
        Ok(view)
    }

    /// Whether the folder holds links to the right blobs and nothing else.
    fn is_view(&self, view: &Path, listing: &[(String, Blob)]) -> Result<bool, CacheError> {
        if !fs::symlink_metadata(view).is_ok_and(|meta| meta.is_dir()) {
            return Ok(false);
        }
        let Ok(found) = files(view, Links::Follow) else {
            return Ok(false);
        };
        if found.len() != listing.len() {
            return Ok(false);
        }
        for ((relative, path), (expected, blob)) in found.iter().zip(listing) {
            let blob_path = self.blob_path(blob);
            let blob_meta =
                fs::metadata(&blob_path).map_err(CacheError::io("look at", &blob_path))?;
            if relative != expected
                || !fs::metadata(path).is_ok_and(|meta| identity(&meta) == identity(&blob_meta))
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn build_view(&self, view: &Path, listing: &[(String, Blob)]) -> Result<(), CacheError> {
        fs::create_dir(view).map_err(CacheError::io("create", view))?;
        for (relative, blob) in listing {
            let (link, blob_path) = (view.join(relative), self.blob_path(blob));
            make_parent(&link)?;
            fs::metadata(&blob_path).map_err(CacheError::io("look at", &blob_path))?;
            // No hard link across devices, on some file systems, or beyond the most that a file may have; nor to files
            // of a store that is only read.
            let hard = if self.is_read_only {
                Err(io::ErrorKind::ReadOnlyFilesystem.into())
            } else {
                fs::hard_link(&blob_path, &link)
            };
            hard.or_else(|_: io::Error| std::os::unix::fs::symlink(&blob_path, &link))
                .map_err(CacheError::io("link a blob to", &link))?;
        }
        Ok(())
    }

    /// Copies an artifact to `to`, for somebody who may write to the copy; blocks are shared where the file system
    /// can. A file replaces what is at `to`, whole or not at all. A folder needs a place that is free or empty.
    ///
    /// # Errors
    /// [`CacheError::Exists`]; [`CacheError::Io`].
    pub fn materialize(&self, artifact: &Artifact, to: &Path) -> Result<(), CacheError> {
        make_parent(to)?;
        let name = to
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let temporary = to.with_file_name(format!(".{name}.{}", unique_name()));
        let copied = match artifact {
            Artifact::File(blob) => self.copy_blob(blob, &temporary),
            Artifact::Folder(listing) => fs::create_dir(&temporary)
                .map_err(CacheError::io("create", &temporary))
                .and_then(|()| {
                    listing.iter().try_for_each(|(relative, blob)| {
                        let copy = temporary.join(relative);
                        make_parent(&copy)?;
                        self.copy_blob(blob, &copy)
                    })
                }),
        };
        let renamed = copied.and_then(|()| match fs::rename(&temporary, to) {
            Err(error) if is_taken(&error) => Err(CacheError::Exists {
                path: to.to_owned(),
            }),
            renamed => renamed.map_err(CacheError::io("rename a copy to", to)),
        });
        if renamed.is_err() {
            let _ = remove(&temporary);
        }
        renamed
    }

    fn copy_blob(&self, blob: &Blob, to: &Path) -> Result<(), CacheError> {
        let from = self.blob_path(blob);
        let mut source = File::open(&from).map_err(CacheError::io("open", &from))?;
        // Not `fs::copy`, which would hand on that blobs are read-only.
        let mut copy = File::create_new(to).map_err(CacheError::io("create", to))?;
        io::copy(&mut source, &mut copy)
            .map(drop)
            .map_err(CacheError::io("copy a blob to", to))
    }
}

fn remove(path: &Path) -> io::Result<()> {
    fs::remove_dir_all(path).or_else(|_| fs::remove_file(path))
}

/// Whether a rename failed because of what is at its goal.
fn is_taken(error: &io::Error) -> bool {
    use io::ErrorKind::{AlreadyExists, DirectoryNotEmpty, IsADirectory, NotADirectory};
    matches!(
        error.kind(),
        AlreadyExists | DirectoryNotEmpty | IsADirectory | NotADirectory
    )
}

fn make_parent(path: &Path) -> Result<(), CacheError> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => {
            fs::create_dir_all(parent).map_err(CacheError::io("create", parent))
        }
        _ => Ok(()),
    }
}
