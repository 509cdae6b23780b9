//! Ends: of an instance that failed, with all that needs it, and of the run.

use super::{Counts, RunError, Scheduler, State, Summary};
use crate::plan::digest_of;
use crate::run::event::{Event, RunStatus};
use crate::steps::StepError;

impl Scheduler<'_> {
    /// Marks an instance failed, and skips whatever needs it.
    pub(super) fn failed(&mut self, index: usize, error: StepError, at: u64, wall_ms: u64) {
        self.counts.failed += 1;
        self.states[index] = State::Failed;
        let (message, help, output) = match error {
            StepError::Failed {
                message,
                help,
                output,
            } => (message, help, output),
            StepError::Cancelled => ("interrupted".to_owned(), None, None),
        };
        let secrets = &self.pipeline.secrets;
        let event = Event::StepFailed {
            step: self.name(index),
            message: secrets.redact(&message),
            help: help.map(|text| secrets.redact(&text)),
            output: output.map(|text| secrets.redact(&text)),
            at,
            wall_ms,
        };
        self.emit(&event, false);
        let because = self.name(index);
        let mut worklist = self.consumers[index].clone();
        while let Some(consumer) = worklist.pop() {
            if self.states[consumer] == State::Waiting {
                self.states[consumer] = State::Skipped;
                let event = Event::StepSkipped {
                    step: self.name(consumer),
                    because: Some(because.clone()),
                };
                self.emit(&event, true);
                worklist.extend(&self.consumers[consumer]);
            }
        }
    }

    /// Closes the journal and counts.
    pub(super) fn end(mut self) -> Result<Summary, RunError> {
        self.tasks = None;
        for index in 0..self.states.len() {
            if matches!(self.states[index], State::Waiting | State::Ready) {
                self.emit(
                    &Event::StepSkipped {
                        step: self.name(index),
                        because: None,
                    },
                    true,
                );
            }
        }
        let unfinished = self
            .states
            .iter()
            .any(|state| !matches!(state, State::Left | State::Done));
        let status = match () {
            () if self.counts.failed > 0 => RunStatus::Failed,
            () if unfinished => RunStatus::Interrupted,
            () => RunStatus::Succeeded,
        };
        let plan = if status == RunStatus::Succeeded {
            self.plan_digest()
        } else {
            None
        };
        let Counts {
            cached,
            ran,
            failed,
        } = self.counts;
        let wall_ms = self.now();
        self.emit(
            &Event::RunFinished {
                status,
                plan,
                cached,
                ran,
                failed,
                wall_ms,
            },
            false,
        );
        if let Some(journal) = self.journal.take() {
            let path = journal.path().to_path_buf();
            if let Err(error) = journal.finish() {
                self.journal_error
                    .get_or_insert(RunError::Journal { path, error });
            }
        }
        if let Some(error) = self.journal_error {
            tracing::warn!(
                "{error}; the results are safe in the cache, the record of this run is not complete"
            );
        }
        Ok(Summary {
            status,
            cached,
            ran,
            failed,
            wall_ms,
            actions: self.actions,
        })
    }

    /// The digest that [`Plan::digest`] gives once all this is cached.
    fn plan_digest(&self) -> Option<cache::Digest> {
        let actions = self.states.iter().zip(&self.actions);
        digest_of(actions.map(|(state, action)| match state {
            State::Left => Some(None),
            _ => action.as_ref().map(|action| Some(action.key)),
        }))
    }
}
