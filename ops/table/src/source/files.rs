//! Files that are written whole, and their digests.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use serde::Serialize;

use crate::error::{Result, TableError};
use crate::watch::Watch;

/// Writes JSON so that a reader sees the old content or the new.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_vec(value).map_err(|error| TableError::Options {
        message: format!("cannot write {}: {error}", path.display()),
    })?;
    write_whole(path, &text)
}

/// Writes a file so that a reader sees the old content or the new.
pub(super) fn write_whole(path: &Path, content: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)
        .map_err(TableError::io("create a file in", folder))?;
    file.write_all(content)
        .and_then(|()| file.as_file().sync_all())
        .map_err(TableError::io("write", path))?;
    file.persist(path)
        .map_err(|error| TableError::io("write", path)(error.error))?;
    Ok(())
}

/// The BLAKE3 digest of a file, hexadecimal.
pub(super) fn digest(path: &Path, watch: &Watch<'_>) -> Result<String> {
    let mut file = File::open(path).map_err(TableError::io("open", path))?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        watch.check()?;
        let read = file
            .read(&mut buffer)
            .map_err(TableError::io("read", path))?;
        if read == 0 {
            return Ok(hasher.finalize().to_hex().to_string());
        }
        hasher.update(&buffer[..read]);
    }
}
