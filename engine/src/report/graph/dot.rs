//! The graph in Graphviz's DOT language.

use super::{Graph, Orientation, State};
use crate::report::markup::push;

pub(super) fn write(graph: &Graph, orientation: Orientation) -> String {
    let direction = match orientation {
        Orientation::LeftToRight => "LR",
        Orientation::TopToBottom => "TB",
    };
    let mut out = format!(
        "digraph pipeline {{\n    rankdir={direction};\n    node [shape=box, style=rounded, fontname=\"sans-serif\"];\n    \
         edge [fontname=\"sans-serif\", fontsize=10, color=\"#8c96a3\"];\n"
    );
    for (index, node) in graph.nodes.iter().enumerate() {
        let mut label = format!("{}\\n{}", quoted(&node.name), quoted(&node.kind));
        if node.count != 1 {
            push(&mut label, format_args!(" ×{}", node.count));
        }
        if !node.detail.is_empty() {
            push(&mut label, format_args!(" · {}", quoted(&node.detail)));
        }
        push(
            &mut out,
            format_args!("    n{index} [label=\"{label}\", {}];\n", style(node.state)),
        );
    }
    for edge in graph.drawable_edges() {
        let label = if edge.label.is_empty() {
            String::new()
        } else {
            format!(" [label=\"{}\"]", quoted(&edge.label))
        };
        push(
            &mut out,
            format_args!("    n{} -> n{}{label};\n", edge.from, edge.to),
        );
    }
    out.push_str("}\n");
    out
}

fn style(state: State) -> &'static str {
    match state {
        State::Failed => "color=\"#bf2f1c\", penwidth=2",
        State::Skipped => "color=\"#767e89\", style=\"rounded,dashed\"",
        State::Planned => "color=\"#1668a8\", style=\"rounded,dotted\"",
        State::Run => "color=\"#19784a\", penwidth=1.5",
        State::Cached => "color=\"#51687f\"",
    }
}

/// Text for between quotation marks.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            // Graphviz reads HTML references in every label.
            '&' => out.push_str("&amp;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
