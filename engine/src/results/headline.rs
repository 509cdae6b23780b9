//! The tables that a run is about, shown when it ends.

use cache::{Action, Cache};

use super::artifact::{TableHead, table_head};
use crate::pipeline::Pipeline;
use crate::plan::remembered::Shown;
use crate::report::table::TextTable;
use crate::steps::port::{PortType, Show};

/// Rows of a headline table that a terminal shows.
const ROWS: usize = 60;

/// A table that belongs at the end of a run.
pub struct Headline {
    /// The instance that made it, and the port where it has several tables.
    pub title: String,
    /// The table.
    pub table: TextTable,
}

/// Where the headline tables among the outputs of a run are, in the order of the file.
pub fn shown<'a>(pipeline: &Pipeline, action: &dyn Fn(usize) -> Option<&'a Action>) -> Vec<Shown> {
    let mut found = Vec::new();
    for step in &pipeline.steps {
        for index in step.instances.clone() {
            let instance = &pipeline.instances[index];
            let is_headline = |port: &&crate::steps::OutputPort| {
                port.show == Show::Headline && port.port_type == PortType::Table
            };
            for port in instance.output_ports.iter().filter(is_headline) {
                if let Some(action) = action(index) {
                    found.push(Shown {
                        title: instance.name.clone(),
                        key: action.key,
                        port: port.name.clone(),
                    });
                }
            }
        }
    }
    found
}

/// The tables, as far as they can be read.
pub fn headlines(cache: &Cache, shown: &[Shown]) -> Vec<Headline> {
    let read = |shown: &Shown| {
        let action = cache.recall(&shown.key)?;
        let path = cache.artifact_path(action.output(&shown.port)?).ok()?;
        let TableHead { content, .. } = table_head(&path, ROWS, 60).ok()?;
        Some(Headline {
            title: shown.title.clone(),
            table: content,
        })
    };
    shown.iter().filter_map(read).collect()
}
