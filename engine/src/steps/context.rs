//! What a running step sees: its inputs, its seed, a place for its outputs, and a way to say how far it is.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use table::{Table, columns, parquet_file};
use tensor::cpu::Cores;
use tensor::{Device, DeviceChoice};

use crate::pipeline::matrix::Coordinates;

use super::StepError;
use super::port::{OutputPort, PortType};

/// An artifact that feeds a port.
#[derive(Clone, Debug)]
pub struct Input {
    /// The port that it feeds.
    pub port: String,
    /// Its coordinates on the axes that the consumer does not share.
    pub coordinates: Coordinates,
    /// The file or folder to read; never to be written.
    pub path: PathBuf,
}

/// Receives how far a step is.
pub trait Progress: Sync {
    /// `done` of `total` (0: unknown) `unit`s.
    fn update(&self, done: u64, total: u64, unit: &'static str);

    /// What is worth seeing meanwhile, such as a loss; each time in place of what was said before.
    fn detail(&self, _text: &str) {}
}

/// What a running step sees.
pub struct Context<'a> {
    /// The artifacts that feed it, in the order of the file.
    pub inputs: Vec<Input>,
    /// Its output ports.
    pub outputs: Vec<OutputPort>,
    /// A folder of its own, where it leaves a file or folder for each output port, and whatever it needs meanwhile.
    pub folder: PathBuf,
    /// A folder that outlives a failed or interrupted run of this very step, for work that can be taken up again.
    pub resume_folder: PathBuf,
    /// The project's root, to which paths in the file are relative.
    pub root: &'a Path,
    /// The seed of its random numbers.
    pub seed: u64,
    /// The cores that it may use: more of them while no other step wants them.
    pub cores: Cores,
    /// What it computes tensors on.
    pub device: DeviceChoice,
    /// The environment variables that it listed, with their values.
    pub env: Vec<(String, String)>,
    /// Set when it should stop.
    pub cancelled: &'a AtomicBool,
    /// Receives how far it is.
    pub progress: &'a dyn Progress,
    /// What it said about its results.
    pub notes: Mutex<Vec<String>>,
}

