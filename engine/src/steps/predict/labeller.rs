//! A trained model of any kind, read once, that scores texts.

use std::path::Path;

use tensor::Device;
use text::{LabelSets, Scores, Task, Workers};

use super::super::StepError;
use super::super::linear_model::{self, SavedModel};
use super::super::neighbours::{Config, Neighbours};
use super::super::transformer::encoder::Encoder;
use super::super::transformer::folder::{ModelKind, kind_of};
use super::super::transformer::inference::InferencePrecision;
use super::super::words::first;
use super::transformer::Transformer;
use super::{linear, neighbours};

/// A trained model.
pub enum Labeller {
    /// A model over a vectorizer's features.
    Linear(Box<SavedModel>),
    /// A neighbour look-up.
    Neighbours(Box<(Neighbours, Config)>),
    /// A transformer.
    Transformer(Box<Transformer>),
}

/// What a model says of some rows.
pub struct Scored {
    /// The labels that it knows.
    pub labels: Vec<String>,
    /// Whether a row carries one label or several.
    pub task: Task,
    /// The probability of each label, `[rows, labels]`.
    pub probabilities: Scores,
    /// What ranks labels, where probabilities are rounded; the probabilities without.
    pub ranks: Option<Scores>,
    /// Above which probability a row has a label.
    pub thresholds: Vec<f64>,
}

/// What decides which labels are predicted.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Rule {
    /// The thresholds of the model: 0.5, or what training found. The most probable label, where a row carries one.
    #[default]
    OfModel,
    /// Every label whose probability is above it.
    Threshold(f64),
    /// Every label whose probability is above its own threshold; labels that are not named are as the model has them.
    PerLabel(Vec<(String, f64)>),
    /// So many labels, the most probable ones.
    TopK(usize),
}

impl Labeller {
    /// Reads a model's folder. The device is opened where there is something to compute on it.
    pub fn open(
        folder: &Path,
        precision: InferencePrecision,
        device: impl FnOnce() -> Result<Device, StepError>,
    ) -> Result<Labeller, StepError> {
        Ok(match kind_of(folder)? {
            ModelKind::Linear => Labeller::Linear(Box::new(linear_model::load(folder)?)),
            ModelKind::Neighbours => Labeller::Neighbours(Box::new(Neighbours::load(folder)?)),
            ModelKind::Transformer => {
                let model = Transformer::open(folder, precision, &device()?)?;
                Labeller::Transformer(Box::new(model))
            }
        })
    }

    /// The labels that it knows, in the order of the scores.
    pub fn labels(&self) -> &[String] {
        match self {
            Labeller::Linear(saved) => &saved.model.vocabulary,
            Labeller::Neighbours(model) => &model.1.labels,
            Labeller::Transformer(model) => &model.decision().labels,
        }
    }

    /// Whether a row carries one label or several.
    pub fn task(&self) -> Task {
        match self {
            Labeller::Linear(saved) => saved.config.task,
            Labeller::Neighbours(model) => model.1.task,
            Labeller::Transformer(model) => model.task(),
        }
    }

    /// Scores texts. A neighbour look-up needs the encoder that its vectors came from.
    pub fn score(
        &self,
        texts: &[&str],
        encoder: Option<&Encoder>,
        workers: Workers<'_>,
    ) -> Result<Scored, StepError> {
        match self {
            Labeller::Linear(saved) => linear::score(saved, texts, &workers),
            Labeller::Transformer(model) => {
                let (texts, _) = model.tokens.encode(texts, workers)?;
                model.score(&texts, &|_| false)
            }
            Labeller::Neighbours(model) => {
                let encoder = encoder.ok_or_else(|| {
                    StepError::new(
                        "a neighbour look-up compares vectors, and nothing turns texts into them",
                    )
                    .help("name the model that its training rows were embedded with")
                })?;
                let (texts, _) = encoder.tokens.encode(texts, workers)?;
                let vectors = encoder.vectors(&texts, &|_| false)?;
                neighbours::score(model, &vectors, encoder.dimension, workers.threads())
            }
        }
    }
}

impl Rule {
    /// Fails where it makes no sense for a model with these labels.
    pub fn check(&self, task: Task, labels: &[String]) -> Result<(), StepError> {
        if task == Task::MultiClass && *self != Rule::OfModel {
            return Err(StepError::new(
                "the model predicts exactly one label a row, so neither `threshold` nor `top_k` has a meaning",
            )
            .help("leave both out, or train with task = \"multi_label\""));
        }
        let Rule::PerLabel(given) = self else {
            return Ok(());
        };
        match given.iter().any(|(name, _)| labels.contains(name)) {
            true => Ok(()),
            false => Err(StepError::new(format!(
                "the thresholds are of labels that the model does not know; it knows {}",
                first(labels.iter().map(|label| format!("`{label}`")), 10)
            ))
            .help("take the thresholds of an evaluation of this very model")),
        }
    }
}

impl Scored {
    /// The labels of each row.
    pub fn decide(&self, rule: &Rule) -> Result<LabelSets, StepError> {
        let labels = &self.labels;
        rule.check(self.task, labels)?;
        if self.task == Task::MultiClass {
            let ranks = self.ranks.as_ref().unwrap_or(&self.probabilities);
            return Ok(ranks.top_k(1, labels)?);
        }
        Ok(match rule {
            Rule::OfModel => self.probabilities.above(&self.thresholds, labels)?,
            Rule::Threshold(threshold) => {
                let thresholds = vec![*threshold; labels.len()];
                self.probabilities.above(&thresholds, labels)?
            }
            Rule::PerLabel(given) => {
                let own = |(label, threshold): (&String, &f64)| {
                    let found = given.iter().find(|(name, _)| name == label);
                    found.map_or(*threshold, |(_, threshold)| *threshold)
                };
                let thresholds: Vec<f64> = labels.iter().zip(&self.thresholds).map(own).collect();
                self.probabilities.above(&thresholds, labels)?
            }
            Rule::TopK(k) => {
                let ranks = self.ranks.as_ref().unwrap_or(&self.probabilities);
                ranks.top_k(*k, labels)?
            }
        })
    }
}
