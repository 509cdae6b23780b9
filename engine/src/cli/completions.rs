//! `engine completions`: what makes a shell complete the engine's command line.

use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use miette::{IntoDiagnostic, Result};

use super::terminal::print;

/// Prints a completion script for a shell, as for `source <(engine completions bash)`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    /// Prints the script.
    pub fn execute(self) -> Result<ExitCode> {
        let mut script = Vec::new();
        let mut command = super::Arguments::command();
        clap_complete::generate(self.shell, &mut command, "engine", &mut script);
        print(&String::from_utf8(script).into_diagnostic()?)?;
        Ok(ExitCode::SUCCESS)
    }
}
