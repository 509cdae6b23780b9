//! The loop that all methods train in: batches prepared ahead on a thread, steps, evaluations, the best model, checkpoints.
//!
//! A batch is a function of the step's number, so a loop that goes on from a checkpoint makes the same steps, to the bit.

mod fingerprint;
mod part;
mod session;

pub(crate) use fingerprint::Fingerprint;
pub(crate) use part::part;
pub use session::{Checkpointing, Session};

use std::sync::mpsc;
use std::time::Instant;

use nn::training::{Checkpoints, DataPlace, Trainer};
use nn::{Forward, Module};
use serde::{Deserialize, Serialize};
use tensor::Tensor;

use crate::metrics::Metric;
use crate::{Evaluation, MethodError, Optimisation, Result, StepReport};

/// When a model is evaluated, and what for.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// The metric by which the best model is chosen.
    pub metric: Metric,
    /// Steps between two evaluations; without, an epoch's.
    pub every: Option<u64>,
    /// After how many evaluations without a better one training stops; without, never.
    pub patience: Option<usize>,
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            metric: Metric::MicroF1,
            every: None,
            patience: None,
        }
    }
}

/// What a training came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Steps that were made.
    pub steps: u64,
    /// All evaluations.
    pub evaluations: Vec<Evaluation>,
    /// The place among these of the model that was kept; the last model without any.
    pub best: Option<usize>,
    /// Whether patience ended it.
    pub stopped_early: bool,
    /// What the model that was kept says of the validation texts, `[texts * labels]`, where its method scores labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logits: Option<Vec<f32>>,
}

impl Outcome {
    /// A metric of the last evaluation, if there was one that has it.
    pub fn last_metric(&self, name: &str) -> Option<f64> {
        self.evaluations.last()?.metric(name)
    }
}

/// One training.
pub(crate) struct Run<'a> {
    pub method: &'static str,
    pub phase: String,
    pub steps: u64,
    pub steps_per_epoch: u64,
    pub options: &'a Optimisation,
    /// Of all that the training depends on, so that it never goes on from another one's checkpoint.
    pub fingerprint: u64,
    pub selection: Option<&'a Selection>,
}

/// A batch that is ready.
pub(crate) struct Prepared<B> {
    /// One for each pass of the step.
    pub parts: Vec<B>,
    pub tokens: usize,
}

