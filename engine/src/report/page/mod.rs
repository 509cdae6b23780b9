//! The report of a run: one HTML file that needs nothing else, online or off.
//!
//! [`Page`] is plain data, `render` makes the file. It loads nothing (its content security policy forbids it), follows
//! the reader's light or dark scheme, fits a phone, prints, and can be read without its script.

mod header;
mod parts;
mod results;
mod steps;
mod toml;

use std::time::Duration;

use super::graph::{Graph, State};
use super::markup::{escaped, push};
use super::svg::style_element;
use super::table::TextTable;

/// Everything that a report says about a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The pipeline's name.
    pub pipeline: String,
    /// What distinguishes this run from others of the pipeline.
    pub run_id: String,
    /// How it ended.
    pub status: Status,
    /// When it began, as it is to be read.
    pub started: String,
    /// How long it took.
    pub duration: Duration,
    /// The command line.
    pub command: String,
    /// The steps and what flows between them.
    pub graph: Graph,
    /// What became of each step, in the order of the pipeline file.
    pub steps: Vec<Step>,
    /// Settings of the pipeline as a whole: its seed, its variables.
    pub parameters: Vec<Parameter>,
    /// Single numbers, by what they measure.
    pub metrics: Vec<MetricGroup>,
    /// Tables among the results.
    pub tables: Vec<Table>,
    /// Figures among the results.
    pub figures: Vec<Figure>,
    /// What failed.
    pub failures: Vec<Failure>,
    /// Versions, processor, device, commit: names and values.
    pub environment: Vec<(String, String)>,
    /// The pipeline file.
    pub source: Source,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// Every step has its outputs.
    #[default]
    Succeeded,
    /// At least one step failed.
    Failed,
    /// It was stopped before its end.
    Interrupted,
}

/// A step of the pipeline. Its state is the most urgent of its instances' states.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// Its name in the pipeline file.
    pub name: String,
    /// Its kind, such as `train`.
    pub kind: String,
    /// Its parameters: names and values.
    pub parameters: Vec<(String, String)>,
    /// Its instances: one, or one for each cell of its matrix.
    pub instances: Vec<Instance>,
}

/// One execution of a step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Instance {
    /// Its place in the matrix, such as `n = 64, seed = 1`; empty without a matrix.
    pub coordinates: String,
    /// What became of it.
    pub state: State,
    /// Why it ran, such as `slices.n: 64 → 128`; empty if it did not.
    pub why: String,
    /// When it started, counted from the start of the run.
    pub started: Duration,
    /// How long it took.
    pub wall: Duration,
    /// The most memory it held, in bytes, where that is known.
    pub peak_memory: Option<u64>,
    /// What it made.
    pub outputs: Vec<Output>,
}

/// An output of an instance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// Its port.
    pub port: String,
    /// Its size.
    pub bytes: u64,
    /// What it is, such as `1,657 rows × 12 columns`.
    pub detail: String,
}

/// A setting of the whole pipeline.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameter {
    /// Its name, such as `vars.data`.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Whether the command line set it.
    pub overridden: bool,
}

/// Metrics that belong together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricGroup {
    /// Where they come from, such as the step.
    pub title: String,
    /// The metrics.
    pub metrics: Vec<Metric>,
}

/// A measured number.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metric {
    /// Its name, such as `micro F1`.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// A confidence interval of it.
    pub interval: Option<(f64, f64)>,
}

/// A table among the results.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Its title, such as the step and port it comes from.
    pub title: String,
    /// A remark, such as `the first 20 of 1,657 rows`.
    pub note: String,
    /// What it is one of several of, such as `bayes_scores.report, 18 instances`: those that follow each other fold up together.
    /// Empty for a table of its own.
    pub group: String,
    /// Its content.
    pub content: TextTable,
}

/// A figure among the results.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Its title, such as the step and port it comes from.
    pub title: String,
    /// A remark.
    pub note: String,
    /// The figure itself.
    pub drawing: Drawing,
}

/// An SVG file and how far it can be trusted.
#[derive(Clone, Debug, PartialEq)]
pub enum Drawing {
    /// Made by [`plot`](super::plot) or [`graph`](super::graph): becomes a part of the page.
    Own(String),
    /// Made by something else: shown as an image, which runs no script and loads nothing.
    Foreign(String),
}

/// What failed and what it said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Failure {
    /// The step.
    pub step: String,
    /// Its instance; empty without a matrix.
    pub coordinates: String,
    /// What went wrong.
    pub message: String,
    /// What to do next; empty if that is not known.
    pub help: String,
    /// What it printed; empty if nothing.
    pub output: String,
}

/// The pipeline file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Source {
    /// Where it is.
    pub path: String,
    /// What it says.
    pub text: String,
}

/// Nothing may be loaded from anywhere; the page's own style, script and images suffice.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

impl Page {
    /// The report as an HTML file.
    pub fn render(&self) -> String {
        let mut sections = vec![
            results::failures(self),
            parts::graph(self),
            results::figures(self),
            results::metrics(self),
            results::tables(self),
            steps::steps(self),
            parts::parameters(self),
            parts::environment(self),
            parts::source(self),
        ];
        sections.retain(|section| !section.body.is_empty());

        let mut out = String::with_capacity(1 << 16);
        let title = escaped(&self.pipeline);
        push(
            &mut out,
            format_args!(
                "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
                 <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
                 <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
                 <meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n\
                 <title>{title} · {} · {}</title>\n<style>{}</style>\n{}\n</head>\n<body>\n",
                escaped(&self.run_id),
                self.status.name(),
                include_str!("style.css"),
                style_element(),
            ),
        );
        header::header(&mut out, self);
        out.push_str("<nav aria-label=\"Sections\"><ul>");
        for section in &sections {
            push(
                &mut out,
                format_args!("<li><a href=\"#{}\">{}</a></li>", section.id, section.title),
            );
        }
        out.push_str("</ul></nav>\n<main>\n");
        for section in &sections {
            push(
                &mut out,
                format_args!(
                    "<section id=\"{0}\" aria-labelledby=\"{0}-title\">\n<h2 id=\"{0}-title\">{1}</h2>\n{2}</section>\n",
                    section.id, section.title, section.body
                ),
            );
        }
        push(
            &mut out,
            format_args!(
                "</main>\n<script>{}</script>\n</body>\n</html>\n",
                include_str!("script.js")
            ),
        );
        out
    }
}

/// A part of the page; left out if its body is empty.
struct Section {
    id: &'static str,
    title: &'static str,
    body: String,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

impl Step {
    fn state(&self) -> State {
        self.instances
            .iter()
            .map(|instance| instance.state)
            .min()
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
