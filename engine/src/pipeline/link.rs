//! Connects the instances: references resolved, ports and types matched, cycles found, columns followed.

use std::collections::HashMap;

use arrow_schema::{DataType, Field, SchemaRef};
use petgraph::graph::{DiGraph, NodeIndex};
use serde_json::Value as Json;

use crate::steps::Check;
use crate::steps::check::with_fields;
use crate::steps::port::{InputPort, PortType};

use super::build::{Draft, DraftInstance, problem_mistake};
use super::matrix::Coordinates;
use super::mistake::{Mistake, Mistakes};
use super::reference::{Feed, Reference};
use super::value::Span;
use super::{Instance, Link, StepEntry};

/// The steps in the order of the file, and their instances with producers before consumers.
pub struct Linked {
    pub steps: Vec<StepEntry>,
    pub instances: Vec<Instance>,
}

/// Links all drafts. With a cycle, the result is empty and the mistakes say where the cycle is.
pub fn link(drafts: Vec<Draft<'_>>, mistakes: &mut Mistakes) -> Linked {
    let by_name: HashMap<&str, usize> = drafts
        .iter()
        .enumerate()
        .map(|(at, draft)| (draft.key.name.as_str(), at))
        .collect();
    for reference in drafts
        .iter()
        .flat_map(|draft| &draft.unbuilt_feeds)
        .flat_map(|feed| &feed.from)
    {
        if !by_name.contains_key(reference.step.as_str()) {
            mistakes.push(unknown_step(reference, &by_name));
        }
    }
    let Some(order) = order_of(&drafts, &by_name, mistakes) else {
        return Linked {
            steps: Vec::new(),
            instances: Vec::new(),
        };
    };
    let mut ranges: Vec<std::ops::Range<usize>> = vec![0..0; drafts.len()];
    let mut next = 0;
    for &at in &order {
        ranges[at] = next..next + drafts[at].instances.len();
        next += drafts[at].instances.len();
    }
    let linker = Linker {
        drafts: &drafts,
        by_name: &by_name,
        ranges: &ranges,
    };
    let mut links: Vec<Vec<Link>> = Vec::with_capacity(next);
    let mut columns = Columns::default();
    for &at in &order {
        for instance in &drafts[at].instances {
            let found = linker.links_of(&drafts[at], instance, mistakes);
            columns.check(&drafts[at], instance, &found, mistakes);
            links.push(found);
        }
    }
    let steps = drafts
        .iter()
        .zip(&ranges)
        .map(|(draft, range)| StepEntry {
            name: draft.key.name.clone(),
            span: draft.key.span.clone(),
            instances: range.clone(),
        })
        .collect();
    let mut drafts: Vec<Option<Draft<'_>>> = drafts.into_iter().map(Some).collect();
    let mut links = links.into_iter();
    let mut instances = Vec::with_capacity(next);
    for at in order {
        let draft = drafts[at].take();
        for instance in draft.into_iter().flat_map(|draft| draft.instances) {
            instances.push(Instance {
                step: at,
                name: instance.name,
                coordinates: instance.coordinates,
                kind: instance.kind,
                work: instance.work,
                parameters: instance.parameters,
                seed: instance.seed,
                env: instance.env,
                resources: instance.resources,
                input_ports: instance.input_ports,
                output_ports: instance.output_ports,
                links: links.next().unwrap_or_default(),
                files: instance.files,
            });
        }
    }
    Linked { steps, instances }
}

