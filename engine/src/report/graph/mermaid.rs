//! The graph in Mermaid's flowchart language.

use super::{Graph, Orientation, State};
use crate::report::markup::push;

pub(super) fn write(graph: &Graph, orientation: Orientation) -> String {
    let direction = match orientation {
        Orientation::LeftToRight => "LR",
        Orientation::TopToBottom => "TB",
    };
    let mut out = format!("flowchart {direction}\n");
    for (index, node) in graph.nodes.iter().enumerate() {
        let mut text = format!("{}<br/>{}", quoted(&node.name), quoted(&node.kind));
        if node.count != 1 {
            push(&mut text, format_args!(" ×{}", node.count));
        }
        if !node.detail.is_empty() {
            push(&mut text, format_args!(" · {}", quoted(&node.detail)));
        }
        push(
            &mut out,
            format_args!("    n{index}[\"{text}\"]:::{}\n", node.state.name()),
        );
    }
    for edge in graph.drawable_edges() {
        let arrow = if edge.label.is_empty() {
            "-->".to_owned()
        } else {
            format!("-->|\"{}\"|", quoted(&edge.label))
        };
        push(
            &mut out,
            format_args!("    n{} {arrow} n{}\n", edge.from, edge.to),
        );
    }
    for state in State::ALL
        .into_iter()
        .filter(|state| graph.nodes.iter().any(|node| node.state == *state))
    {
        push(
            &mut out,
            format_args!("    classDef {} {}\n", state.name(), style(state)),
        );
    }
    out
}

fn style(state: State) -> &'static str {
    match state {
        State::Failed => "stroke:#bf2f1c,stroke-width:2px",
        State::Skipped => "stroke:#767e89,stroke-dasharray:4 3",
        State::Planned => "stroke:#1668a8,stroke-dasharray:2 2",
        State::Run => "stroke:#19784a,stroke-width:2px",
        State::Cached => "stroke:#51687f",
    }
}

/// Text for between quotation marks: all that Mermaid or HTML could read as syntax becomes its character code.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_alphanumeric() || " _-.,·×→".contains(c) => out.push(c),
            c if c.is_control() => out.push(' '),
            c => push(&mut out, format_args!("#{};", u32::from(c))),
        }
    }
    out
}
