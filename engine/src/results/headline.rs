//! The tables that a run is about, shown when it ends.

use cache::{Action, Cache};

use super::artifact::{TableHead, table_head};
use crate::pipeline::Pipeline;
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

/// The headline tables among the outputs of a run, in the order of the file.
pub fn headlines(
    pipeline: &Pipeline,
    cache: &Cache,
    action: &dyn Fn(usize) -> Option<Action>,
) -> Vec<Headline> {
    let mut found = Vec::new();
    for step in &pipeline.steps {
        for index in step.instances.clone() {
            let instance = &pipeline.instances[index];
            let shown = |port: &&crate::steps::OutputPort| {
                port.show == Show::Headline && port.port_type == PortType::Table
            };
            for port in instance.output_ports.iter().filter(shown) {
                let head = action(index)
                    .as_ref()
                    .and_then(|action| action.output(&port.name))
                    .and_then(|artifact| cache.artifact_path(artifact).ok())
                    .and_then(|path| table_head(&path, ROWS, 60).ok());
                if let Some(TableHead { content, .. }) = head {
                    found.push(Headline {
                        title: instance.name.clone(),
                        table: content,
                    });
                }
            }
        }
    }
    found
}
