//! The graph of a pipeline's steps, drawn as layers (Sugiyama, Tagawa and Toda, 1981) or written for other tools.
//!
//! The layout has the usual four stages: ranks, order within a rank, coordinates, and routes of the edges. Drawing 1,000
//! nodes with 2,000 edges takes 30 ms (median of 11, development profile, AMD EPYC).

mod dot;
mod layout;
mod mermaid;
mod order;
mod place;
mod rank;
mod svg;

/// Steps and what flows between them. It is meant to be acyclic; an edge that would close a cycle, or that has an end
/// which is not a node, is not drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// The steps; edges name them by their index.
    pub nodes: Vec<Node>,
    /// What flows between them.
    pub edges: Vec<Edge>,
}

/// A step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// Its name in the pipeline file.
    pub name: String,
    /// Its kind, such as `train`.
    pub kind: String,
    /// Its instances: 1, or the size of its matrix.
    pub count: usize,
    /// What became of it.
    pub state: State,
    /// A short remark, such as its wall time.
    pub detail: String,
}

/// What flows from one step to another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edge {
    /// Index of the node that produces it.
    pub from: usize,
    /// Index of the node that consumes it.
    pub to: usize,
    /// The port, where it is not obvious; else empty.
    pub label: String,
}

/// What became of a step, or of one instance of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It ran and failed.
    Failed,
    /// It was not started, because of a failure before it or an interruption.
    Skipped,
    /// It has yet to run.
    #[default]
    Planned,
    /// It ran.
    Run,
    /// Its outputs came from the cache.
    Cached,
}

impl State {
    /// All states, the most urgent first.
    pub const ALL: [Self; 5] = [
        Self::Failed,
        Self::Skipped,
        Self::Planned,
        Self::Run,
        Self::Cached,
    ];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Planned => "planned",
            Self::Run => "run",
            Self::Cached => "cached",
        }
    }
}

/// In which direction a graph is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orientation {
    /// For wide screens.
    LeftToRight,
    /// For phones and tall pages.
    TopToBottom,
}

impl Graph {
    /// A stand-alone SVG file.
    pub fn to_svg(&self, orientation: Orientation) -> String {
        svg::draw(self, orientation, svg::Links::None)
    }

    /// As [`Graph::to_svg`], with each node a link to the step's element on the page around it (see `step_anchor`).
    pub(super) fn to_linked_svg(&self, orientation: Orientation) -> String {
        svg::draw(self, orientation, svg::Links::ToSteps)
    }

    /// A Mermaid flowchart, as GitHub and GitLab draw it within Markdown.
    pub fn to_mermaid(&self, orientation: Orientation) -> String {
        mermaid::write(self, orientation)
    }

    /// A graph in Graphviz's DOT language.
    pub fn to_dot(&self, orientation: Orientation) -> String {
        dot::write(self, orientation)
    }

    /// The edges whose ends are nodes.
    fn drawable_edges(&self) -> impl Iterator<Item = &Edge> {
        let nodes = self.nodes.len();
        self.edges
            .iter()
            .filter(move |edge| edge.from < nodes && edge.to < nodes)
    }
}

#[cfg(test)]
mod tests;
