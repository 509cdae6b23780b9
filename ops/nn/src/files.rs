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

/// Lets `fill` write into a new folder that takes the place of `path` once it is complete; what was there goes. There is
/// always one of the two where the system can exchange two names at once, as Linux and macOS can on most file systems.
pub(crate) fn publish_folder(path: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let temporary = beside(path, "part");
    fs::create_dir_all(&temporary).map_err(NnError::io(path, "creating the folder"))?;
    let published = fill(&temporary).and_then(|()| {
        sync_folder(&temporary)?;
        let old = replace(path, &temporary)?;
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

/// Gives a folder the name `path`; where one had it, says how that one is called now.
fn replace(path: &Path, new: &Path) -> Result<Option<PathBuf>> {
    let renamed =
        |from: &Path, to: &Path, doing| fs::rename(from, to).map_err(NnError::io(path, doing));
    if !path.exists() {
        renamed(new, path, "putting the finished folder in place")?;
        return Ok(None);
    }
    if exchange(path, new) {
        return Ok(Some(new.to_owned()));
    }
    let old = beside(path, "old");
    renamed(path, &old, "moving the old folder away")?;
    renamed(new, path, "putting the finished folder in place")?;
    Ok(Some(old))
}

/// Exchanges two names at once; false where the system or the file system cannot.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn exchange(one: &Path, other: &Path) -> bool {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).is_ok()
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn exchange(_one: &Path, _other: &Path) -> bool {
    false
}

/// Removes what processes left in a folder that were killed while they wrote entries whose names begin with `prefix`.
pub(crate) fn remove_unfinished(folder: &Path, prefix: &str) -> Result<()> {
    let own = format!(".{}-", std::process::id());
    let entries = fs::read_dir(folder).map_err(NnError::io(folder, "reading the folder"))?;
    for entry in entries {
        let path = entry
            .map_err(NnError::io(folder, "reading the folder"))?
            .path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_unfinished = name
            .strip_prefix('.')
            .is_some_and(|name| name.starts_with(prefix))
            && (name.ends_with(".part") || name.ends_with(".old"))
            && !name.contains(&own);
        if is_unfinished && path.is_dir() {
            fs::remove_dir_all(&path)
                .map_err(NnError::io(&path, "removing an unfinished checkpoint"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_replaced_while_readers_always_find_one() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("model");
        let publish = |text: &str| {
            publish_folder(&path, |new| {
                fs::write(new.join("weights"), text).map_err(NnError::io(new, "writing"))
            })
        };
        publish("first").expect("a folder");
        // Whether this file system can exchange names decides what the reader below may expect.
        let other = place.path().join("other");
        fs::create_dir(&other).expect("a folder");
        let exchanges = exchange(&path, &other) && exchange(&path, &other);
        fs::remove_dir(&other).expect("an empty folder");
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut missing = 0;
                while !done.load(Ordering::Acquire) {
                    missing += usize::from(!path.join("weights").exists());
                }
                missing
            });
            for round in 0..50 {
                publish(&format!("{round}")).expect("a folder");
            }
            done.store(true, Ordering::Release);
            let missing = reader.join().expect("a reader");
            assert!(missing == 0 || !exchanges, "{missing} times it was away");
        });
        assert_eq!(
            fs::read_to_string(path.join("weights")).expect("a file"),
            "49"
        );
        assert_eq!(fs::read_dir(place.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn what_killed_processes_left_is_removed_and_nothing_else() {
        let place = tempfile::tempdir().expect("a folder");
        let own = format!(".step-3.{}-0.part", std::process::id());
        let names = [
            ".step-1.0-0.part",
            ".step-2.0-7.old",
            ".other.0-0.part",
            "step-1",
            &own,
        ];
        for name in names {
            fs::create_dir(place.path().join(name)).expect("a folder");
        }
        remove_unfinished(place.path(), "step-").expect("a look");
        let mut left: Vec<_> = fs::read_dir(place.path())
            .expect("a folder")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .into_string()
                    .expect("a name")
            })
            .collect();
        left.sort();
        assert_eq!(left, [".other.0-0.part", own.as_str(), "step-1"]);
    }
}
