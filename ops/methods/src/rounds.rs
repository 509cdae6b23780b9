//! Rounds of teacher and student, which [`ust`](crate::ust()) and [`self_training`](crate::self_training()) share: a teacher learns
//! from labelled texts, gives others labels, a student learns from these and is the next teacher.

use crate::data::{check_texts, check_training, check_validation};
use crate::fine_tune::check_head;
use crate::supervised::{Examples, Task, train};
use crate::train::{Fingerprint, Outcome, Selection, Session, part};
use crate::{
    Classifier, LabelNetwork, Labelled, MethodError, Observer, Optimisation, Problem, Result,
    Targets, Text, Thresholds,
};

/// From which model a student begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// From its teacher, as the authors of UST do.
    #[default]
    Teacher,
    /// From the model that the first teacher began with, so that mistakes of a teacher are not kept.
    Pretrained,
}

/// What all such methods need.
#[derive(Clone, Debug, PartialEq)]
pub struct Rounds {
    /// How long and how fast teachers learn from labelled texts.
    pub teacher: Optimisation,
    /// How long and how fast students learn.
    pub student: Optimisation,
    /// How the best model is chosen, within each training and of all rounds; without, the last one is kept.
    pub selection: Option<Selection>,
    /// How thresholds are found; with tuned ones, teachers decide by them, too.
    pub thresholds: Thresholds,
    /// How many students there are, one after the other.
    pub rounds: usize,
    /// Where students begin.
    pub start: Start,
    /// Whether students see the labelled texts, too, with a weight of 1.
    pub with_labelled: bool,
}

impl Default for Rounds {
    fn default() -> Self {
        Self {
            teacher: Optimisation::default(),
            student: Optimisation::default(),
            selection: None,
            thresholds: Thresholds::default(),
            rounds: 3,
            start: Start::default(),
            with_labelled: true,
        }
    }
}

/// Texts to which a teacher gave labels.
pub(crate) struct Pseudo {
    pub texts: Vec<Text>,
    pub targets: Targets,
    /// A number a text where labels exclude each other, else one a label of each text.
    pub weights: Vec<f32>,
}

/// One such training.
pub(crate) struct Plan<'a> {
    pub method: &'static str,
    pub labels: &'a [String],
    pub options: &'a Rounds,
    pub training: Labelled<'a>,
    pub unlabelled: &'a [Text],
    pub validation: Option<Labelled<'a>>,
}

/// All rounds. `label` makes what the student of a round learns from: the teacher, its thresholds, the number of the round; none
/// where there is nothing, which ends the rounds.
pub(crate) fn rounds<N: LabelNetwork>(
    network: N,
    plan: &Plan<'_>,
    fingerprint: Fingerprint,
    session: &mut Session<'_>,
    mut label: impl FnMut(&N, &[f32], usize, &mut dyn Observer) -> Result<Option<Pseudo>>,
) -> Result<(Classifier<N>, Vec<Outcome>)> {
    let Plan {
        method,
        labels,
        options,
        training,
        unlabelled,
        validation,
    } = *plan;
    options.teacher.check(method)?;
    options.student.check(method)?;
    check_head(method, &network, labels)?;
    check_training(method, &training, labels, &network, session.observer)?;
    let problem = training.targets.problem();
    check_validation(method, validation.as_ref(), problem, labels.len(), &network)?;
    if unlabelled.is_empty() {
        return Err(MethodError::input(
            method,
            "there are no texts without labels; check what feeds them, or use fine_tune",
        ));
    }
    check_texts(method, "texts without labels", unlabelled, &network)?;
    let task = Task {
        method,
        labels: labels.len(),
        validation,
        thresholds: options.thresholds,
    };
    task.check(options.selection.as_ref())?;
    let fingerprint = fingerprint
        .texts(training.texts)
        .targets(training.targets)
        .texts(unlabelled)
        .done();
    let pretrained = network.clone();
    let mut model = network;
    let selection = options.selection.as_ref();
    let mut outcomes = Vec::new();
    let mut best: Option<(f64, N, Option<Vec<f32>>)> = None;
    let mut logits: Option<Vec<f32>> = None;
    for place in 0..=options.rounds {
        let phase = match place {
            0 => "teacher".to_owned(),
            round => format!("round {round}"),
        };
        let teacher = model.clone();
        let name = phase.replace(' ', "-");
        let (outcome, more) = part(
            &mut model,
            session,
            &name,
            place as u64,
            fingerprint,
            |model, session| {
                let examples = Examples {
                    texts: training.texts,
                    targets: training.targets,
                    weights: None,
                };
                if place == 0 {
                    let options = &options.teacher;
                    let outcome =
                        train(model, &task, &examples, options, selection, &phase, session)?;
                    return Ok((outcome, true));
                }
                let thresholds = task.thresholds(&teacher, logits.as_deref())?;
                let Some(pseudo) = label(&teacher, &thresholds, place - 1, session.observer)?
                else {
                    return Ok((Outcome::default(), false));
                };
                let pseudo = match options.with_labelled {
                    true => with_labelled(pseudo, &training, task.labels)?,
                    false => pseudo,
                };
                let width = pseudo.weights.len() / pseudo.texts.len().max(1);
                let examples = Examples {
                    texts: &pseudo.texts,
                    targets: &pseudo.targets,
                    weights: Some((&pseudo.weights, width)),
                };
                if options.start == Start::Pretrained {
                    *model = pretrained.clone();
                }
                let options = &options.student;
                let outcome = train(model, &task, &examples, options, selection, &phase, session)?;
                Ok((outcome, true))
            },
        )?;
        if !more {
            break;
        }
        logits = outcome.logits.clone();
        if let Some(selection) = selection {
            let kept = outcome.best.map(|best| &outcome.evaluations[best]);
            let value = kept.and_then(|kept| kept.metric(selection.metric.name()));
            let value = value.unwrap_or(f64::NAN);
            let gained = (best.as_ref())
                .is_none_or(|(before, ..)| selection.metric.is_better(value, *before));
            if gained {
                best = Some((value, model.clone(), logits.clone()));
            }
        }
        outcomes.push(outcome);
    }
    let (network, logits) = match best {
        Some((_, network, logits)) => (network, logits),
        None => (model, logits),
    };
    let classifier = task.classifier(network, problem, labels, logits.as_deref())?;
    Ok((classifier, outcomes))
}

/// Texts with labels before those with labels from a teacher.
fn with_labelled(pseudo: Pseudo, training: &Labelled<'_>, labels: usize) -> Result<Pseudo> {
    let width = match pseudo.targets.problem() {
        Problem::Multi => labels,
        Problem::Single => 1,
    };
    let mut weights = vec![1.0; training.texts.len() * width];
    weights.extend(pseudo.weights);
    Ok(Pseudo {
        texts: [training.texts, &pseudo.texts].concat(),
        targets: training.targets.and(&pseudo.targets)?,
        weights,
    })
}
