//! Fine-tuning of a pretrained encoder with a head for labels (Devlin et al. 2019, section 4.1), as `transformers`' `Trainer`
//! does it: the plain way of learning from labels, which all others are compared with.

use crate::data::{check_training, check_validation};
use crate::supervised::{Examples, Task, train};
use crate::train::{Outcome, Selection, Session};
use crate::{Classifier, LabelNetwork, Labelled, MethodError, Optimisation, Result, Thresholds};

const METHOD: &str = "fine_tune";

/// How a model is fine-tuned.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FineTune {
    /// How long and how fast.
    pub optimisation: Optimisation,
    /// How the best model is chosen; without, the last one is kept.
    pub selection: Option<Selection>,
    /// How thresholds are found.
    pub thresholds: Thresholds,
}

/// Trains `network`, whose head scores `labels`, on labelled texts. The session decides about random numbers, and whether and
/// where training is saved.
///
/// ```text
/// L = 1/(N K) Σ_n Σ_k BCE(z_nk, y_nk)   for labels that do not exclude each other
/// L = 1/N Σ_n CE(z_n, y_n)              for those that do
/// ```
///
/// # Errors
/// [`MethodError::Input`] for texts, labels and options that do not fit each other; [`MethodError::Interrupted`];
/// [`nn::NnError::NotFinite`] where training goes astray.
pub fn fine_tune<N: LabelNetwork>(
    mut network: N,
    labels: &[String],
    training: Labelled<'_>,
    validation: Option<Labelled<'_>>,
    options: &FineTune,
    session: &mut Session<'_>,
) -> Result<(Classifier<N>, Outcome)> {
    options.optimisation.check(METHOD)?;
    check_head(METHOD, &network, labels)?;
    check_training(METHOD, &training, labels, &network, session.observer)?;
    let problem = training.targets.problem();
    check_validation(METHOD, validation.as_ref(), problem, labels.len(), &network)?;
    let task = Task {
        method: METHOD,
        labels: labels.len(),
        validation,
        thresholds: options.thresholds,
    };
    task.check(options.selection.as_ref())?;
    let examples = Examples {
        texts: training.texts,
        targets: training.targets,
        weights: None,
    };
    let outcome = train(
        &mut network,
        &task,
        &examples,
        &options.optimisation,
        options.selection.as_ref(),
        METHOD,
        session,
    )?;
    let classifier = task.classifier(network, problem, labels, outcome.logits.as_deref())?;
    Ok((classifier, outcome))
}

/// Fails unless the model's head scores these labels.
pub(crate) fn check_head<N: LabelNetwork>(
    method: &'static str,
    network: &N,
    labels: &[String],
) -> Result<()> {
    match network.labels() == labels.len() {
        true => Ok(()),
        false => Err(MethodError::input(
            method,
            format!(
                "the model's head scores {} labels, but there are {}; load it with a configuration that has these labels",
                network.labels(),
                labels.len()
            ),
        )),
    }
}
