//! The report page of a run, from its journal, its pipeline and the cache.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use cache::{Action, Cache, Lookup};
use serde_json::Value as Json;

use super::artifact::{decimal, numbers, table_head};
use super::environment::environment;
use super::graph::step_graph;
use crate::pipeline::Pipeline;
use crate::report::graph::State;
use crate::report::number;
use crate::report::page::{
    Drawing, Failure, Figure, Instance, Metric, MetricGroup, Output, Page, Parameter, Source,
    Status, Step, Table,
};
use crate::report::table::{Column, TextTable};
use crate::run::history::{Outcome, StepRecord};
use crate::run::{RunRecord, RunStatus};
use crate::steps::port::{PortType, Show};

/// Rows of a table that the report shows.
const TABLE_ROWS: usize = 50;
/// Instances of one step whose tables and figures the report shows.
const INSTANCES_SHOWN: usize = 3;
/// Numbers of one metrics file that the report shows.
const NUMBERS_SHOWN: usize = 24;

/// Makes the page and leaves it as `report.html` in the run's folder, complete or not at all.
pub fn write_report(pipeline: &Pipeline, cache: &Cache, run: &RunRecord) -> io::Result<()> {
    let path = run.folder.report();
    let unfinished = path.with_extension("html.new");
    std::fs::write(&unfinished, page(pipeline, cache, run).render())?;
    std::fs::rename(unfinished, path)
}

/// The page of a run.
pub fn page(pipeline: &Pipeline, cache: &Cache, run: &RunRecord) -> Page {
    let records: HashMap<&str, &StepRecord> = run
        .steps
        .iter()
        .map(|step| (step.name.as_str(), step))
        .collect();
    let record = |index: usize| {
        records
            .get(pipeline.instances[index].name.as_str())
            .copied()
    };
    let state =
        |index: usize| record(index).map_or(State::Planned, |record| state_of(record.outcome));
    let detail = |step: usize| {
        let wall: u64 = pipeline.steps[step]
            .instances
            .clone()
            .filter_map(record)
            .map(|record| record.wall_ms)
            .sum();
        if wall > 0 {
            number::duration(Duration::from_millis(wall))
        } else {
            String::new()
        }
    };
    let mut results = Results {
        pipeline,
        cache,
        metrics: Vec::new(),
        tables: Vec::new(),
        figures: Vec::new(),
    };
    let mut steps = Vec::with_capacity(pipeline.steps.len());
    for entry in &pipeline.steps {
        let mut instances = Vec::with_capacity(entry.instances.len());
        let mut finished = Vec::new();
        for index in entry.instances.clone() {
            let action = record(index).and_then(|record| record.key).and_then(|key| {
                match cache.lookup(&key) {
                    Lookup::Hit(action) => Some(action),
                    _ => None,
                }
            });
            instances.push(instance_row(
                &pipeline.instances[index],
                record(index),
                action.as_ref(),
            ));
            finished.extend(action.map(|action| (index, action)));
        }
        results.add_step(&entry.name, &finished);
        steps.push(Step {
            name: entry.name.clone(),
            kind: pipeline
                .instances
                .get(entry.instances.start)
                .map(|first| first.kind.name().into_owned())
                .unwrap_or_default(),
            parameters: parameters_of(pipeline, entry.instances.clone()),
            instances,
        });
    }
    Page {
        pipeline: pipeline.name.clone(),
        run_id: run.folder.id.clone(),
        status: match run.status {
            Some(RunStatus::Succeeded) => Status::Succeeded,
            Some(RunStatus::Failed) => Status::Failed,
            Some(RunStatus::Interrupted) | None => Status::Interrupted,
        },
        started: jiff::Timestamp::from_second(run.started)
            .map(|moment| moment.strftime("%-d %B %Y, %H:%M UTC").to_string())
            .unwrap_or_default(),
        duration: Duration::from_millis(run.wall_ms),
        command: std::iter::once("engine")
            .chain(run.arguments.iter().map(String::as_str))
            .collect::<Vec<_>>()
            .join(" "),
        graph: step_graph(pipeline, &state, &detail),
        steps,
        parameters: settings(run),
        metrics: results.metrics,
        tables: results.tables,
        figures: results.figures,
        failures: run.steps.iter().filter_map(failure_of).collect(),
        environment: environment(&pipeline.root, &run.engine),
        source: Source {
            path: run.file.clone(),
            text: pipeline.text.to_string(),
        },
    }
}