/// The loss of a part of a batch, and what it is made of.
pub(crate) struct Losses {
    pub total: Tensor,
    pub parts: Vec<(&'static str, Tensor)>,
}

/// What a look at a model found.
pub(crate) struct Look {
    pub metrics: Vec<(String, f64)>,
    /// What is kept if the model is the best.
    pub logits: Option<Vec<f32>>,
}

impl From<Vec<(String, f64)>> for Look {
    fn from(metrics: Vec<(String, f64)>) -> Self {
        Self {
            metrics,
            logits: None,
        }
    }
}

impl From<Tensor> for Losses {
    fn from(total: Tensor) -> Self {
        Self {
            total,
            parts: Vec::new(),
        }
    }
}

/// What is saved with model and moments.
#[derive(Default, Serialize, Deserialize)]
struct Notes {
    fingerprint: u64,
    steps: Vec<StepReport>,
    evaluations: Vec<Evaluation>,
    best: Option<usize>,
    /// Of the best.
    #[serde(default)]
    logits: Option<Vec<f32>>,
    /// Evaluations since the best.
    without_gain: usize,
}

const BEST: &str = "best";

/// Trains `model`, which is the best one in the end if there is a selection. `prepare` makes the batch of a step, `loss` its
/// loss, `evaluate` the metrics of a model.
pub(crate) fn run<M: Module + Clone, B: Send>(
    model: &mut M,
    run: &Run<'_>,
    session: &mut Session<'_>,
    mut prepare: impl FnMut(u64) -> Result<Prepared<B>> + Send,
    mut loss: impl FnMut(&M, &B, Forward, u64) -> nn::Result<Losses>,
    mut evaluate: impl FnMut(&M) -> Result<Look>,
) -> Result<Outcome> {
    let optimizer = run.options.optimizer(model)?;
    let key = session.key().fold(DROPOUT);
    let mut trainer = Trainer::new(optimizer, run.options.train_options(run.steps), key);
    let checkpointing = session.checkpoints.clone();
    let checkpoints =
        (checkpointing.as_ref()).map(|saved| (Checkpoints::new(&saved.folder, 1), saved.every));
    let observer = &mut *session.observer;
    let mut notes = Notes {
        fingerprint: run.fingerprint,
        ..Notes::default()
    };
    let mut best: Option<M> = None;
    if let Some((checkpoints, _)) = &checkpoints
        && let Some(path) = checkpoints.newest()?
    {
        notes = Checkpoints::notes(&path)?;
        if notes.fingerprint != run.fingerprint {
            return Err(MethodError::file(
                &path,
                format!(
                    "is a checkpoint of another training than this {}: its texts, options or seed differ; remove the folder \
                     or name another",
                    run.method
                ),
            ));
        }
        Checkpoints::restore(&path, model, &mut trainer)?;
        if notes.best.is_some() {
            let mut found = model.clone();
            Checkpoints::load_other(&path, BEST, &mut found)?;
            best = Some(found);
        }
        for report in &mut notes.steps {
            report.replayed = true;
            observer.step(report);
        }
        notes
            .evaluations
            .iter()
            .for_each(|evaluation| observer.evaluated(evaluation));
    }
    let patience = run.selection.and_then(|selection| selection.patience);
    let mut last_saved = Instant::now();
    let begin = trainer.state().step;
    let mut stopped_early = patience.is_some_and(|patience| notes.without_gain >= patience);
    let steps = if stopped_early { begin } else { run.steps };
    std::thread::scope(|scope| -> Result<()> {
        let (sender, batches) = mpsc::sync_channel(1);
        scope.spawn(move || {
            for step in begin..steps {
                let prepared = prepare(step);
                let is_last = prepared.is_err();
                // Nobody listens any more once training ended early.
                if sender.send(prepared).is_err() || is_last {
                    break;
                }
            }
        });
        for step in begin..steps {
            let started = Instant::now();
            let batch = batches.recv().map_err(|_| {
                MethodError::input(run.method, "the thread that prepares batches ended")
            })??;
            let waited = started.elapsed().as_secs_f64();
            let epoch = (step + 1) as f64 / run.steps_per_epoch as f64;
            let mut parts: Vec<(&'static str, Tensor)> = Vec::new();
            let share = 1.0 / batch.parts.len().max(1) as f32;
            let report = trainer.step(model, batch.parts.len(), |model, part, forward| {
                let losses = loss(model, &batch.parts[part], forward, step)?;
                for (place, (name, value)) in losses.parts.into_iter().enumerate() {
                    let value = value.detach().affine(share, 0.0)?;
                    match parts.get_mut(place) {
                        Some((_, sum)) => *sum = sum.add(&value)?,
                        None => parts.push((name, value)),
                    }
                }
                Ok(losses.total)
            })?;
            trainer.set_place(DataPlace {
                epoch: (step + 1) / run.steps_per_epoch,
                row: (step + 1) % run.steps_per_epoch,
            });
            let report = StepReport {
                phase: run.phase.clone(),
                step: step + 1,
                steps: run.steps,
                epoch,
                loss: report.loss,
                parts: read(&parts)?,
                norm: report.norm,
                learning_rate: report.learning_rate,
                tokens: batch.tokens,
                seconds: started.elapsed().as_secs_f64(),
                waited,
                replayed: false,
            };
            observer.step(&report);
            if checkpoints.is_some() {
                notes.steps.push(report);
            }
            let is_last = step + 1 == run.steps;
            if let Some(selection) = run.selection {
                let every = selection.every.unwrap_or(run.steps_per_epoch).max(1);
                if (step + 1) % every == 0 || is_last {
                    let look = evaluate(model)?;
                    let gained = note(&mut notes, run, selection, step + 1, epoch, look.metrics)?;
                    if gained {
                        best = Some(model.clone());
                        notes.logits = look.logits;
                    }
                    if let Some(evaluation) = notes.evaluations.last() {
                        observer.evaluated(evaluation);
                    }
                }
            }
            stopped_early = patience.is_some_and(|patience| notes.without_gain >= patience);
            if is_last || stopped_early {
                return Ok(());
            }
            let asked = observer.should_stop();
            if let Some((checkpoints, every)) = &checkpoints
                && (asked || last_saved.elapsed() >= *every)
            {
                let others: Vec<(&str, &M)> = best.iter().map(|best| (BEST, best)).collect();
                checkpoints.save_with(model, &trainer, &notes, &others)?;
                last_saved = Instant::now();
            }
            if asked {
                return Err(MethodError::Interrupted {
                    method: run.method,
                    step: step + 1,
                    steps: run.steps,
                    saved: checkpoints.is_some(),
                });
            }
        }
        Ok(())
    })?;
    if let Some(best) = best {
        *model = best;
    }
    session.reports = notes.steps;
    Ok(Outcome {
        steps: trainer.state().step,
        evaluations: notes.evaluations,
        best: notes.best,
        stopped_early: stopped_early && trainer.state().step < run.steps,
        logits: notes.logits,
    })
}

/// The stream of random numbers that dropout draws from.
const DROPOUT: u64 = 1;

/// Notes an evaluation; whether it is the best.
fn note(
    notes: &mut Notes,
    run: &Run<'_>,
    selection: &Selection,
    step: u64,
    epoch: f64,
    metrics: Vec<(String, f64)>,
) -> Result<bool> {
    let mut evaluation = Evaluation {
        phase: run.phase.clone(),
        step,
        epoch,
        metrics,
        best: false,
    };
    let name = selection.metric.name();
    let value = evaluation.metric(name).ok_or_else(|| {
        MethodError::input(
            run.method,
            format!("the best model cannot be chosen by `{name}`, which is not measured here"),
        )
    })?;
    let before = notes
        .best
        .and_then(|best| notes.evaluations[best].metric(name));
    let gained = before.is_none_or(|before| selection.metric.is_better(value, before));
    evaluation.best = gained;
    match gained {
        true => {
            notes.best = Some(notes.evaluations.len());
            notes.without_gain = 0;
        }
        false => notes.without_gain += 1,
    }
    notes.evaluations.push(evaluation);
    Ok(gained)
}

/// The values of numbers on the device, in one visit.
fn read(parts: &[(&'static str, Tensor)]) -> Result<Vec<(String, f32)>> {
    if parts.is_empty() {
        return Ok(Vec::new());
    }
    let numbers = (parts.iter())
        .map(|(_, value)| value.reshape(()))
        .collect::<tensor::Result<Vec<_>>>()?;
    let numbers: Vec<&Tensor> = numbers.iter().collect();
    let values = Tensor::stack(&numbers, 0)?.to_f32_vec()?;
    let names = parts.iter().map(|(name, _)| (*name).to_owned());
    Ok(names.zip(values).collect())
}
