//! `engine ops`: the reference of all kinds of steps.

use std::process::ExitCode;

use clap::Args;
use miette::{Result, miette};

use super::terminal::{print, stdout_width};
use crate::reference::{Reference, list, to_markdown, to_text};
use crate::steps::kinds;
use table::near_miss;

/// Lists the kinds of steps, or explains one: what it does, its parameters, its inputs and outputs.
#[derive(Debug, Args)]
pub struct Ops {
    /// The kind to explain: `load`, `train` (lists its methods), `train.naive_bayes`.
    kind: Option<String>,
    /// As a page of Markdown.
    #[arg(long)]
    markdown: bool,
}

impl Ops {
    /// Prints the reference.
    pub fn execute(self) -> Result<ExitCode> {
        let mut references: Vec<Reference> = kinds().iter().map(Reference::of).collect();
        references.sort_by(|a, b| a.name.cmp(&b.name));
        let wanted: Vec<&Reference> = match &self.kind {
            None => references.iter().collect(),
            Some(name) => named(&references, name)?,
        };
        let width = stdout_width();
        let text = match wanted.as_slice() {
            _ if self.markdown && self.kind.is_none() => to_markdown(&references),
            wanted if self.markdown => wanted
                .iter()
                .map(|reference| crate::reference::section(reference))
                .collect(),
            [only] if self.kind.is_some() => to_text(only, width),
            several => format!("{}\n`engine ops KIND` explains one\n", list(several, width)),
        };
        print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The kind `name`, or all methods of the op `name`.
fn named<'a>(references: &'a [Reference], name: &str) -> Result<Vec<&'a Reference>> {
    let found: Vec<&Reference> = references
        .iter()
        .filter(|reference| reference.name == name || reference.op == name)
        .collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let names = references
        .iter()
        .flat_map(|reference| [reference.name.as_str(), reference.op]);
    let help = match near_miss(name, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`engine ops` lists all".to_owned(),
    };
    Err(miette!(help = help, "there is no kind of step `{name}`"))
}