fn state_of(outcome: Outcome) -> State {
    match outcome {
        Outcome::Cached | Outcome::Shared => State::Cached,
        Outcome::Ran => State::Run,
        Outcome::Failed => State::Failed,
        Outcome::Stopped | Outcome::Skipped => State::Skipped,
    }
}

fn instance_row(
    instance: &crate::pipeline::Instance,
    record: Option<&StepRecord>,
    action: Option<&Action>,
) -> Instance {
    let notes = action
        .map(crate::run::notes_of)
        .unwrap_or_default()
        .join("; ");
    let outputs = record
        .map(|record| record.outputs.as_slice())
        .unwrap_or_default();
    Instance {
        coordinates: instance.coordinates.to_string(),
        state: record.map_or(State::Planned, |record| state_of(record.outcome)),
        why: record
            .map(|record| record.why.join("; "))
            .unwrap_or_default(),
        started: Duration::from_millis(record.map_or(0, |record| record.started)),
        wall: Duration::from_millis(record.map_or(0, |record| record.wall_ms)),
        peak_memory: None,
        outputs: outputs
            .iter()
            .enumerate()
            .map(|(at, output)| Output {
                port: output.port.clone(),
                bytes: output.size,
                detail: if at == 0 {
                    notes.clone()
                } else {
                    String::new()
                },
            })
            .collect(),
    }
}

/// The parameters of a step; of those that differ between its instances, that they do.
fn parameters_of(pipeline: &Pipeline, instances: std::ops::Range<usize>) -> Vec<(String, String)> {
    let all: Vec<Json> = pipeline.instances[instances]
        .iter()
        .map(|instance| instance.parameters.to_json())
        .collect();
    let Some(Json::Object(first)) = all.first() else {
        return Vec::new();
    };
    first
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| {
            let varies = all.iter().any(|other| other.get(name) != Some(value));
            let text = match value {
                _ if varies => "by matrix".to_owned(),
                Json::String(text) => text.clone(),
                other => other.to_string(),
            };
            (name.clone(), text)
        })
        .collect()
}

fn settings(run: &RunRecord) -> Vec<Parameter> {
    let is_set = |name: &str| {
        let prefix = format!("{name}=");
        run.arguments
            .iter()
            .any(|word| word.trim_start_matches("--set=").starts_with(&prefix))
    };
    let setting = |name: String, value: String| Parameter {
        overridden: is_set(&name),
        name,
        value,
    };
    let vars = run.vars.iter().map(|(name, value)| {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        setting(format!("vars.{name}"), text)
    });
    std::iter::once(setting("pipeline.seed".to_owned(), run.seed.to_string()))
        .chain(vars)
        .collect()
}

fn failure_of(record: &StepRecord) -> Option<Failure> {
    let failure = record.failure.as_ref()?;
    let (step, coordinates) = match record.name.split_once('[') {
        Some((step, rest)) => (step, rest.trim_end_matches(']')),
        None => (record.name.as_str(), ""),
    };
    Some(Failure {
        step: step.to_owned(),
        coordinates: coordinates.to_owned(),
        message: failure.message.clone(),
        help: failure.help.clone().unwrap_or_default(),
        output: failure.output.clone().unwrap_or_default(),
    })
}

