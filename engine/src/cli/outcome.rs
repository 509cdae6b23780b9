//! What stands on the terminal when a run is over: its headline tables, a summary, the report, what to do next.

use std::fmt::Write;

use cache::Cache;
use miette::Result;

use super::console::words::{milliseconds, steps};
use super::terminal::{Paint, print, say, stdout_width};
use super::workplace::shown;
use crate::pipeline::Pipeline;
use crate::plan::remembered::Shown;
use crate::results;
use crate::run::{RunFolder, RunStatus, Summary};

/// More headline tables are left to the report.
const HEADLINES: usize = 6;

/// Prints the results of a run, and on stderr what can be done next.
pub fn print_outcome(
    pipeline: &Pipeline,
    cache: &Cache,
    summary: &Summary,
    folder: &RunFolder,
) -> Result<()> {
    let shown = results::shown(pipeline, &|index| summary.actions[index].as_ref());
    let mut text = headlines(cache, &shown);
    let paint = Paint::for_stdout();
    let mark = match summary.status {
        RunStatus::Succeeded => paint.good("✓"),
        RunStatus::Failed => paint.bad("✗"),
        RunStatus::Interrupted => paint.warn("-"),
    };
    let left = steps_left(pipeline, summary);
    let counts = [
        (summary.ran, "ran"),
        (summary.cached, "cached"),
        (summary.failed, "failed"),
        (left, "left"),
    ];
    let counts: Vec<String> = counts
        .into_iter()
        .filter(|(count, word)| *count > 0 || *word == "ran")
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let _infallible = writeln!(
        text,
        "{mark} {} {} in {}: {}",
        paint.strong(&pipeline.name),
        summary.status.name(),
        milliseconds(summary.wall_ms),
        counts.join(", ")
    );
    report_line(&mut text, folder);
    print(&text)?;
    let paint = Paint::for_stderr();
    match summary.status {
        RunStatus::Succeeded => {}
        RunStatus::Failed => say(&format!(
            "{} {}   (what has finished is not run again)\n",
            paint.live("to try again:"),
            command_line()
        )),
        RunStatus::Interrupted => say(&format!(
            "{} {}   (what has finished is not run again)\n",
            paint.live("to go on from here:"),
            command_line()
        )),
    }
    Ok(())
}

/// Prints the results of a run that had nothing to do, because `folder`'s did it before.
pub fn print_nothing_to_do(
    pipeline: &str,
    cache: &Cache,
    shown: &[Shown],
    cached: usize,
    folder: &RunFolder,
) -> Result<()> {
    let mut text = headlines(cache, shown);
    let paint = Paint::for_stdout();
    let _infallible = writeln!(
        text,
        "{} {}: nothing to do, {} cached",
        paint.good("✓"),
        paint.strong(pipeline),
        steps(cached)
    );
    report_line(&mut text, folder);
    print(&text)
}

fn report_line(text: &mut String, folder: &RunFolder) {
    let report = folder.report();
    if report.exists() {
        let _infallible = writeln!(text, "  report: {}", shown(&report));
    }
}

fn steps_left(pipeline: &Pipeline, summary: &Summary) -> usize {
    let done = summary.ran + summary.cached + summary.failed;
    pipeline.instances.len().saturating_sub(done)
}

/// The tables that belong at the end of a run, each below its name.
fn headlines(cache: &Cache, shown: &[Shown]) -> String {
    let paint = Paint::for_stdout();
    let headlines = results::headlines(cache, shown);
    let mut text = String::new();
    for headline in headlines.iter().take(HEADLINES) {
        let title = paint.strong(&headline.title);
        let _infallible = writeln!(text, "{title}\n{}", headline.table.to_text(stdout_width()));
    }
    let more = headlines.len().saturating_sub(HEADLINES);
    if more > 0 {
        let _infallible = writeln!(text, "… and {more} more tables in the report\n");
    }
    text
}

/// The command line that was given, as it can be typed again.
fn command_line() -> String {
    let words = std::env::args().skip(1).map(|word| quoted(&word));
    let words: Vec<String> = std::iter::once("engine".to_owned()).chain(words).collect();
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_a_shell_would_take_apart_is_quoted() {
        assert_eq!(quoted("--set"), "--set");
        assert_eq!(quoted("vars.n=[1, 2]"), "'vars.n=[1, 2]'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted(""), "''");
    }
}
