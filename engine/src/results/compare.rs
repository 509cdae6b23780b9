//! What differs between two runs: what they were told, what their steps were made of, what came out.

use std::collections::BTreeMap;

use cache::{Action, Cache, Lookup};
use serde_json::Value as Json;

use super::artifact::numbers;
use crate::plan::{Manifest, explain};
use crate::run::{RunRecord, StepRecord};
use crate::steps::{OutputPort, PortType, kinds};

/// Metrics larger than this are no metrics that anyone compares by eye.
const METRICS_BYTES: u64 = 1 << 20;

/// What differs between two runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// Variables and the seed.
    pub settings: Vec<Difference>,
    /// Instances that only the first run had.
    pub removed: Vec<String>,
    /// Instances that only the second run had.
    pub added: Vec<String>,
    /// Instances that both had, and that were made of other things.
    pub changed: Vec<Change>,
    /// Instances that were the same in both.
    pub same: usize,
    /// Numbers among the metrics.
    pub metrics: Vec<MetricDifference>,
}

/// A value in both runs; `None` where a run did not have it.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// What it is: `vars.alpha`.
    pub name: String,
    /// In the first run.
    pub before: Option<Json>,
    /// In the second run.
    pub after: Option<Json>,
}

/// Why instances of a step were not the same; several of one step share an entry if they share all reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The instances.
    pub instances: Vec<String>,
    /// What changed, in words: `fit.alpha: 1.0 -> 0.5`.
    pub differences: Vec<String>,
}

/// A number that both runs measured.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricDifference {
    /// The instance and, if it has several outputs with metrics, the port.
    pub source: String,
    /// The metric: `micro.f1`.
    pub name: String,
    /// In the first run.
    pub before: f64,
    /// In the second run.
    pub after: f64,
}

/// Compares two runs as far as the cache still knows what their steps were made of.
pub fn compare(before: &RunRecord, after: &RunRecord, cache: &Cache) -> Comparison {
    let mut comparison = Comparison {
        settings: settings(before, after),
        ..Comparison::default()
    };
    let old: BTreeMap<&str, &StepRecord> = by_name(before);
    let new: BTreeMap<&str, &StepRecord> = by_name(after);
    let missing = |these: &[StepRecord], those: &BTreeMap<&str, &StepRecord>| {
        let names = these.iter().map(|step| step.name.clone());
        names
            .filter(|name| !those.contains_key(name.as_str()))
            .collect()
    };
    comparison.removed = missing(&before.steps, &new);
    comparison.added = missing(&after.steps, &old);
    for step in &after.steps {
        let Some(old) = old.get(step.name.as_str()) else {
            continue;
        };
        match (old.key, step.key) {
            (Some(old), Some(new)) if old == new => comparison.same += 1,
            (Some(_), Some(_)) => {
                let (old, new) = (action(cache, old), action(cache, step));
                comparison.add_change(
                    &step.name,
                    differences(&step.name, old.as_ref(), new.as_ref()),
                );
                if let (Some(old), Some(new)) = (&old, &new) {
                    comparison.add_metrics(&step.name, cache, old, new);
                }
            }
            (Some(_), None) => {
                comparison.add_change(
                    &step.name,
                    vec!["did not finish in the second run".to_owned()],
                );
            }
            (None, Some(_)) => {
                comparison.add_change(
                    &step.name,
                    vec!["did not finish in the first run".to_owned()],
                );
            }
            (None, None) => {}
        }
    }
    comparison
}

impl Comparison {
    /// Whether the runs gave the same.
    pub fn is_empty(&self) -> bool {
        self.settings.is_empty()
            && self.removed.is_empty()
            && self.added.is_empty()
            && self.changed.is_empty()
    }

    fn add_change(&mut self, name: &str, differences: Vec<String>) {
        let of_step = |change: &&mut Change| {
            change.instances.first().map(|first| step_of(first)) == Some(step_of(name))
                && change.differences == differences
        };
        match self.changed.iter_mut().find(of_step) {
            Some(change) => change.instances.push(name.to_owned()),
            None => self.changed.push(Change {
                instances: vec![name.to_owned()],
                differences,
            }),
        }
    }

    fn add_metrics(&mut self, name: &str, cache: &Cache, old: &Action, new: &Action) {
        let ports = metrics_ports(new);
        for port in &ports {
            let source = match ports.len() {
                1 => name.to_owned(),
                _ => format!("{name}.{}", port.name),
            };
            let old: BTreeMap<String, f64> = metrics(cache, old, &port.name).into_iter().collect();
            for (metric, after) in metrics(cache, new, &port.name) {
                if let Some(&before) = old.get(&metric) {
                    self.metrics.push(MetricDifference {
                        source: source.clone(),
                        name: metric,
                        before,
                        after,
                    });
                }
            }
        }
    }
}

fn by_name(run: &RunRecord) -> BTreeMap<&str, &StepRecord> {
    let steps = run.steps.iter();
    steps.map(|step| (step.name.as_str(), step)).collect()
}

fn step_of(instance: &str) -> &str {
    instance.split('[').next().unwrap_or(instance)
}

fn settings(before: &RunRecord, after: &RunRecord) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut add = |name: String, before: Option<Json>, after: Option<Json>| {
        if before != after {
            differences.push(Difference {
                name,
                before,
                after,
            });
        }
    };
    add(
        "pipeline".to_owned(),
        Some(Json::from(before.pipeline.clone())),
        Some(Json::from(after.pipeline.clone())),
    );
    add(
        "pipeline.seed".to_owned(),
        Some(Json::from(before.seed)),
        Some(Json::from(after.seed)),
    );
    for (name, value) in &after.vars {
        add(
            format!("vars.{name}"),
            before.vars.get(name).cloned(),
            Some(value.clone()),
        );
    }
    for (name, value) in &before.vars {
        if !after.vars.contains_key(name) {
            add(format!("vars.{name}"), Some(value.clone()), None);
        }
    }
    differences
}

fn action(cache: &Cache, step: &StepRecord) -> Option<Action> {
    match cache.lookup(&step.key?) {
        Lookup::Hit(action) | Lookup::Missing { action, .. } => Some(action),
        Lookup::Miss => None,
    }
}

fn differences(name: &str, old: Option<&Action>, new: Option<&Action>) -> Vec<String> {
    let manifest = |action: Option<&Action>| Manifest::from_text(&action?.manifest);
    let (Some(old), Some(new)) = (manifest(old), manifest(new)) else {
        return vec!["changed; the cache no longer knows how".to_owned()];
    };
    explain(step_of(name), &old, &new, &[])
}

/// The outputs with metrics of the step that an action is the result of.
fn metrics_ports(action: &Action) -> Vec<OutputPort> {
    let ports = || {
        let manifest = Manifest::from_text(&action.manifest)?;
        let kind = kinds().iter().find(|kind| kind.name() == manifest.kind)?;
        Some(kind.build(manifest.parameters).ok()?.step.outputs())
    };
    let is_metrics = |port: &OutputPort| port.port_type == PortType::Metrics;
    ports().into_iter().flatten().filter(is_metrics).collect()
}

fn metrics(cache: &Cache, action: &Action, port: &str) -> Vec<(String, f64)> {
    let read = || {
        let artifact = action.output(port)?;
        if artifact.size() > METRICS_BYTES {
            return None;
        }
        let bytes = std::fs::read(cache.artifact_path(artifact).ok()?).ok()?;
        let metrics: Json = serde_json::from_slice(&bytes).ok()?;
        Some(numbers(&metrics))
    };
    read().unwrap_or_default()
}
