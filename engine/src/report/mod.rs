//! What a run looks like to a person: charts, the step graph, tables and the page that holds them.
//!
//! Everything here takes plain data and gives back text. Nothing reads a file, asks the clock or knows how a run is
//! planned or executed, and no input can make rendering fail: what cannot be drawn is said in the drawing.
//!
//! - [`plot`]: SVG charts (learning curves, bars, histograms, heat maps, sweeps)
//! - [`graph`]: the graph of steps as SVG, Mermaid or DOT
//! - [`table`]: tables for the terminal, Markdown and HTML
//! - [`page`]: the self-contained HTML report of a run
//! - [`tensorboard`]: training curves for TensorBoard
//! - [`number`]: counts, fractions, durations and sizes as people write them

pub mod graph;
mod markup;
pub mod number;
pub mod page;
pub mod plot;
mod svg;
pub mod table;
pub mod tensorboard;
