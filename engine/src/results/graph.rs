//! The pipeline as a graph of steps; a matrix step is one node with a count.

use std::collections::BTreeMap;

use crate::pipeline::Pipeline;
use crate::report::graph::{Edge, Graph, Node, State};

/// The graph of a pipeline. `state` and `detail` say what became of each instance and of each step.
pub fn step_graph(
    pipeline: &Pipeline,
    state: &dyn Fn(usize) -> State,
    detail: &dyn Fn(usize) -> String,
) -> Graph {
    let nodes = pipeline
        .steps
        .iter()
        .enumerate()
        .map(|(at, step)| {
            let kinds = &pipeline.instances[step.instances.clone()];
            let first = kinds
                .first()
                .map(|instance| instance.kind.name().into_owned())
                .unwrap_or_default();
            let same = kinds.iter().all(|instance| instance.kind.name() == first);
            Node {
                name: step.name.clone(),
                kind: if same {
                    first
                } else {
                    kinds[0].kind.op.to_owned()
                },
                count: step.instances.len(),
                state: step.instances.clone().map(state).min().unwrap_or_default(),
                detail: detail(at),
            }
        })
        .collect();
    let mut ports: BTreeMap<(usize, usize), Vec<&str>> = BTreeMap::new();
    for instance in &pipeline.instances {
        for link in &instance.links {
            let producer = &pipeline.instances[link.producer];
            let label = if producer.output_ports.len() > 1 {
                link.output.as_str()
            } else {
                ""
            };
            let labels = ports.entry((producer.step, instance.step)).or_default();
            if !label.is_empty() && !labels.contains(&label) {
                labels.push(label);
            }
        }
    }
    let edges = ports
        .into_iter()
        .map(|((from, to), labels)| {
            let label = if labels.len() <= 3 {
                labels.join(", ")
            } else {
                format!("{}, … {}", labels[0], labels[labels.len() - 1])
            };
            Edge { from, to, label }
        })
        .collect();
    Graph { nodes, edges }
}
