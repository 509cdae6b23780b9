//! What the newest runs of a project use, and so garbage collection must leave alone.

use std::collections::{HashMap, HashSet};

use cache::Key;

use super::History;
use super::history::pipeline_of;

impl History {
    /// The keys of every step in the newest `runs` runs of each pipeline.
    pub fn pins(&self, runs: usize) -> HashSet<Key> {
        let mut seen: HashMap<String, usize> = HashMap::new();
        let mut pins = HashSet::new();
        for id in self.ids() {
            let count = seen
                .entry(pipeline_of(&id).unwrap_or_default().to_owned())
                .or_default();
            *count += 1;
            if *count <= runs {
                let steps = self.read(&id).into_iter().flat_map(|run| run.steps);
                pins.extend(steps.filter_map(|step| step.key));
            }
        }
        pins
    }
}
