//! Files and folders that are there completely or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{NnError, Result};

/// A name beside `path` that nobody else takes.
fn beside(path: &Path, ending: &str) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}-{number}.{ending}", std::process::id()))
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Makes names durable that were given in a folder; systems that cannot open a folder do this themselves.
fn sync_folder(folder: &Path) -> Result<()> {
    match cfg!(unix) {
        true => (File::open(folder).and_then(|folder| folder.sync_all()))
            .map_err(NnError::io(folder, "syncing the folder")),
        false => Ok(()),
    }
}

/// Lets `fill` write a file that takes the place of `path` once it is complete and on disk.
pub(crate) fn write_whole(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> Result<()>,
) -> Result<()> {
    let temporary = beside(path, "part");
    let written = (|| {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&temporary);
        let mut writer = BufWriter::with_capacity(
            1 << 16,
            file.map_err(NnError::io(path, "creating the file"))?,
        );
        fill(&mut writer)?;
        let file = (writer.into_inner())
            .map_err(|error| NnError::io(path, "writing the file")(error.into_error()))?;
        file.sync_all()
            .map_err(NnError::io(path, "syncing the file"))?;
        fs::rename(&temporary, path)
            .map_err(NnError::io(path, "putting the finished file in place"))
    })();
    if written.is_err() {
        // What remains of it would be of no use, and the first error says what went wrong.
        let _ = fs::remove_file(&temporary);
    }
    written?;
    sync_folder(parent(path))
}

/// Writes indented JSON.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| NnError::file(path, error.to_string()))?;
    write_whole(path, |file| {
        writeln!(file, "{text}").map_err(NnError::io(path, "writing the file"))
    })
}

/// Reads JSON.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = fs::read(path).map_err(NnError::io(path, "reading the file"))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| NnError::file(path, format!("is not as expected: {error}")))
}

/// Lets `fill` write into a new folder that takes the place of `path` once it is complete; what was there goes.
pub(crate) fn publish_folder(path: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let temporary = beside(path, "part");
    fs::create_dir_all(&temporary).map_err(NnError::io(path, "creating the folder"))?;
    let published = fill(&temporary).and_then(|()| {
        sync_folder(&temporary)?;
        let old = path.exists().then(|| beside(path, "old"));
        if let Some(old) = &old {
            fs::rename(path, old).map_err(NnError::io(path, "moving the old folder away"))?;
        }
        fs::rename(&temporary, path)
            .map_err(NnError::io(path, "putting the finished folder in place"))?;
        sync_folder(parent(path))?;
        match old {
            Some(old) => {
                fs::remove_dir_all(&old).map_err(NnError::io(&old, "removing the old folder"))
            }
            None => Ok(()),
        }
    });
    if published.is_err() {
        let _ = fs::remove_dir_all(&temporary);
    }
    published
}
