//! Projects in a temporary folder, and the real binary run in them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A project in a temporary folder.
pub struct Project {
    folder: tempfile::TempDir,
}

/// What a command left.
#[derive(Debug)]
pub struct Finished {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Project {
    /// An empty project; its root is its folder.
    pub fn new() -> Project {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(".engine")).unwrap();
        Project { folder }
    }

    /// Adds or replaces a file.
    pub fn file(self, path: &str, content: &str) -> Project {
        self.write(path, content);
        self
    }

    /// Adds or replaces a file.
    pub fn write(&self, path: &str, content: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// A path below the project's folder.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    /// The project's folder.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// The engine, to be run in the project's folder, in an environment without surprises.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_engine"));
        command
            .args(arguments)
            .current_dir(self.root())
            .env_remove("ENGINE_CACHE")
            .env_remove("NO_COLOR")
            .env_remove("RUST_LOG")
            .env("TERM", "xterm-256color")
            .stdin(Stdio::null());
        command
    }

    /// Runs the engine with `arguments`, separated by spaces, and waits for it.
    pub fn engine(&self, arguments: &str) -> Finished {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        self.engine_with(&arguments)
    }

    /// Runs the engine and waits for it.
    pub fn engine_with(&self, arguments: &[&str]) -> Finished {
        self.command(arguments).output().unwrap().into()
    }
}

impl From<Output> for Finished {
    fn from(output: Output) -> Finished {
        Finished {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Finished {
    /// The same, after making sure that it succeeded.
    pub fn success(self) -> Finished {
        self.exit(0)
    }

    /// The same, after making sure of its exit code.
    pub fn exit(self, code: i32) -> Finished {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
        self
    }
}

/// Waits until `is_so`, or fails after a minute.
pub fn wait_until(what: &str, child: &mut Child, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "waiting until {what}"
        );
        assert!(
            child.try_wait().unwrap().is_none(),
            "it ended before {what}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}
