//! What happens when a running instance finds that an input is damaged in the cache, or gone: whoever made it makes it
//! again.

use std::collections::BTreeSet;

use super::graph::producers_of;
use super::{RunError, Scheduler, State};
use crate::run::worker::Task;

impl Scheduler<'_> {
    /// The producers of damaged inputs run again; their consumer waits for them.
    pub(super) fn rebuild_inputs(&mut self, task: &Task, links: &[usize]) -> Result<(), RunError> {
        let damaged: BTreeSet<usize> = links
            .iter()
            .map(|&link| self.pipeline.instances[task.index].links[link].producer)
            .filter(|&producer| self.states[producer] == State::Done)
            .collect();
        for &producer in &damaged {
            tracing::warn!(
                "the output of `{}` is damaged in the cache; computing it again",
                self.name(producer)
            );
            self.states[producer] = State::Waiting;
            self.actions[producer] = None;
        }
        // Whoever waits, for whatever reason, now waits for these too.
        for &producer in &damaged {
            for &consumer in &self.consumers[producer] {
                if self.states[consumer] == State::Waiting && !damaged.contains(&consumer) {
                    self.waiting_for[consumer] += 1;
                }
            }
        }
        self.states[task.index] = State::Waiting;
        let again: Vec<usize> = damaged.into_iter().chain([task.index]).collect();
        for &index in &again {
            self.waiting_for[index] = producers_of(self.pipeline, index)
                .into_iter()
                .filter(|&producer| self.actions[producer].is_none())
                .count();
        }
        for index in again {
            if self.waiting_for[index] == 0 && self.states[index] == State::Waiting {
                self.settle(index)?;
            }
        }
        Ok(())
    }
}
