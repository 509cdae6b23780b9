//! The loop that all methods train in: batches prepared ahead on a thread, steps, evaluations, the best model, checkpoints.
//!
//! A batch is a function of the step's number, so a loop that goes on from a checkpoint makes the same steps, to the bit.

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nn::safetensors::Weights;
use nn::training::{Checkpoints, DataPlace, Trainer};
use nn::{Forward, Module, load, named_tensors};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tensor::{RandomKey, Tensor};

use crate::metrics::Metric;
use crate::{Evaluation, MethodError, Observer, Optimisation, Result, StepReport};

/// Where and how often training is saved, so that a killed one goes on.
#[derive(Clone, Debug)]
pub struct Checkpointing {
    /// A folder for one training, kept until that is done.
    pub folder: PathBuf,
    /// The time between two checkpoints at least. It changes no result.
    pub every: Duration,
}

impl Checkpointing {
    /// Checkpoints in `folder` once a minute.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            every: Duration::from_secs(60),
        }
    }

    /// Those of a part of the training.
    pub(crate) fn at(&self, part: &str) -> Self {
        Self {
            folder: self.folder.join(part),
            every: self.every,
        }
    }
}

/// What goes with every training, besides model, data and options.
pub struct Session<'a> {
    /// All random numbers follow from it.
    pub seed: u64,
    /// Who watches.
    pub observer: &'a mut dyn Observer,
    /// Where it is saved; nowhere without.
    pub checkpoints: Option<Checkpointing>,
    /// What the last training that is saved reported, for the record of a part that is done.
    reports: Vec<StepReport>,
}

impl<'a> Session<'a> {
    /// A training that is saved nowhere.
    pub fn new(seed: u64, observer: &'a mut dyn Observer) -> Self {
        Self {
            seed,
            observer,
            checkpoints: None,
            reports: Vec::new(),
        }
    }

    /// The same, saved in `folder`; see [`Checkpointing::new`].
    #[must_use]
    pub fn saved_in(self, folder: impl Into<PathBuf>) -> Self {
        Self {
            checkpoints: Some(Checkpointing::new(folder)),
            ..self
        }
    }

    pub(crate) fn key(&self) -> RandomKey {
        RandomKey::new(self.seed)
    }

    /// The session of a part of the method, whose random numbers and checkpoints are its own.
    fn part(&mut self, name: &str, place: u64) -> Session<'_> {
        Session {
            reports: Vec::new(),
            seed: self.key().fold(place).seed,
            checkpoints: self.checkpoints.as_ref().map(|all| all.at(name)),
            observer: self.observer,
        }
    }
}

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
    mut evaluate: impl FnMut(&M) -> Result<Vec<(String, f64)>>,
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
                    let metrics = evaluate(model)?;
                    let gained = note(&mut notes, run, selection, step + 1, epoch, metrics)?;
                    if gained {
                        best = Some(model.clone());
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
    })
}

/// What is kept of a part of a method that is done, beside its model.
#[derive(Serialize, Deserialize)]
struct Done<T> {
    fingerprint: u64,
    outcome: Outcome,
    reports: Vec<StepReport>,
    result: T,
}

/// Does a part of a method, `work`, which trains `model` and gives a result besides; or takes both from an earlier run that did it.
pub(crate) fn part<M: Module, T: Serialize + DeserializeOwned>(
    model: &mut M,
    session: &mut Session<'_>,
    name: &str,
    place: u64,
    fingerprint: u64,
    work: impl FnOnce(&mut M, &mut Session<'_>) -> Result<(Outcome, T)>,
) -> Result<(Outcome, T)> {
    let Some(checkpoints) = session.checkpoints.clone() else {
        return work(model, &mut session.part(name, place));
    };
    // The weights come last: where they are, the part is done.
    let notes = checkpoints.folder.join(format!("{name}.json"));
    let weights = checkpoints.folder.join(format!("{name}.safetensors"));
    if weights.is_file() {
        let bytes = fs::read(&notes).map_err(MethodError::io(&notes, "reading what is done"))?;
        let done: Done<T> = serde_json::from_slice(&bytes)
            .map_err(|error| MethodError::file(&notes, format!("is not as expected: {error}")))?;
        if done.fingerprint != fingerprint {
            return Err(MethodError::file(
                &notes,
                "is of another training: its texts, options or seed differ; remove the folder or name another",
            ));
        }
        let found = Weights::open(&weights)?;
        load(model, &found, "", &[])?.require_all_but(&[], &found)?;
        for mut report in done.reports {
            report.replayed = true;
            session.observer.step(&report);
        }
        (done.outcome.evaluations.iter()).for_each(|found| session.observer.evaluated(found));
        return Ok((done.outcome, done.result));
    }
    fs::create_dir_all(&checkpoints.folder)
        .map_err(MethodError::io(&checkpoints.folder, "creating the folder"))?;
    let mut inner = session.part(name, place);
    let (outcome, result) = work(model, &mut inner)?;
    let done = Done {
        fingerprint,
        outcome,
        reports: std::mem::take(&mut inner.reports),
        result,
    };
    let text = serde_json::to_string(&done)
        .map_err(|error| MethodError::file(&notes, error.to_string()))?;
    fs::write(&notes, text).map_err(MethodError::io(&notes, "writing what is done"))?;
    nn::safetensors::write(&weights, &named_tensors(model)?)?;
    let steps = checkpoints.folder.join(name);
    if steps.is_dir() {
        fs::remove_dir_all(&steps).map_err(MethodError::io(&steps, "removing checkpoints"))?;
    }
    Ok((done.outcome, done.result))
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

/// A number that differs for different trainings: 64-bit FNV-1a of all that is written to it.
pub(crate) struct Fingerprint(u64);

impl Fingerprint {
    pub fn new(method: &str, options: &impl std::fmt::Debug, seed: u64) -> Self {
        let mut fingerprint = Self(0xcbf2_9ce4_8422_2325);
        fingerprint.bytes(format!("{method} {options:?} {seed}").as_bytes());
        fingerprint
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub fn texts(mut self, texts: &[crate::Text]) -> Self {
        for text in texts {
            self.bytes(&(text.len() as u64).to_le_bytes());
            text.ids.iter().for_each(|id| self.bytes(&id.to_le_bytes()));
        }
        self
    }

    pub fn targets(mut self, targets: &crate::Targets) -> Self {
        match targets {
            crate::Targets::Multi(rows) => {
                for row in rows {
                    row.iter().for_each(|&has| self.bytes(&[u8::from(has)]));
                }
            }
            crate::Targets::Single(classes) => {
                classes
                    .iter()
                    .for_each(|class| self.bytes(&class.to_le_bytes()));
            }
        }
        self
    }

    pub fn done(self) -> u64 {
        self.0
    }
}