impl Context<'_> {
    /// Stops the step if the run was interrupted.
    pub fn check(&self) -> Result<(), StepError> {
        if self.is_cancelled() {
            Err(StepError::Cancelled)
        } else {
            Ok(())
        }
    }

    /// Whether the run was interrupted.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Opens what tensors are computed on.
    pub fn open_device(&self) -> Result<Device, StepError> {
        Ok(Device::open(self.device, self.cores.clone())?)
    }

    /// How many threads it may use at the moment.
    pub fn threads(&self) -> usize {
        self.cores.now()
    }

    /// Threads for work on texts, which report progress in rows and stop when the run is interrupted.
    pub fn workers(&self) -> text::Workers<'_> {
        text::Workers::new(self.threads()).with_hook(self)
    }

    /// Says something about the result in half a line, kept with it: `7,187 rows, 71 duplicates removed`.
    pub fn note(&self, text: impl Into<String>) {
        if let Ok(mut notes) = self.notes.lock() {
            notes.push(text.into());
        }
    }

    /// Everything that feeds `port`.
    pub fn all<'b>(&'b self, port: &'b str) -> impl Iterator<Item = &'b Input> {
        self.inputs.iter().filter(move |input| input.port == port)
    }

    /// The one file or folder that feeds `port`.
    pub fn path(&self, port: &str) -> Result<&Path, StepError> {
        self.optional_path(port)
            .ok_or_else(|| StepError::new(format!("nothing feeds the port `{port}`")))
    }

    /// The file or folder that feeds `port`, if one does.
    pub fn optional_path(&self, port: &str) -> Option<&Path> {
        self.inputs
            .iter()
            .find(|input| input.port == port)
            .map(|input| input.path.as_path())
    }

    /// The table that feeds `port`. Several are put together, with their coordinates as columns.
    pub fn table(&self, port: &str) -> Result<Table, StepError> {
        self.read_tables(port, |input| {
            Ok(parquet_file::read_parquet(&input.path, None)?)
        })
    }

    /// The table that feeds `port`, of its own columns only the named ones.
    pub fn columns(&self, port: &str, names: &[&str]) -> Result<Table, StepError> {
        self.read_tables(port, |input| {
            let mut own: Vec<&str> = Vec::with_capacity(names.len());
            for &name in names {
                if input.coordinates.get(name).is_none() && !own.contains(&name) {
                    own.push(name);
                }
            }
            Ok(parquet_file::read_parquet(&input.path, Some(&own))?)
        })
    }

    fn read_tables(
        &self,
        port: &str,
        read: impl Fn(&Input) -> Result<Table, StepError>,
    ) -> Result<Table, StepError> {
        let mut tables = Vec::new();
        for input in self.all(port) {
            tables.push(with_coordinates(read(input)?, &input.coordinates)?);
        }
        match tables.len() {
            0 => Err(StepError::new(format!("nothing feeds the port `{port}`"))),
            1 => Ok(tables.swap_remove(0)),
            _ => Ok(table::concat(&tables)?),
        }
    }

    /// The table that feeds `port`, if one does.
    pub fn optional_table(&self, port: &str) -> Result<Option<Table>, StepError> {
        self.optional_path(port)
            .map(|_| self.table(port))
            .transpose()
    }

    /// Reads a JSON artifact.
    pub fn read_json<T: DeserializeOwned>(&self, path: &Path) -> Result<T, StepError> {
        let bytes = std::fs::read(path).map_err(|error| StepError::io("reading", path, &error))?;
        serde_json::from_slice(&bytes)
            .map_err(|error| StepError::new(format!("reading {}: {error}", path.display())))
    }

    /// Where the output `port` is to be written.
    pub fn output_path(&self, port: &str) -> PathBuf {
        self.folder.join(port)
    }

    /// Writes a table to an output port.
    pub fn write_table(&self, port: &str, table: &Table) -> Result<(), StepError> {
        parquet_file::write_parquet(&self.output_path(port), table)?;
        Ok(())
    }

    /// Writes JSON to an output port.
    pub fn write_json<T: Serialize>(&self, port: &str, value: &T) -> Result<(), StepError> {
        let mut text = serde_json::to_string_pretty(value).map_err(|error| {
            StepError::new(format!("writing the output `{port}` as JSON: {error}"))
        })?;
        text.push('\n');
        self.write_text(port, &text)
    }

    /// Writes text, such as a figure, to an output port.
    pub fn write_text(&self, port: &str, text: &str) -> Result<(), StepError> {
        let path = self.output_path(port);
        std::fs::write(&path, text).map_err(|error| StepError::io("writing", &path, &error))
    }

    /// The output ports of a type.
    pub fn outputs_of(&self, port_type: PortType) -> impl Iterator<Item = &OutputPort> {
        self.outputs
            .iter()
            .filter(move |output| output.port_type == port_type)
    }
}

impl text::Hook for Context<'_> {
    fn progress(&self, done: usize, total: usize) {
        self.progress.update(done as u64, total as u64, "rows");
    }

    fn cancelled(&self) -> bool {
        self.is_cancelled()
    }
}

fn with_coordinates(mut table: Table, coordinates: &Coordinates) -> Result<Table, StepError> {
    let rows = table.num_rows();
    for (name, value) in coordinates.iter() {
        let column = match value {
            Json::Bool(flag) => columns::bools(std::iter::repeat_n(*flag, rows)),
            Json::Number(number) => match number.as_i64() {
                Some(integer) => columns::ints(std::iter::repeat_n(integer, rows)),
                None => columns::floats(std::iter::repeat_n(
                    number.as_f64().unwrap_or(f64::NAN),
                    rows,
                )),
            },
            Json::String(text) => columns::text(std::iter::repeat_n(text, rows)),
            other => columns::text(std::iter::repeat_n(other.to_string(), rows)),
        };
        table = table.with_column(name, column)?;
    }
    Ok(table)
}
