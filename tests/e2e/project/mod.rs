//! A project in a folder of its own, and the real binary at work in it.

use std::path::{Path, PathBuf};
use std::process::Command;

use cache::Cache;
use engine::run::{History, RunRecord, StepRecord};
use table::Table;
use table::parquet_file::read_parquet;
use tempfile::TempDir;

/// A project folder with one pipeline, `pipeline.toml`.
pub struct Project {
    folder: TempDir,
}

/// What the binary said and how it ended.
pub struct Said {
    /// The exit code.
    pub code: i32,
    /// What it printed, standard output first.
    pub text: String,
}

impl Project {
    /// A project with this pipeline. In its text, `ISSUES` stands for the path of the embedded sample.
    pub fn new(pipeline: &str) -> Project {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join(".engine")).unwrap();
        let pipeline = pipeline.replace("ISSUES", &sample().display().to_string());
        std::fs::write(folder.path().join("pipeline.toml"), pipeline).unwrap();
        Project { folder }
    }

    /// Writes a file.
    pub fn write(&self, path: &str, content: &str) {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Runs the binary on the pipeline: `engine SUBCOMMAND pipeline.toml ARGUMENTS...`.
    pub fn engine(&self, subcommand: &str, arguments: &[&str]) -> Said {
        self.engine_in(&[], subcommand, arguments)
    }

    /// The same with environment variables.
    pub fn engine_in(&self, env: &[(&str, &str)], subcommand: &str, arguments: &[&str]) -> Said {
        let output = Command::new(env!("CARGO_BIN_EXE_engine"))
            .arg(subcommand)
            .arg("pipeline.toml")
            .args(arguments)
            .current_dir(self.root())
            .env_remove("ENGINE_CACHE")
            .env_remove("RUST_LOG")
            .envs(env.iter().copied())
            .output()
            .unwrap();
        let words = [output.stdout, output.stderr].concat();
        Said {
            code: output.status.code().unwrap_or(-1),
            text: String::from_utf8_lossy(&words).into_owned(),
        }
    }

    /// Runs the pipeline, which must succeed.
    pub fn run(&self) -> Said {
        let said = self.engine("run", &[]);
        assert_eq!(said.code, 0, "{}", said.text);
        said
    }

    /// What the last run did.
    pub fn last_run(&self) -> RunRecord {
        let history = History::of_project(self.root());
        let newest = history.ids().remove(0);
        history.read(&newest).unwrap()
    }

    fn step(&self, name: &str) -> StepRecord {
        let steps = self.last_run().steps.into_iter();
        let mut found = steps.filter(|step| step.name == name);
        found.next().unwrap_or_else(|| panic!("no step {name}"))
    }

    /// What a step said about its results in the last run.
    pub fn notes(&self, step: &str) -> Vec<String> {
        self.step(step).notes
    }

    /// The path of `STEP.PORT` of the last run.
    pub fn path(&self, name: &str) -> PathBuf {
        let (step, port) = name.split_once('.').unwrap();
        let cache = Cache::open(&self.root().join(".engine/cache")).unwrap();
        let action = cache.lookup(&self.step(step).key.unwrap()).hit().unwrap();
        cache.artifact_path(action.output(port).unwrap()).unwrap()
    }

    /// The table `STEP.PORT` of the last run.
    pub fn table(&self, name: &str) -> Table {
        read_parquet(&self.path(name), None).unwrap()
    }
}

/// The project's own folder.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The embedded sample.
pub fn sample() -> PathBuf {
    repository().join("pipelines/data/issues.jsonl")
}