struct Results<'a> {
    pipeline: &'a Pipeline,
    cache: &'a Cache,
    metrics: Vec<MetricGroup>,
    tables: Vec<Table>,
    figures: Vec<Figure>,
}

impl Results<'_> {
    fn add_step(&mut self, step: &str, finished: &[(usize, Action)]) {
        let Some((first, _)) = finished.first() else {
            return;
        };
        for port in &self.pipeline.instances[*first].output_ports {
            if port.show == Show::OnDemand {
                continue;
            }
            if port.port_type == PortType::Metrics && finished.len() > 1 {
                self.add_metrics_table(step, &port.name, finished);
                continue;
            }
            for (index, action) in finished.iter().take(INSTANCES_SHOWN) {
                self.add_output(*index, action, &port.name, port.port_type);
            }
        }
    }

    fn path(&self, action: &Action, port: &str) -> Option<std::path::PathBuf> {
        self.cache.artifact_path(action.output(port)?).ok()
    }

    fn add_output(&mut self, index: usize, action: &Action, port: &str, port_type: PortType) {
        let instance = &self.pipeline.instances[index];
        let Some(path) = self.path(action, port) else {
            return;
        };
        let title = format!("{}.{port}", instance.name);
        match port_type {
            PortType::Table => {
                if let Ok(head) = table_head(&path, TABLE_ROWS, 120) {
                    let shown = head.content.rows.len();
                    let note = if shown < head.rows {
                        format!(
                            "the first {shown} of {} rows",
                            number::count(head.rows as u64)
                        )
                    } else {
                        String::new()
                    };
                    self.tables.push(Table {
                        title,
                        note,
                        content: head.content,
                    });
                }
            }
            PortType::Figure => {
                if let Ok(svg) = std::fs::read_to_string(&path) {
                    let own = instance.kind.op != "command";
                    let drawing = if own {
                        Drawing::Own(svg)
                    } else {
                        Drawing::Foreign(svg)
                    };
                    self.figures.push(Figure {
                        title,
                        note: String::new(),
                        drawing,
                    });
                }
            }
            PortType::Metrics => {
                let metrics = read_metrics(&path);
                let metrics = metrics
                    .into_iter()
                    .map(|(name, value)| Metric {
                        name,
                        value,
                        interval: None,
                    })
                    .collect();
                self.metrics.push(MetricGroup { title, metrics });
            }
            _ => {}
        }
    }

    /// The metrics of all instances of a matrix step: a row an instance.
    fn add_metrics_table(&mut self, step: &str, port: &str, finished: &[(usize, Action)]) {
        let mut names: Vec<String> = Vec::new();
        let mut rows: Vec<(usize, HashMap<String, f64>)> = Vec::new();
        for (index, action) in finished {
            let Some(path) = self.path(action, port) else {
                continue;
            };
            let metrics = read_metrics(&path);
            for (name, _) in &metrics {
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }
            rows.push((*index, metrics.into_iter().collect()));
        }
        let columns =
            std::iter::once(Column::text("instance")).chain(names.iter().map(Column::number));
        let mut content = TextTable::new(columns);
        for (index, metrics) in rows {
            let cells = names.iter().map(|name| {
                metrics
                    .get(name)
                    .map(|value| decimal(*value))
                    .unwrap_or_default()
            });
            let coordinates = self.pipeline.instances[index].coordinates.to_string();
            content
                .rows
                .push(std::iter::once(coordinates).chain(cells).collect());
        }
        self.tables.push(Table {
            title: format!("{step}.{port}"),
            note: String::new(),
            content,
        });
    }
}

/// The numbers of a metrics file that say most: those that are nested least, in the order of the file.
fn read_metrics(path: &std::path::Path) -> Vec<(String, f64)> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let json: Json = serde_json::from_str(&text).unwrap_or_default();
    let mut found = numbers(&json);
    found.sort_by_key(|(name, _)| name.matches('.').count());
    found.truncate(NUMBERS_SHOWN);
    found
}
