//! `engine plan`: what is cached, what will run, and why.

use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;
use miette::{IntoDiagnostic, Result};
use serde_json::json;
use unicode_width::UnicodeWidthStr;

use super::terminal::{Paint, print};
use super::workplace::{CacheArguments, PipelineArguments, SelectionArguments, open};
use crate::pipeline::Pipeline;
use crate::plan::{Plan, Planned, Resolver};
use crate::run::History;

/// Says for each step whether it is cached, or why it will run. Changes nothing.
#[derive(Debug, Args)]
pub struct PlanCommand {
    #[command(flatten)]
    pipeline: PipelineArguments,
    #[command(flatten)]
    selection: SelectionArguments,
    /// Lists every instance of a matrix by itself.
    #[arg(long)]
    all: bool,
    /// As JSON, every instance by itself.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    cache: CacheArguments,
}

impl PlanCommand {
    /// Plans and prints.
    pub fn execute(self) -> Result<ExitCode> {
        let (pipeline, cache) = open(&self.pipeline, &self.cache, None)?;
        let selection = self.selection.of(&pipeline)?;
        let history = History::of_project(&pipeline.root);
        let previous = history.previous(&pipeline.name, &cache);
        let plan = Plan::make(
            &pipeline,
            &Resolver::new(&pipeline, &cache),
            &selection,
            &previous,
        )?;
        if self.json {
            print(&to_json(&pipeline, &plan)?)?;
        } else {
            print(&to_text(&pipeline, &plan, self.all))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A plan as lines: one a step, or one an instance. Instances of a step that are planned alike share a line.
pub fn to_text(pipeline: &Pipeline, plan: &Plan, all: bool) -> String {
    let mut lines: Vec<Line<'_>> = Vec::new();
    for step in &pipeline.steps {
        let first = lines.len();
        for index in step.instances.clone() {
            let name = match all {
                true => &pipeline.instances[index].name,
                false => &step.name,
            };
            let planned = &plan.instances[index];
            let words = words(planned);
            let same = |line: &&mut Line<'_>| line.name == name && line.words == words;
            match lines[first..].iter_mut().find(same) {
                Some(line) => line.count += 1,
                None => lines.push(Line {
                    name,
                    planned,
                    words,
                    count: 1,
                }),
            }
        }
    }
    let paint = Paint::for_stdout();
    let width = lines.iter().map(|line| line.name.width()).max();
    let width = width.unwrap_or(0);
    let mut text = String::new();
    for line in &lines {
        let times = match line.count {
            1 => String::new(),
            count => format!(" (x{count})"),
        };
        let words = format!("{}{times}", line.words);
        let words = match line.planned {
            Planned::Left | Planned::Cached(_) => paint.faint(&words),
            Planned::Run(_) => paint.good(&words),
            Planned::MayRun(_) => paint.warn(&words),
        };
        let _infallible = writeln!(text, "{:width$}  {words}", line.name);
    }
    let counts = Counts::of(plan);
    let _infallible = writeln!(
        text,
        "\n{} cached, {} will run, {} may run",
        counts.cached, counts.run, counts.may_run
    );
    text
}

struct Line<'a> {
    name: &'a str,
    planned: &'a Planned,
    words: String,
    count: usize,
}

#[derive(Default)]
struct Counts {
    cached: usize,
    run: usize,
    may_run: usize,
}

impl Counts {
    fn of(plan: &Plan) -> Counts {
        let mut counts = Counts::default();
        for planned in &plan.instances {
            match planned {
                Planned::Left => {}
                Planned::Cached(_) => counts.cached += 1,
                Planned::Run(_) => counts.run += 1,
                Planned::MayRun(_) => counts.may_run += 1,
            }
        }
        counts
    }
}

fn to_json(pipeline: &Pipeline, plan: &Plan) -> Result<String> {
    let instances: Vec<serde_json::Value> = pipeline
        .instances
        .iter()
        .zip(&plan.instances)
        .map(|(instance, planned)| {
            let (state, why) = match planned {
                Planned::Left => ("not_needed", Vec::new()),
                Planned::Cached(_) => ("cached", Vec::new()),
                Planned::Run(why) => ("run", why.iter().map(ToString::to_string).collect()),
                Planned::MayRun(rebuilt) => ("may_run", rebuilt.clone()),
            };
            json!({ "step": instance.name, "state": state, "why": why })
        })
        .collect();
    let counts = Counts::of(plan);
    let plan = json!({
        "pipeline": pipeline.name,
        "cached": counts.cached,
        "run": counts.run,
        "may_run": counts.may_run,
        "steps": instances,
    });
    let text = serde_json::to_string_pretty(&plan).into_diagnostic()?;
    Ok(format!("{text}\n"))
}

/// What a plan says of an instance, in words.
pub fn words(planned: &Planned) -> String {
    match planned {
        Planned::Left => "not needed".to_owned(),
        Planned::Cached(_) => "cached".to_owned(),
        Planned::Run(why) => {
            let why: Vec<String> = why.iter().map(ToString::to_string).collect();
            format!("will run: {}", why.join("; "))
        }
        Planned::MayRun(producers) => format!("may run: {} will be rebuilt", producers.join(", ")),
    }
}
