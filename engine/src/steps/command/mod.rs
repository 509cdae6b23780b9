//! `op = "command"`: a program of the user's own.
//!
//! | file | what it holds |
//! |---|---|
//! | `group` | the command and all that it starts, which end as one |
//! | `watchdog` | what ends them if the engine is killed |

mod group;
mod watchdog;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::{Access, access};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::Problem;
use super::{Context, InputPort, Ordered, OutputPort, PortType, Step, StepError, StepKind};
use group::Group;

/// Variables that every command sees beside those that the step lists.
const PASSED_ON: [&str; 7] = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "TZ"];

/// How much of a failed command's output is shown.
const SHOWN_BYTES: u64 = 8192;

/// Runs a program with `sh -c`, in the project's root.
///
/// It finds the path of each input in `$INPUT_name` (`$INPUT` where the file names no port; one path a line where several
/// instances feed it), where to write each output in `$OUTPUT_name`, the step's seed in `$SEED` and the number of
/// threads that it may use in `$THREADS`. Of the environment it sees PATH, HOME, USER, LANG, LC_ALL, TMPDIR, TZ and the variables
/// listed in `env`, whose values are part of the key. What it prints is shown if it fails.
///
/// When the run is interrupted, it and all that it started are sent SIGTERM, and SIGKILL two seconds later. What it leaves running
/// in the background has two seconds to end.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The command line, for `sh -c`.
    command: String,
    /// Files and folders that it reads, beside its inputs. Their content is part of the key.
    #[serde(default)]
    files: Vec<String>,
    /// The outputs that it writes, each with its type: table (Parquet), metrics (JSON), figure (SVG), model or
    /// vectorizer (a folder), or file.
    /// Without any, there is one: the file `stdout`, what it prints.
    #[serde(default, skip_serializing_if = "Ordered::is_empty")]
    outputs: Ordered<PortType>,
    /// How many cores it makes use of.
    #[serde(default = "one", skip_serializing)]
    #[schemars(range(min = 1), extend("x-speed-only" = true))]
    cores: usize,
}

fn one() -> usize {
    1
}

impl StepKind for Command {
    const OP: &'static str = "command";
    const VERSION: u32 = 1;
}

impl Step for Command {
    fn inputs(&self) -> Vec<InputPort> {
        vec![InputPort::any("inputs", PortType::File)]
    }

    fn outputs(&self) -> Vec<OutputPort> {
        if self.outputs.is_empty() {
            return vec![OutputPort::new("stdout", PortType::File)];
        }
        let port = |(name, port_type): (&str, &PortType)| match port_type {
            PortType::Metrics | PortType::Figure => OutputPort::new(name, *port_type).in_report(),
            _ => OutputPort::new(name, *port_type),
        };
        self.outputs.iter().map(port).collect()
    }

    fn check(&self, check: &mut super::Check) {
        for name in self.outputs.names() {
            if !name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            {
                check.problem(
                    "outputs",
                    format!("`{name}` cannot name an output"),
                    Some("use letters, digits and `_`".to_owned()),
                );
            }
        }
        if self.command.trim().is_empty() {
            check.problem("command", "the command is empty", None);
        }
    }

    fn files(&self, root: &Path) -> Result<Vec<PathBuf>, Problem> {
        let found = |name: &String| {
            let path = root.join(name);
            if path.exists() {
                return Ok(path);
            }
            Err(Problem {
                parameter: "files".to_owned(),
                message: format!("there is no file {name} in {}", root.display()),
                help: Some("paths are relative to the project's root".to_owned()),
            })
        };
        self.files.iter().map(found).collect()
    }

    fn resources(&self) -> super::Resources {
        super::Resources {
            cores: self.cores,
            ..super::Resources::default()
        }
    }

    fn seeded(&self) -> bool {
        self.command.contains("SEED")
    }

    fn sees_env(&self) -> bool {
        true
    }

