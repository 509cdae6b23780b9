//! The graph as a drawing.

use std::collections::HashMap;

use super::layout::{ARROW, Extent, Input, Layout, Link, Placed, Way, arrival_extent, layout};
use super::{Graph, Node, Orientation, State};
use crate::report::markup::{escaped, step_anchor};
use crate::report::number;
use crate::report::svg::{Anchor, Canvas, document, fit, number as coordinate, text_width};

const MARGIN: f64 = 14.0;
const NODE_HEIGHT: f64 = 46.0;
const NAME: f64 = 13.0;
const SMALL: f64 = 11.0;
/// Left of a node's text: the sign of its state.
const TEXT_LEFT: f64 = 33.0;
const WIDEST_TEXT: f64 = 170.0;
const LABEL_HEIGHT: f64 = 15.0;

/// Whether nodes lead somewhere.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Links {
    None,
    ToSteps,
}

pub(super) fn draw(graph: &Graph, orientation: Orientation, links: Links) -> String {
    let label = match graph.nodes.len() {
        1 => "Graph of 1 step".to_owned(),
        many => format!("Graph of {} steps", number::count(many as u64)),
    };
    let mut canvas = Canvas::default();
    if graph.nodes.is_empty() {
        canvas.text(
            "muted",
            (MARGIN, 26.0),
            Anchor::Start,
            "The pipeline has no steps.",
        );
        return document("Graph without steps", "img", &canvas.finish(240.0, 42.0));
    }

    let view = View { orientation };
    let input = view.input(graph);
    let placed = layout(&input);
    for way in &placed.ways {
        view.draw_way(&mut canvas, way);
    }
    let labels: Vec<&str> = graph
        .drawable_edges()
        .map(|edge| edge.label.as_str())
        .collect();
    for way in &placed.ways {
        if let Some(edge) = way.edge {
            view.draw_arrival(&mut canvas, way, labels[edge]);
        }
    }
    for (node, place) in graph.nodes.iter().zip(&placed.nodes) {
        view.draw_node(&mut canvas, node, place, links);
    }
    let (width, height) = view.size(&placed);
    let (width, height) = draw_key(&mut canvas, graph, width, height);
    document(
        &label,
        if links == Links::None { "img" } else { "group" },
        &canvas.finish(width, height),
    )
}

/// Turns along and across into x and y.
struct View {
    orientation: Orientation,
}

impl View {
    fn input(&self, graph: &Graph) -> Input {
        let mut bundles: HashMap<(usize, &str), usize> = HashMap::new();
        let edges: Vec<Link> = graph
            .drawable_edges()
            .map(|edge| {
                let next = bundles.len();
                let bundle = *bundles
                    .entry((edge.from, edge.label.as_str()))
                    .or_insert(next);
                Link {
                    from: edge.from,
                    to: edge.to,
                    bundle,
                    label: self.label_extent(&edge.label),
                }
            })
            .collect();
        let mut labels: Vec<Vec<f64>> = vec![Vec::new(); graph.nodes.len()];
        for edge in &edges {
            labels[edge.to].push(edge.label.across);
        }
        let nodes = graph.nodes.iter().zip(labels).map(|(node, labels)| {
            let needed = arrival_extent(labels.into_iter());
            match self.orientation {
                Orientation::LeftToRight => Extent {
                    along: node_width(node),
                    across: NODE_HEIGHT.max(needed + 8.0),
                },
                Orientation::TopToBottom => Extent {
                    along: NODE_HEIGHT,
                    across: node_width(node).max(needed + 8.0),
                },
            }
        });
        let gap = match self.orientation {
            Orientation::LeftToRight => 18.0,
            Orientation::TopToBottom => 22.0,
        };
        Input {
            nodes: nodes.collect(),
            edges,
            gap,
        }
    }

    fn label_extent(&self, label: &str) -> Extent {
        if label.is_empty() {
            return Extent {
                along: 0.0,
                across: 0.0,
            };
        }
        let width = text_width(label, SMALL) + 8.0;
        match self.orientation {
            Orientation::LeftToRight => Extent {
                along: width,
                across: LABEL_HEIGHT,
            },
            Orientation::TopToBottom => Extent {
                along: LABEL_HEIGHT,
                across: width,
            },
        }
    }

    fn point(&self, (along, across): (f64, f64)) -> (f64, f64) {
        match self.orientation {
            Orientation::LeftToRight => (along + MARGIN, across + MARGIN),
            Orientation::TopToBottom => (across + MARGIN, along + MARGIN),
        }
    }

    fn size(&self, layout: &Layout) -> (f64, f64) {
        let (width, height) = self.point((layout.size.along, layout.size.across));
        (width + MARGIN, height + MARGIN)
    }

    fn draw_way(&self, canvas: &mut Canvas, way: &Way) {
        let mut path = String::new();
        let end = if way.edge.is_some() { ARROW - 1.0 } else { 0.0 };
        for (index, pair) in way.points.windows(2).enumerate() {
            let (from, mut to) = (pair[0], pair[1]);
            if index + 2 == way.points.len() {
                to.0 -= end;
            }
            if index == 0 {
                let (x, y) = self.point(from);
                path.push_str(&format!("M{} {}", coordinate(x), coordinate(y)));
            }
            let middle = (from.0 + to.0) / 2.0;
            let steps: &[(f64, f64)] = if index % 2 == 0 && from.1 != to.1 {
                &[(middle, from.1), (middle, to.1), to]
            } else {
                &[to]
            };
            path.push(if steps.len() == 3 { 'C' } else { 'L' });
            for (index, step) in steps.iter().enumerate() {
                let (x, y) = self.point(*step);
                path.push_str(&format!(
                    "{}{} {}",
                    if index > 0 { " " } else { "" },
                    coordinate(x),
                    coordinate(y)
                ));
            }
        }
        canvas.push(format_args!("<path class=\"edge\" d=\"{path}\"/>"));
    }

