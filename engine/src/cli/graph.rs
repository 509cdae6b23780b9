//! `engine graph`: the steps of a pipeline and what flows between them.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use miette::{IntoDiagnostic, Result, WrapErr};

use super::terminal::print;
use super::workplace::PipelineArguments;
use crate::report::graph::{Orientation, State};
use crate::results::graph::step_graph;

/// Draws the steps of a pipeline; a step with a matrix is one node with a count.
#[derive(Debug, Args)]
pub struct GraphCommand {
    #[command(flatten)]
    pipeline: PipelineArguments,
    /// What is written. Default: by the name of the output file, else Mermaid.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Writes to this file instead of the standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// From top to bottom instead of from left to right.
    #[arg(long)]
    vertical: bool,
}

/// How a graph is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A drawing.
    Svg,
    /// For Markdown on GitHub and GitLab.
    Mermaid,
    /// For Graphviz.
    Dot,
}

impl GraphCommand {
    /// Writes the graph.
    pub fn execute(self) -> Result<ExitCode> {
        let pipeline = self.pipeline.open()?;
        let graph = step_graph(&pipeline, &|_| State::Planned, &|_| String::new());
        let orientation = match self.vertical {
            true => Orientation::TopToBottom,
            false => Orientation::LeftToRight,
        };
        let text = match self.format() {
            Format::Svg => graph.to_svg(orientation),
            Format::Mermaid => graph.to_mermaid(orientation),
            Format::Dot => graph.to_dot(orientation),
        };
        match &self.output {
            None => print(&text)?,
            Some(path) => std::fs::write(path, text)
                .into_diagnostic()
                .wrap_err_with(|| format!("writing {}", path.display()))?,
        }
        Ok(ExitCode::SUCCESS)
    }

    fn format(&self) -> Format {
        let by_name = || {
            let extension = self.output.as_ref()?.extension()?.to_str()?;
            match extension {
                "svg" => Some(Format::Svg),
                "dot" | "gv" => Some(Format::Dot),
                _ => None,
            }
        };
        self.format.or_else(by_name).unwrap_or(Format::Mermaid)
    }
}