    fn run(&self, context: &Context<'_>) -> Result<(), StepError> {
        let log_path = context.folder.join(".log");
        let create = |path: &Path| {
            File::create(path).map_err(|error| StepError::io("writing", path, &error))
        };
        let share = |file: &File| {
            file.try_clone()
                .map_err(|error| StepError::io("writing", &log_path, &error))
        };
        let log = create(&log_path)?;
        let stdout = if self.outputs.is_empty() {
            create(&context.output_path("stdout"))?
        } else {
            share(&log)?
        };
        let mut command = std::process::Command::new(shell());
        watchdog::run_watched(&mut command, &self.command);
        command
            .current_dir(context.root)
            .env_clear()
            .envs(
                PASSED_ON
                    .iter()
                    .filter_map(|name| std::env::var_os(name).map(|value| (name, value))),
            )
            .envs(context.env.iter().map(|(name, value)| (name, value)))
            .envs(input_variables(context))
            .envs(
                self.outputs
                    .names()
                    .map(|name| (format!("OUTPUT_{name}"), context.output_path(name))),
            )
            .env("SEED", context.seed.to_string())
            .env("THREADS", context.threads().to_string())
            .stdout(stdout)
            .stderr(share(&log)?)
            .process_group(0);
        let child = command.spawn().map_err(|error| {
            StepError::new(format!("starting `sh`: {error}"))
                .help("the op `command` needs a POSIX shell")
        })?;
        let status = Group::new(child).wait(context)?;
        if !status.success() {
            let printed = tail(&log_path);
            let ended = match status.code() {
                Some(code) => format!("the command ended with exit code {code}"),
                None => format!("the command was ended by a signal ({status})"),
            };
            return Err(StepError::new(ended)
                .help(format!(
                    "it ran in {} as: {}",
                    context.root.display(),
                    self.command
                ))
                .output(printed));
        }
        self.outputs
            .iter()
            .try_for_each(|(name, port_type)| check_output(name, *port_type, context, &log_path))
    }
}

/// Where `sh` is. Given a path, the standard library starts it by `posix_spawn`; given a name and an environment of its
/// own, by `fork`, which copies the page tables of the whole engine: 2 ms a step at 10,000 steps.
fn shell() -> &'static Path {
    static SHELL: OnceLock<PathBuf> = OnceLock::new();
    SHELL.get_or_init(|| {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&folders)
            .map(|folder| folder.join("sh"))
            .find(|path| path.is_absolute() && access(path, Access::EXEC_OK).is_ok())
            .unwrap_or_else(|| PathBuf::from("sh"))
    })
}

/// `INPUT_name` and the paths that feed it, one a line.
fn input_variables(context: &Context<'_>) -> BTreeMap<String, String> {
    let mut variables: BTreeMap<String, String> = BTreeMap::new();
    for input in &context.inputs {
        let name = match input
            .coordinates
            .get("input")
            .and_then(|name| name.as_str())
        {
            Some(name) => format!("INPUT_{name}"),
            None => "INPUT".to_owned(),
        };
        let paths = variables.entry(name).or_default();
        if !paths.is_empty() {
            paths.push('\n');
        }
        paths.push_str(&input.path.to_string_lossy());
    }
    variables
}

fn check_output(
    name: &str,
    port_type: PortType,
    context: &Context<'_>,
    log: &Path,
) -> Result<(), StepError> {
    let path = context.output_path(name);
    let wrong = |message: String| StepError::new(message).output(tail(log));
    if !path.exists() {
        return Err(
            wrong(format!("the command did not write its output `{name}`"))
                .help(format!("write it to \"$OUTPUT_{name}\"")),
        );
    }
    match port_type {
        PortType::Table => {
            table::parquet_file::parquet_schema(&path).map_err(|error| {
                wrong(format!("the output `{name}` is no Parquet file: {error}"))
            })?;
        }
        PortType::Metrics => {
            context
                .read_json::<serde_json::Value>(&path)
                .map_err(|error| wrong(format!("the output `{name}` is no JSON: {error}")))?;
        }
        PortType::Figure | PortType::File if path.is_dir() => {
            return Err(wrong(format!(
                "the output `{name}` is a folder, and a {} is a file",
                port_type.name()
            )));
        }
        PortType::Figure | PortType::File => {}
        PortType::Model | PortType::Vectorizer | PortType::Tokenizer | PortType::Index
            if !path.is_dir() =>
        {
            return Err(wrong(format!(
                "the output `{name}` is a file, and a {} is a folder",
                port_type.name()
            )));
        }
        PortType::Model | PortType::Vectorizer | PortType::Tokenizer | PortType::Index => {}
    }
    Ok(())
}

/// The end of what a command printed.
fn tail(path: &Path) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(SHOWN_BYTES)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    String::from_utf8_lossy(&bytes).trim_end().to_owned()
}
