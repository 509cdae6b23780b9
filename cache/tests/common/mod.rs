//! What the store's tests share.
#![allow(dead_code, clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use cache::{Action, Blob, Cache, Digest, Key};

pub fn key(name: &str) -> Key {
    Key(Digest::of(name.as_bytes()))
}

/// Publishes files of the given names and contents.
pub fn publish(cache: &Cache, name: &str, files: &[(&str, &[u8])]) -> Action {
    let staging = cache.stage().unwrap();
    let outputs = files
        .iter()
        .map(|(port, content)| {
            let path = staging.path().join(port);
            fs::write(&path, content).unwrap();
            ((*port).to_owned(), path)
        })
        .collect();
    cache
        .publish(
            key(name),
            outputs,
            format!("{{\"name\":\"{name}\"}}"),
            "{}".into(),
        )
        .unwrap()
}

/// Publishes one folder.
pub fn publish_folder(cache: &Cache, name: &str, files: &[(&str, &[u8])]) -> Action {
    let staging = cache.stage().unwrap();
    let folder = staging.path().join("folder");
    fs::create_dir(&folder).unwrap();
    write_files(&folder, files);
    cache
        .publish(
            key(name),
            vec![("folder".into(), folder)],
            "{}".into(),
            "{}".into(),
        )
        .unwrap()
}

pub fn write_files(folder: &Path, files: &[(&str, &[u8])]) {
    for (path, content) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

pub fn blob_of(content: &[u8]) -> Blob {
    Blob {
        digest: Digest::of(content),
        size: content.len() as u64,
    }
}

/// Replaces a blob's file as damage would.
pub fn damage(cache: &Cache, content: &[u8], replacement: &[u8]) -> PathBuf {
    let path = cache.blob_path(&blob_of(content));
    fs::remove_file(&path).unwrap();
    fs::write(&path, replacement).unwrap();
    path
}

pub fn assert_clean(cache: &Cache) {
    let report = cache.verify(&|_| ()).unwrap();
    assert!(report.is_clean(), "{report:?}");
}

/// The names in a folder, sorted.
pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

const ROLE: &str = "CACHE_TEST_ROOT";

/// The store that a test function is to work on when it runs as a child process.
pub fn child_root() -> Option<PathBuf> {
    std::env::var_os(ROLE).map(PathBuf::from)
}

/// A command that runs the test function `name` of this binary as a child process.
pub fn child(name: &str, root: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(ROLE, root)
        .stdout(Stdio::piped());
    command
}

pub fn assert_success(child: Child) {
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout)
    );
}
