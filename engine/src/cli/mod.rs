//! The command line: one file a subcommand. Prints, and knows nothing else.

mod cache;
mod completions;
mod console;
mod devices;
mod diff;
mod graph;
mod init;
mod log;
mod named;
mod ops;
mod outcome;
mod plan;
mod predict;
mod report;
mod run;
mod runs;
mod schema;
mod show;
mod terminal;
mod units;
mod workplace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use log::LogFormat;

/// Runs pipelines over texts: a TOML file describes the steps, and only what a change touches runs again.
#[derive(Debug, Parser)]
#[command(name = "engine", version, about, max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// How events are printed: as text, or as one JSON object a line.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    log: LogFormat,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    Plan(plan::PlanCommand),
    Graph(graph::GraphCommand),
    Show(show::Show),
    Predict(predict::Predict),
    Runs(runs::Runs),
    Diff(diff::Diff),
    Report(report::Report),
    Init(init::Init),
    Ops(ops::Ops),
    Schema(schema::Schema),
    Cache(cache::CacheCommand),
    Devices(devices::Devices),
    Completions(completions::Completions),
}

/// Parses the command line, does what it says, prints what went wrong, and gives the exit code: 0 for success, 1 for a
/// failed step, 2 for a file or a command line that makes no sense, 130 for an interruption.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    log::start(arguments.log);
    let done = match arguments.command {
        Command::Run(command) => command.execute(arguments.log),
        Command::Plan(command) => command.execute(),
        Command::Graph(command) => command.execute(),
        Command::Show(command) => command.execute(),
        Command::Predict(command) => command.execute(),
        Command::Runs(command) => command.execute(),
        Command::Diff(command) => command.execute(),
        Command::Report(command) => command.execute(),
        Command::Init(command) => command.execute(),
        Command::Ops(command) => command.execute(),
        Command::Schema(command) => command.execute(),
        Command::Cache(command) => command.execute(),
        Command::Devices(command) => command.execute(),
        Command::Completions(command) => command.execute(),
    };
    done.unwrap_or_else(|report| {
        terminal::say(&format!("{report:?}"));
        ExitCode::from(2)
    })
}
