//! `engine plan`: what is cached, what will run, and why.

use std::process::ExitCode;

use clap::Args;
use miette::Result;

use super::workplace::{CacheArguments, PipelineArguments};
use crate::pipeline::Pipeline;
use crate::plan::{Plan, Planned, Resolver, Selection};
use crate::run::History;

/// Says for each step whether it is cached, or why it will run. Changes nothing.
#[derive(Debug, Args)]
pub struct PlanCommand {
    #[command(flatten)]
    pipeline: PipelineArguments,
    #[command(flatten)]
    cache: CacheArguments,
    /// Lists every instance of a matrix by itself.
    #[arg(long)]
    all: bool,
}

impl PlanCommand {
    /// Plans and prints.
    pub fn execute(self) -> Result<ExitCode> {
        let pipeline = self.pipeline.open()?;
        let cache = self.cache.open(&pipeline.root)?;
        let history = History::of_project(&pipeline.root);
        let previous = history.previous(&pipeline.name, &cache);
        let selection = Selection::everything(&pipeline);
        let plan = Plan::make(
            &pipeline,
            &Resolver::new(&pipeline, &cache),
            &selection,
            &previous,
        )?;
        print_plan(&pipeline, &plan, self.all);
        Ok(ExitCode::SUCCESS)
    }
}

/// Prints a plan, a line a step, or a line an instance.
pub fn print_plan(pipeline: &Pipeline, plan: &Plan, all: bool) {
    let width = pipeline
        .steps
        .iter()
        .map(|step| step.name.len())
        .max()
        .unwrap_or(0);
    for step in &pipeline.steps {
        let mut lines: Vec<(String, usize, String)> = Vec::new();
        for index in step.instances.clone() {
            let name = if all {
                pipeline.instances[index].name.clone()
            } else {
                step.name.clone()
            };
            let words = words(&plan.instances[index]);
            match lines
                .iter_mut()
                .find(|(other, _, same)| *other == name && *same == words)
            {
                Some((_, count, _)) => *count += 1,
                None => lines.push((name, 1, words)),
            }
        }
        for (name, count, words) in lines {
            let times = if count > 1 {
                format!(" (x{count})")
            } else {
                String::new()
            };
            println!("{name:width$}  {words}{times}");
        }
    }
    let count = |wanted: fn(&Planned) -> bool| {
        plan.instances
            .iter()
            .filter(|planned| wanted(planned))
            .count()
    };
    let cached = count(|planned| matches!(planned, Planned::Cached(_)));
    let run = count(|planned| matches!(planned, Planned::Run(_)));
    let may_run = count(|planned| matches!(planned, Planned::MayRun(_)));
    println!("\n{cached} cached, {run} will run, {may_run} may run");
}

fn words(planned: &Planned) -> String {
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
