//! What a run left, read for people: its graph, its tables and metrics, its report.

pub mod artifact;
pub mod compare;
mod environment;
pub mod graph;
mod headline;
pub mod output;
mod page;

pub use headline::{Headline, headlines, shown};
pub use page::{page, write_report};
