//! `engine show`: an output of a pipeline, as far as a terminal can show it.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cache::{Artifact, Cache};
use clap::Args;
use miette::{IntoDiagnostic, Result, WrapErr, miette};
use table::parquet_file::parquet_schema;

use super::named::cached;
use super::terminal::{Paint, print, stdout_width};
use super::workplace::{CacheArguments, PipelineArguments};
use crate::report::number;
use crate::report::table::{Column, TextTable};
use crate::results::artifact::{numbers, table_head};
use crate::results::output::OutputName;
use crate::steps::PortType;

/// Without a terminal, tables are cut to this many characters a line.
const WIDTH_ELSEWHERE: usize = 200;
/// Of one text, more is never shown.
const CELL_CHARACTERS: usize = 400;

/// Shows an output of a step: the head of a table, the numbers of metrics, the path of anything else.
#[derive(Debug, Args)]
pub struct Show {
    #[command(flatten)]
    pipeline: PipelineArguments,
    /// The output: STEP (its first), STEP.PORT, or STEP[n=8,seed=0].PORT for an instance of a matrix.
    output: String,
    /// How many rows of a table.
    #[arg(long, value_name = "N", default_value_t = 10)]
    rows: usize,
    /// Which columns of a table, separated by commas.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    columns: Vec<String>,
    /// Metrics as they are, as JSON.
    #[arg(long)]
    json: bool,
    /// Copies the output to this place instead of showing it.
    #[arg(long, value_name = "PATH")]
    export: Option<PathBuf>,
    #[command(flatten)]
    cache: CacheArguments,
}

impl Show {
    /// Finds the output in the cache and prints it.
    pub fn execute(self) -> Result<ExitCode> {
        let pipeline = self.pipeline.open()?;
        let output = OutputName::find(&pipeline, &self.output)?;
        let cache = self.cache.open(&pipeline.root)?;
        let (_, artifact) = cached(&pipeline, &cache, &output)?;
        if let Some(to) = &self.export {
            return export(&cache, &artifact, to);
        }
        let path = cache.artifact_path(&artifact).into_diagnostic()?;
        let mut text = self.head(&output, &artifact);
        match output.port.port_type {
            PortType::Table => text.push_str(&self.table(&path)?),
            PortType::Metrics if self.json => text = read(&path)?,
            PortType::Metrics => text.push_str(&metrics(&path)?),
            _ => text = format!("{}\n", path.display()),
        }
        print(&text)?;
        Ok(ExitCode::SUCCESS)
    }

    /// What it is, its size, and what else the step gives.
    fn head(&self, output: &OutputName<'_>, artifact: &Artifact) -> String {
        let paint = Paint::for_stdout();
        let name = format!("{}.{}", output.instance.name, output.port.name);
        let mut text = format!(
            "{}  {}, {}\n",
            paint.strong(&name),
            output.port.port_type.name(),
            number::bytes(artifact.size())
        );
        let others = output.instance.output_ports.iter();
        let others: Vec<&str> = others
            .map(|port| port.name.as_str())
            .filter(|other| output.is_first && *other != output.port.name)
            .collect();
        if !others.is_empty() {
            let line = format!("other outputs: {}", others.join(", "));
            let _infallible = writeln!(text, "{}", paint.faint(&line));
        }
        text.push('\n');
        text
    }

    fn table(&self, path: &Path) -> Result<String> {
        let schema = parquet_schema(path).into_diagnostic()?;
        let mut head = table_head(path, self.rows, CELL_CHARACTERS).into_diagnostic()?;
        if !self.columns.is_empty() {
            head.content = chosen(&head.content, &self.columns)?;
        }
        let columns: Vec<String> = schema
            .fields()
            .iter()
            .map(|field| format!("{} ({})", field.name(), table::type_name(field.data_type())))
            .collect();
        let mut text = format!(
            "{} rows; columns: {}\n\n",
            number::count(head.rows as u64),
            columns.join(", ")
        );
        let width = stdout_width().unwrap_or(WIDTH_ELSEWHERE);
        text.push_str(&head.content.to_text(Some(width)));
        let more = head.rows.saturating_sub(self.rows);
        if more > 0 {
            let _infallible = writeln!(text, "… and {} more rows", number::count(more as u64));
        }
        Ok(text)
    }
}

fn chosen(table: &TextTable, names: &[String]) -> Result<TextTable> {
    let mut indices = Vec::with_capacity(names.len());
    for name in names {
        let all = table.columns.iter().map(|column| column.name.as_str());
        let found = all.clone().position(|column| column == name.trim());
        indices.push(found.ok_or_else(|| {
            let known: Vec<&str> = all.clone().collect();
            let help = match table::near_miss(name, all.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("columns: {}", known.join(", ")),
            };
            miette!(help = help, "the table has no column `{name}`")
        })?);
    }
    let pick = |row: &Vec<String>| indices.iter().map(|&at| row[at].clone()).collect();
    Ok(TextTable {
        columns: indices
            .iter()
            .map(|&at| table.columns[at].clone())
            .collect(),
        rows: table.rows.iter().map(pick).collect(),
    })
}

fn metrics(path: &Path) -> Result<String> {
    let metrics: serde_json::Value = serde_json::from_str(&read(path)?)
        .into_diagnostic()
        .wrap_err_with(|| format!("reading the metrics in {}", path.display()))?;
    let mut table = TextTable::new([Column::text("metric"), Column::number("value")]);
    for (name, value) in numbers(&metrics) {
        table.rows.push(vec![name, number::plain(value)]);
    }
    Ok(table.to_text(stdout_width()))
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path)
        .into_diagnostic()
        .wrap_err_with(|| format!("reading {}", path.display()))
}

/// Copies an output to a place that is free.
fn export(cache: &Cache, artifact: &Artifact, to: &Path) -> Result<ExitCode> {
    if to.symlink_metadata().is_ok() {
        return Err(miette!(
            help = "name a place that is free; nothing is overwritten",
            "there is something at {} already",
            to.display()
        ));
    }
    cache.materialize(artifact, to).into_diagnostic()?;
    print(&format!("{}\n", to.display()))?;
    Ok(ExitCode::SUCCESS)
}
