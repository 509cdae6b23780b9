//! The engine: reads a pipeline file, plans it against the cache, runs what is missing, reports on it.

pub mod cli;
pub mod pipeline;
pub mod plan;
pub mod reference;
pub mod report;
pub mod results;
pub mod run;
pub mod starter;
pub mod steps;
pub mod survey;
pub mod tagging;