    /// The arrowhead and the label at the end of an edge.
    fn draw_arrival(&self, canvas: &mut Canvas, way: &Way, label: &str) {
        let Some(&(along, across)) = way.points.last() else {
            return;
        };
        let head = [
            (along, across),
            (along - ARROW, across - 4.0),
            (along - ARROW, across + 4.0),
        ];
        canvas.polygon("arrow", &head.map(|point| self.point(point)));
        if label.is_empty() {
            return;
        }
        match self.orientation {
            Orientation::LeftToRight => {
                let (x, y) = self.point((along - ARROW - 5.0, across));
                canvas.text("muted small halo", (x, y + 4.0), Anchor::End, label);
            }
            Orientation::TopToBottom => {
                let (x, y) = self.point((along - ARROW - 4.0, across));
                canvas.text("muted small halo", (x, y), Anchor::Middle, label);
            }
        }
    }

    fn draw_node(&self, canvas: &mut Canvas, node: &Node, place: &Placed, links: Links) {
        let (x, y) = self.point((place.along, place.across));
        let (width, height) = match self.orientation {
            Orientation::LeftToRight => (place.extent.along, place.extent.across),
            Orientation::TopToBottom => (place.extent.across, place.extent.along),
        };
        canvas.push(format_args!("<g class=\"{}\">", node.state.name()));
        if links == Links::ToSteps {
            canvas.push(format_args!("<a href=\"#{}\">", step_anchor(&node.name)));
        }
        canvas.push(format_args!("<title>{}</title>", escaped(&describe(node))));
        if node.count != 1 {
            canvas.rect("box", (x + 4.0, y + 4.0), (width, height), 8.0, "");
        }
        canvas.rect("box", (x, y), (width, height), 8.0, "");
        draw_sign(canvas, node.state, (x + 19.0, y + height / 2.0));
        let middle = y + height / 2.0;
        let text = x + TEXT_LEFT;
        canvas.text(
            "heading",
            (text, middle - 3.0),
            Anchor::Start,
            &fit(&node.name, NAME * 1.06, WIDEST_TEXT),
        );
        canvas.text(
            "muted small",
            (text, middle + 13.0),
            Anchor::Start,
            &second_line(node),
        );
        if links == Links::ToSteps {
            canvas.push(format_args!("</a>"));
        }
        canvas.push(format_args!("</g>"));
    }
}

fn node_width(node: &Node) -> f64 {
    let name = text_width(&node.name, NAME * 1.06).min(WIDEST_TEXT);
    let text = name.max(text_width(&second_line(node), SMALL).min(WIDEST_TEXT));
    (TEXT_LEFT + text + 12.0).max(84.0)
}

fn second_line(node: &Node) -> String {
    let mut parts = vec![node.kind.clone()];
    if node.count != 1 {
        parts.push(format!("×{}", number::count(node.count as u64)));
    }
    if !node.detail.is_empty() {
        parts.push(node.detail.clone());
    }
    parts.retain(|part| !part.is_empty());
    fit(&parts.join(" · "), SMALL, WIDEST_TEXT)
}

fn describe(node: &Node) -> String {
    let mut text = format!("{} ({}), {}", node.name, node.kind, node.state.name());
    if node.count != 1 {
        text.push_str(&format!(", {} instances", number::count(node.count as u64)));
    }
    if !node.detail.is_empty() {
        text.push_str(", ");
        text.push_str(&node.detail);
    }
    text
}

/// A disc with a sign: states differ in shape as well as in colour.
fn draw_sign(canvas: &mut Canvas, state: State, (x, y): (f64, f64)) {
    canvas.push(format_args!(
        "<circle class=\"sign\" cx=\"{}\" cy=\"{}\" r=\"7.5\"/>",
        coordinate(x),
        coordinate(y)
    ));
    let stroke = |canvas: &mut Canvas, points: &[(f64, f64)]| {
        let points: Vec<_> = points.iter().map(|(dx, dy)| (x + dx, y + dy)).collect();
        canvas.polyline("glyph", &points);
    };
    match state {
        State::Run | State::Cached => stroke(canvas, &[(-3.2, 0.3), (-0.9, 2.6), (3.3, -2.4)]),
        State::Failed => {
            stroke(canvas, &[(-2.6, -2.6), (2.6, 2.6)]);
            stroke(canvas, &[(2.6, -2.6), (-2.6, 2.6)]);
        }
        State::Skipped => stroke(canvas, &[(-3.0, 0.0), (3.0, 0.0)]),
        State::Planned => {}
    }
}

/// What the signs mean, for the states that occur; gives the size of the whole.
fn draw_key(canvas: &mut Canvas, graph: &Graph, width: f64, height: f64) -> (f64, f64) {
    let (mut x, y) = (MARGIN + 8.0, height + 8.0);
    for state in State::ALL {
        let count = graph
            .nodes
            .iter()
            .filter(|node| node.state == state)
            .count();
        if count > 0 {
            let text = format!("{} {}", number::count(count as u64), state.name());
            canvas.push(format_args!("<g class=\"{}\">", state.name()));
            draw_sign(canvas, state, (x, y));
            canvas.text("muted small", (x + 13.0, y + 4.0), Anchor::Start, &text);
            canvas.push(format_args!("</g>"));
            x += 13.0 + text_width(&text, SMALL) + 20.0;
        }
    }
    (width.max(x), y + 8.0 + MARGIN)
}
