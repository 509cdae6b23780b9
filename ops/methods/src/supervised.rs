//! Learning from labels, with weights where there are any: what [`fine_tune`](crate::fine_tune), [`ust`](crate::ust) and
//! [`self_training`](crate::self_training) share.

use nn::{Forward, Packed};
use tensor::Tensor;

use crate::batches::Batches;
use crate::loss::{Goal, mean_loss};
use crate::metrics::scores;
use crate::predict;
use crate::thresholds::decide;
use crate::train::{Fingerprint, Look, Outcome, Prepared, Run, Selection, Session, run};
use crate::{
    Classifier, Decision, LabelNetwork, Labelled, MethodError, Optimisation, Problem, Result,
    Targets, Text, Thresholds,
};

/// The stream of random numbers that batches are shuffled by.
pub(crate) const SHUFFLE: u64 = 2;

/// Texts to learn from.
pub(crate) struct Examples<'a> {
    pub texts: &'a [Text],
    pub targets: &'a Targets,
    /// What losses are multiplied by: `width` numbers a text, 1 or one a label.
    pub weights: Option<(&'a [f32], usize)>,
}

/// What does not change from part to part of a method.
pub(crate) struct Task<'a> {
    pub method: &'static str,
    pub labels: usize,
    pub validation: Option<Labelled<'a>>,
    pub thresholds: Thresholds,
}

/// A batch on the device.
pub(crate) struct Batch {
    texts: Packed,
    goal: Goal,
    weights: Option<Tensor>,
}

impl Batch {
    pub fn loss<N: LabelNetwork>(&self, network: &N, forward: Forward) -> nn::Result<Tensor> {
        let logits = network.logits(&self.texts, forward)?;
        self.goal.loss(&logits, self.weights.as_ref())
    }
}

impl Task<'_> {
    /// Fails where a selection or tuned thresholds need validation texts and there are none.
    pub fn check(&self, selection: Option<&Selection>) -> Result<()> {
        if self.validation.is_some() || (selection.is_none() && !self.thresholds.need_validation())
        {
            return Ok(());
        }
        Err(MethodError::input(
            self.method,
            "choosing the best model and tuning thresholds take validation texts; give some, or train without both",
        ))
    }

    /// Loss, F1 and accuracy on the validation texts, with thresholds as they are asked for; nothing without any.
    pub fn evaluate<N: LabelNetwork>(&self, network: &N) -> Result<Look> {
        let Some(validation) = &self.validation else {
            return Ok(Vec::new().into());
        };
        let logits = self.logits(network, validation)?;
        let targets = validation.targets;
        let probabilities = predict::probabilities(targets.problem(), &logits, self.labels);
        let thresholds = self
            .thresholds
            .find(self.labels, Some((&probabilities, targets)));
        let predicted = decide(targets.problem(), &probabilities, &thresholds);
        let mut metrics = vec![("loss".to_owned(), mean_loss(targets, &logits, self.labels))];
        metrics.extend(scores(targets, &predicted, self.labels));
        let are_numbers = logits.iter().all(|logit| logit.is_finite());
        Ok(Look {
            metrics,
            logits: are_numbers.then_some(logits),
        })
    }

    /// The thresholds of a trained model. `logits` is what it says of the validation texts, where that is known.
    pub fn thresholds<N: LabelNetwork>(
        &self,
        network: &N,
        logits: Option<&[f32]>,
    ) -> Result<Vec<f32>> {
        match &self.validation {
            Some(validation) if self.thresholds.need_validation() => {
                let logits = match logits {
                    Some(logits) => logits.to_vec(),
                    None => self.logits(network, validation)?,
                };
                let problem = validation.targets.problem();
                let probabilities = predict::probabilities(problem, &logits, self.labels);
                let known = (&probabilities[..], validation.targets);
                Ok(self.thresholds.find(self.labels, Some(known)))
            }
            _ => Ok(self.thresholds.find(self.labels, None)),
        }
    }

    fn logits<N: LabelNetwork>(&self, network: &N, validation: &Labelled<'_>) -> Result<Vec<f32>> {
        predict::logits(network, validation.texts, |_| Forward::inference())
    }

    /// A trained model, of which `logits` is what it says of the validation texts, where that is known.
    pub fn classifier<N: LabelNetwork>(
        &self,
        network: N,
        problem: Problem,
        labels: &[String],
        logits: Option<&[f32]>,
    ) -> Result<Classifier<N>> {
        let decision = Decision {
            problem,
            labels: labels.to_vec(),
            thresholds: self.thresholds(&network, logits)?,
        };
        let classifier = Classifier::new(network, decision);
        Ok(match (&self.validation, logits) {
            (Some(validation), Some(logits)) => classifier.knowing(validation.texts, logits),
            _ => classifier,
        })
    }
}

/// Trains on labelled texts.
pub(crate) fn train<N: LabelNetwork>(
    network: &mut N,
    task: &Task<'_>,
    examples: &Examples<'_>,
    options: &Optimisation,
    selection: Option<&Selection>,
    phase: &str,
    session: &mut Session<'_>,
) -> Result<Outcome> {
    let key = session.key().fold(SHUFFLE);
    let mut batches = Batches::of(options, examples.texts, key);
    let fingerprint = Fingerprint::new(task.method, &(options, selection), session.seed)
        .texts(examples.texts)
        .targets(examples.targets);
    let this = Run {
        method: task.method,
        phase: phase.to_owned(),
        steps: options.steps(examples.texts.len()),
        steps_per_epoch: batches.steps_per_epoch(),
        options,
        fingerprint: fingerprint.done(),
        selection,
    };
    let device = network.device();
    run(
        network,
        &this,
        session,
        |step| {
            let mut tokens = 0;
            let prepare = |rows: Vec<usize>| -> Result<Batch> {
                let texts: Vec<&Text> = rows.iter().map(|&row| &examples.texts[row]).collect();
                tokens += texts.iter().map(|text| text.len()).sum::<usize>();
                let weights = (examples.weights).map(|(weights, width)| {
                    let chosen: Vec<f32> = (rows.iter())
                        .flat_map(|&row| &weights[row * width..(row + 1) * width])
                        .copied()
                        .collect();
                    match examples.targets {
                        Targets::Multi(_) => Tensor::new(&chosen, [rows.len(), width], &device),
                        Targets::Single(_) => Tensor::new(&chosen, [rows.len()], &device),
                    }
                });
                Ok(Batch {
                    texts: Packed::new(&texts, &device)?,
                    goal: Goal::new(examples.targets, &rows, &device)?,
                    weights: weights.transpose()?,
                })
            };
            let parts = batches
                .step(step)
                .into_iter()
                .map(prepare)
                .collect::<Result<Vec<_>>>()?;
            Ok(Prepared { parts, tokens })
        },
        |network, batch, forward, _| Ok(batch.loss(network, forward)?.into()),
        |network| task.evaluate(network),
    )
}