/// The drafts with producers before consumers, or `None` where there is a cycle.
fn order_of(
    drafts: &[Draft<'_>],
    by_name: &HashMap<&str, usize>,
    mistakes: &mut Mistakes,
) -> Option<Vec<usize>> {
    let producers = |at: usize| {
        let draft = &drafts[at];
        let feeds = draft.instances.iter().flat_map(|instance| &instance.feeds);
        feeds
            .chain(&draft.unbuilt_feeds)
            .flat_map(|feed| &feed.from)
            .filter_map(|reference| by_name.get(reference.step.as_str()).copied())
    };
    if (0..drafts.len()).all(|at| producers(at).all(|producer| producer < at)) {
        return Some((0..drafts.len()).collect());
    }
    let mut graph: DiGraph<usize, ()> = DiGraph::with_capacity(drafts.len(), drafts.len());
    for at in 0..drafts.len() {
        graph.add_node(at);
    }
    for at in 0..drafts.len() {
        for producer in producers(at) {
            graph.update_edge(NodeIndex::new(producer), NodeIndex::new(at), ());
        }
    }
    if let Ok(order) = petgraph::algo::toposort(&graph, None) {
        return Some(order.into_iter().map(NodeIndex::index).collect());
    }
    for mut ring in petgraph::algo::tarjan_scc(&graph) {
        ring.sort();
        let Some(&first) = ring.first() else { continue };
        if ring.len() == 1 && !graph.contains_edge(first, first) {
            continue;
        }
        let names: Vec<&str> = ring
            .iter()
            .map(|node| drafts[node.index()].key.name.as_str())
            .collect();
        let message = match names.as_slice() {
            [only] => format!("the step `{only}` feeds itself"),
            several => format!(
                "the steps `{}` feed each other in a ring",
                several.join("`, `")
            ),
        };
        let mistake = Mistake::new(drafts[first.index()].key.span.clone(), message)
            .label("the ring begins here");
        mistakes.push(mistake.help("take one of these inputs away"));
    }
    None
}

struct Linker<'a> {
    drafts: &'a [Draft<'a>],
    by_name: &'a HashMap<&'a str, usize>,
    ranges: &'a [std::ops::Range<usize>],
}

