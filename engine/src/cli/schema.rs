//! `engine schema`: pipeline files as a JSON Schema.

use std::process::ExitCode;

use clap::Args;
use miette::{IntoDiagnostic, Result};

use super::terminal::print;
use crate::reference::file_schema;

/// Prints the JSON Schema (draft 2020-12) of pipeline files, for editors that complete and check TOML.
#[derive(Debug, Args)]
pub struct Schema {}

impl Schema {
    /// Prints the schema.
    pub fn execute(self) -> Result<ExitCode> {
        let text = serde_json::to_string_pretty(&file_schema()).into_diagnostic()?;
        print(&format!("{text}\n"))?;
        Ok(ExitCode::SUCCESS)
    }
}
