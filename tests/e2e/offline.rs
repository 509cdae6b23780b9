//! The engine on the processor without any network, and projects with the pipelines of this repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// The engine with arguments, to be started.
pub fn command(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_engine"));
    command
        .current_dir(root)
        .args(arguments)
        .env_remove("ENGINE_CACHE")
        .env("ENGINE_DEVICE", "cpu")
        .env("HF_HOME", root.join("hub"))
        // Nobody answers there.
        .env("HF_ENDPOINT", "http://127.0.0.1:9")
        .env("https_proxy", "http://127.0.0.1:9");
    command
}

/// What became of the engine with arguments.
pub fn engine(root: &Path, arguments: &[&str]) -> Output {
    command(root, arguments).output().unwrap()
}

/// All that it printed.
pub fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&text).into_owned()
}

/// What it printed, if it succeeded.
pub fn succeed(root: &Path, arguments: &[&str]) -> String {
    let output = engine(root, arguments);
    let said = said(&output);
    assert!(output.status.success(), "engine {arguments:?}\n{said}");
    said
}

/// Copies an output of a pipeline to the path `to` of a project.
pub fn export(root: &Path, pipeline: &str, output: &str, to: &str) -> PathBuf {
    succeed(root, &["show", pipeline, output, "--export", to]);
    root.join(to)
}

/// A project with a copy of the folder `pipelines`.
pub fn project() -> TempDir {
    let project = tempfile::tempdir().unwrap();
    fs::create_dir(project.path().join(".git")).unwrap();
    let pipelines = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pipelines");
    copy(&pipelines, &project.path().join("pipelines"));
    project
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, to).unwrap();
        }
    }
}