impl Linker<'_> {
    fn links_of(
        &self,
        draft: &Draft<'_>,
        instance: &DraftInstance<'_>,
        mistakes: &mut Mistakes,
    ) -> Vec<Link> {
        let mut links = Vec::with_capacity(instance.feeds.iter().map(|feed| feed.from.len()).sum());
        let mut fed: Vec<(&str, &Feed)> = Vec::with_capacity(instance.feeds.len());
        for feed in &instance.feeds {
            let Some((port, named)) = port_of(draft, instance, feed, mistakes) else {
                continue;
            };
            if let Some((_, earlier)) = fed
                .iter()
                .find(|(name, _)| *name == port.name && !port.arity.takes_several())
            {
                let span = feed
                    .port
                    .as_ref()
                    .or(earlier.port.as_ref())
                    .map_or(draft.key.span.clone(), |(_, span)| span.clone());
                mistakes.push(Mistake::new(
                    span,
                    format!("the port `{}` is fed twice", port.name),
                ));
            }
            fed.push((&port.name, feed));
            let before = links.len();
            for reference in &feed.from {
                self.connect(instance, port, named, reference, &mut links, mistakes);
            }
            let span = feed
                .from
                .first()
                .map_or(draft.key.span.clone(), |reference| reference.span.clone());
            self.check_arity(draft, port, &links[before..], &span, mistakes);
        }
        for port in &instance.input_ports {
            let is_fed = fed.iter().any(|(name, _)| *name == port.name);
            if !is_fed && !port.arity.may_be_open() {
                let message = format!(
                    "nothing feeds the {} `{}` of `{}`",
                    port.port_type.name(),
                    port.name,
                    draft.key.name
                );
                let help = if instance.input_ports.len() == 1 {
                    "add input = \"STEP\"".to_owned()
                } else {
                    let ports: Vec<&str> = instance
                        .input_ports
                        .iter()
                        .map(|port| port.name.as_str())
                        .collect();
                    format!(
                        "add input = {{ {} = \"STEP\" }}; ports: {}",
                        port.name,
                        ports.join(", ")
                    )
                };
                mistakes.push(
                    Mistake::new(draft.key.span.clone(), message)
                        .label("missing here")
                        .help(help),
                );
            }
        }
        links
    }

    fn check_arity(
        &self,
        draft: &Draft<'_>,
        port: &InputPort,
        links: &[Link],
        span: &Span,
        mistakes: &mut Mistakes,
    ) {
        if port.arity.takes_several() || port.port_type == PortType::Table || links.len() < 2 {
            return;
        }
        let message = format!(
            "the port `{}` of `{}` takes one {}, and {} feed it",
            port.name,
            draft.key.name,
            port.port_type.name(),
            links.len()
        );
        let step = self
            .drafts
            .iter()
            .zip(self.ranges)
            .find(|(_, range)| range.contains(&links[0].producer));
        let help = match step {
            Some((producer, _)) => format!(
                "give `{}` the same matrix: matrix = \"{}\"",
                draft.key.name, producer.key.name
            ),
            None => "name one".to_owned(),
        };
        mistakes.push(Mistake::new(span.clone(), message).help(help));
    }

    fn connect(
        &self,
        instance: &DraftInstance<'_>,
        port: &InputPort,
        named: Option<&str>,
        reference: &Reference,
        links: &mut Vec<Link>,
        mistakes: &mut Mistakes,
    ) {
        let Some(&at) = self.by_name.get(reference.step.as_str()) else {
            mistakes.push(unknown_step(reference, self.by_name));
            return;
        };
        let producers = &self.drafts[at].instances;
        let before = links.len();
        for (producer, index) in producers.iter().zip(self.ranges[at].clone()) {
            if !producer.coordinates.agrees_with(&instance.coordinates) {
                continue;
            }
            let Some(output) = output_of(producer, reference, mistakes) else {
                return;
            };
            let Some(output_type) = producer
                .output_ports
                .iter()
                .find(|port| port.name == output)
                .map(|port| port.port_type)
            else {
                return;
            };
            if !output_type.feeds(port.port_type) {
                let message = format!(
                    "`{}.{output}` is a {}, and the port `{}` takes a {}",
                    reference.step,
                    output_type.name(),
                    port.name,
                    port.port_type.name()
                );
                let fitting = producer
                    .output_ports
                    .iter()
                    .find(|other| other.port_type.feeds(port.port_type));
                let mistake = Mistake::new(reference.span.clone(), message);
                mistakes.push(match fitting {
                    Some(fitting) => {
                        mistake.help(format!("`{}.{}` would fit", reference.step, fitting.name))
                    }
                    None => mistake,
                });
                return;
            }
            let mut coordinates = producer.coordinates.without_axes_of(&instance.coordinates);
            if let Some(named) = named {
                coordinates = coordinates.with("input", Json::String(named.to_owned()));
            }
            links.push(Link {
                port: port.name.clone(),
                producer: index,
                output,
                coordinates,
            });
        }
        if links.len() == before && !producers.is_empty() {
            let message = format!(
                "no instance of `{}` fits [{}]",
                reference.step, instance.coordinates
            );
            let mistake = Mistake::new(reference.span.clone(), message);
            mistakes.push(
                mistake.help("an axis that both steps have must hold the same values in both"),
            );
        }
    }
}

fn unknown_step(reference: &Reference, by_name: &HashMap<&str, usize>) -> Mistake {
    let message = format!("there is no step `{}`", reference.step);
    let mistake = Mistake::new(reference.span.clone(), message).label("unknown");
    mistake.near_miss(&reference.step, by_name.keys().copied(), "steps")
}

/// The port that a feed means; for a step with one port of many artifacts, a name that is no port names the artifact.
fn port_of<'a>(
    draft: &Draft<'_>,
    instance: &'a DraftInstance<'_>,
    feed: &'a Feed,
    mistakes: &mut Mistakes,
) -> Option<(&'a InputPort, Option<&'a str>)> {
    let ports = &instance.input_ports;
    let Some((name, span)) = &feed.port else {
        if ports.is_empty() {
            let span = feed
                .from
                .first()
                .map_or(draft.key.span.clone(), |reference| reference.span.clone());
            mistakes.push(Mistake::new(
                span,
                format!("`{}` takes no input", instance.kind.name()),
            ));
        }
        return ports.first().map(|port| (port, None));
    };
    if let Some(port) = ports.iter().find(|port| port.name == *name) {
        return Some((port, None));
    }
    if let [only] = ports.as_slice()
        && only.arity.takes_several()
    {
        return Some((only, Some(name)));
    }
    let mistake = Mistake::new(
        span.clone(),
        format!("`{}` has no input `{name}`", instance.kind.name()),
    )
    .label("unknown");
    mistakes.push(mistake.near_miss(name, ports.iter().map(|port| port.name.as_str()), "inputs"));
    None
}

fn output_of(
    producer: &DraftInstance<'_>,
    reference: &Reference,
    mistakes: &mut Mistakes,
) -> Option<String> {
    let ports = &producer.output_ports;
    let Some(name) = &reference.port else {
        return ports.first().map(|port| port.name.clone());
    };
    let found = ports
        .iter()
        .find(|port| port.name == *name)
        .map(|port| port.name.clone());
    if found.is_none() {
        let message = format!("`{}` has no output `{name}`", reference.step);
        let mistake = Mistake::new(reference.span.clone(), message).label("unknown");
        mistakes.push(mistake.near_miss(
            name,
            ports.iter().map(|port| port.name.as_str()),
            "outputs",
        ));
    }
    found
}

/// The columns of every output that are known so far, by instance and port.
#[derive(Default)]
struct Columns {
    known: HashMap<usize, Vec<(String, SchemaRef)>>,
    next: usize,
}

impl Columns {
    fn check(
        &mut self,
        draft: &Draft<'_>,
        instance: &DraftInstance<'_>,
        links: &[Link],
        mistakes: &mut Mistakes,
    ) {
        let index = self.next;
        self.next += 1;
        let mut inputs: Vec<(String, Option<SchemaRef>)> =
            Vec::with_capacity(instance.input_ports.len());
        for port in &instance.input_ports {
            let mut feeding = links
                .iter()
                .filter(|link| link.port == port.name)
                .peekable();
            if feeding.peek().is_none() {
                continue;
            }
            let schemas = feeding.map(|link| {
                let outputs = self.known.get(&link.producer)?;
                let (_, schema) = outputs
                    .iter()
                    .rev()
                    .find(|(port, _)| *port == link.output)?;
                clashing_axis(draft, port, schema, &link.coordinates, mistakes);
                Some(with_fields(schema, &coordinate_fields(&link.coordinates)))
            });
            let united = schemas.reduce(|united, schema| match (united, schema) {
                (Some(united), Some(schema)) => {
                    let fields: Vec<Field> = schema
                        .fields()
                        .iter()
                        .map(|field| field.as_ref().clone())
                        .collect();
                    Some(with_fields(&united, &fields))
                }
                _ => None,
            });
            inputs.push((port.name.clone(), united.flatten()));
        }
        let mut check = Check::new(inputs);
        instance.work.check(&mut check);
        let (problems, outputs) = check.into_parts();
        for problem in &problems {
            mistakes.push(problem_mistake(problem, &instance.written, &draft.key.span));
        }
        if !outputs.is_empty() {
            self.known.insert(index, outputs);
        }
    }
}

fn clashing_axis(
    draft: &Draft<'_>,
    port: &InputPort,
    schema: &SchemaRef,
    coordinates: &Coordinates,
    mistakes: &mut Mistakes,
) {
    for axis in coordinates.names() {
        if port.port_type == PortType::Table && schema.field_with_name(axis).is_ok() {
            let message = format!(
                "the matrix axis `{axis}` would overwrite the column `{axis}` of what feeds `{}`",
                draft.key.name
            );
            mistakes.push(
                Mistake::new(draft.key.span.clone(), message).help("rename the axis or the column"),
            );
        }
    }
}

fn coordinate_fields(coordinates: &Coordinates) -> Vec<Field> {
    let data_type = |value: &Json| match value {
        Json::Bool(_) => DataType::Boolean,
        Json::Number(number) if number.is_i64() => DataType::Int64,
        Json::Number(_) => DataType::Float64,
        _ => DataType::Utf8,
    };
    coordinates
        .iter()
        .map(|(name, value)| Field::new(name, data_type(value), true))
        .collect()
}
