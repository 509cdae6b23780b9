//! Unsupervised data augmentation (Xie et al. 2019, "Unsupervised data augmentation for consistency training"): beside the loss on
//! labelled texts, what the model says of a text without labels is to be what it says of an augmented version of it.
//!
//! ```text
//! min E_L[ -ln p(y|x) ] + λ E_U[ KL( p(y|x) ‖ p(y|x̂) ) ]        equation 1, with section 3.2's techniques
//! ```

mod loss;

pub use loss::{Annealing, Counted, annealed, consistency};

use nn::{Forward, Packed};
use tensor::no_grad;

use crate::batches::Batches;
use crate::data::{check_texts, check_training, check_validation};
use crate::fine_tune::check_head;
use crate::loss::Goal;
use crate::random::below;
use crate::supervised::{SHUFFLE, Task};
use crate::train::{Fingerprint, Losses, Outcome, Prepared, Run, Selection, Session, run};
use crate::{
    Classifier, LabelNetwork, Labelled, MethodError, Optimisation, Problem, Result, Text,
    Thresholds,
};

const METHOD: &str = "uda";

/// The streams of random numbers of texts without labels, and of which augmented version is read.
const UNLABELLED: u64 = 4;
const VERSIONS: u64 = 5;
/// The stream of dropout for original texts.
const ORIGINALS: u64 = 1 << 32;

/// How a model is trained. Ratio, temperature and annealing are by default as in the authors' example for texts.
#[derive(Clone, Debug, PartialEq)]
pub struct Uda {
    /// How long and how fast; epochs and batches are of labelled texts. Since these are few, `max_steps` is the better measure.
    pub optimisation: Optimisation,
    /// How the best model is chosen; without, the last one is kept.
    pub selection: Option<Selection>,
    /// How thresholds are found.
    pub thresholds: Thresholds,
    /// Texts without labels for each labelled one of a batch.
    pub unlabelled_ratio: usize,
    /// λ, the weight of consistency.
    pub weight: f32,
    /// Which labelled texts are held back while the model is already sure of them; none without.
    pub annealing: Option<Annealing>,
    /// β: only where the model is surer than this, it is to be consistent; everywhere without.
    pub confidence: Option<f32>,
    /// τ, by which the scores of original texts are divided: below 1, probabilities become sharper.
    pub temperature: f32,
    /// Whether original texts are read with dropout, as the authors' program does; without, targets do not depend on chance.
    pub teacher_dropout: bool,
}

impl Default for Uda {
    fn default() -> Self {
        Self {
            optimisation: Optimisation::default(),
            selection: None,
            thresholds: Thresholds::default(),
            unlabelled_ratio: 3,
            weight: 1.0,
            annealing: Some(Annealing::Linear),
            confidence: Some(0.8),
            temperature: 0.85,
            teacher_dropout: false,
        }
    }
}

/// A text without labels and the versions of it that augmentation made.
#[derive(Clone, Copy, Debug)]
pub struct Unlabelled<'a> {
    /// The texts.
    pub texts: &'a [Text],
    /// One or more versions of each.
    pub augmented: &'a [Vec<Text>],
}

struct Batch {
    /// The labelled texts, and behind them the augmented ones: one pass for both.
    texts: Packed,
    goal: Goal,
    labelled: usize,
    originals: Packed,
}

/// Trains `network`, whose head scores `labels`, on labelled texts and on texts without labels. In each epoch of the latter, one
/// augmented version of each is drawn.
///
/// For labels that do not exclude each other, each is a distribution of two values: annealing and confidence look at each label
/// of each text alone, with K = 2 in the threshold, and the divergence of a text is the sum of its labels'. Both terms are then
/// divided by the number of labels, as the loss of [`fine_tune`](crate::fine_tune()) is, which leaves their ratio as in the paper.
///
/// # Errors
/// [`MethodError::Input`] for texts, labels and options that do not fit each other; [`MethodError::Interrupted`];
/// [`nn::NnError::NotFinite`] where training goes astray.
pub fn uda<N: LabelNetwork>(
    mut network: N,
    labels: &[String],
    training: Labelled<'_>,
    unlabelled: Unlabelled<'_>,
    validation: Option<Labelled<'_>>,
    options: &Uda,
    session: &mut Session<'_>,
) -> Result<(Classifier<N>, Outcome)> {
    options.optimisation.check(METHOD)?;
    check_options(options)?;
    check_head(METHOD, &network, labels)?;
    check_training(METHOD, &training, labels, &network, session.observer)?;
    let problem = training.targets.problem();
    check_validation(METHOD, validation.as_ref(), problem, labels.len(), &network)?;
    check_unlabelled(&unlabelled, &network)?;
    let task = Task {
        method: METHOD,
        labels: labels.len(),
        validation,
        thresholds: options.thresholds,
    };
    task.check(options.selection.as_ref())?;
    let outcome = train(&mut network, &task, training, unlabelled, options, session)?;
    let classifier = task.classifier(network, problem, labels, outcome.logits.as_deref())?;
    Ok((classifier, outcome))
}

fn train<N: LabelNetwork>(
    network: &mut N,
    task: &Task<'_>,
    training: Labelled<'_>,
    unlabelled: Unlabelled<'_>,
    options: &Uda,
    session: &mut Session<'_>,
) -> Result<Outcome> {
    let problem = training.targets.problem();
    let classes = match problem {
        Problem::Multi => 2,
        Problem::Single => task.labels,
    };
    let key = session.key();
    let optimisation = &options.optimisation;
    let mut labelled = Batches::of(optimisation, training.texts, key.fold(SHUFFLE));
    let rows = optimisation.batch_size * options.unlabelled_ratio;
    let mut others = Batches::new(unlabelled.texts.len(), rows, 1, Some(key.fold(UNLABELLED)));
    let versions = key.fold(VERSIONS);
    let mut fingerprint = Fingerprint::new(METHOD, options, session.seed)
        .texts(training.texts)
        .targets(training.targets)
        .texts(unlabelled.texts);
    for texts in unlabelled.augmented {
        fingerprint = fingerprint.texts(texts);
    }
    let this = Run {
        method: METHOD,
        phase: METHOD.to_owned(),
        steps: optimisation.steps(training.texts.len()),
        steps_per_epoch: labelled.steps_per_epoch(),
        options: optimisation,
        fingerprint: fingerprint.done(),
        selection: options.selection.as_ref(),
    };
    let (steps, device) = (this.steps, network.device());
    run(
        network,
        &this,
        session,
        |step| {
            let mut tokens = 0;
            let mut parts = Vec::new();
            for (part, rows) in (0..).zip(labelled.step(step)) {
                let number = step * optimisation.accumulate as u64 + part;
                let chosen = others.step(number).concat();
                let epoch = versions.fold(others.epoch_of(number));
                let mut texts: Vec<&Text> = rows.iter().map(|&row| &training.texts[row]).collect();
                texts.extend(chosen.iter().map(|&row| {
                    let made = &unlabelled.augmented[row];
                    &made[below(epoch, row as u64, made.len())]
                }));
                let originals: Vec<&Text> =
                    chosen.iter().map(|&row| &unlabelled.texts[row]).collect();
                let all = texts.iter().chain(&originals);
                tokens += all.map(|text| text.len()).sum::<usize>();
                parts.push(Batch {
                    texts: Packed::new(&texts, &device)?,
                    goal: Goal::new(training.targets, &rows, &device)?,
                    labelled: rows.len(),
                    originals: Packed::new(&originals, &device)?,
                });
            }
            Ok(Prepared { parts, tokens })
        },
        |network, batch, forward, step| {
            let threshold = (options.annealing)
                .map(|annealing| annealing.threshold(step as f64 / steps as f64, classes));
            let teacher = match options.teacher_dropout {
                true => forward.at(ORIGINALS),
                false => Forward::inference().in_precision(forward.precision()),
            };
            let original = no_grad(|| network.logits(&batch.originals, teacher))?;
            let logits = network.logits(&batch.texts, forward)?;
            let (count, all) = (batch.labelled, batch.texts.texts());
            let known = logits.narrow(0, 0, count)?;
            let augmented = logits.narrow(0, count, all - count)?;
            let supervised = annealed(&batch.goal.losses(&known)?, threshold)?;
            let consistency = consistency(
                problem,
                &original,
                &augmented,
                options.temperature,
                options.confidence,
            )?;
            let weighted = consistency.loss.affine(options.weight, 0.0)?;
            Ok(Losses {
                total: supervised.loss.add(&weighted)?,
                parts: vec![
                    ("supervised", supervised.loss),
                    ("consistency", consistency.loss),
                    ("trained_share", supervised.share),
                    ("confident_share", consistency.share),
                ],
            })
        },
        |network| task.evaluate(network),
    )
}

fn check_options(options: &Uda) -> Result<()> {
    let refuse = |reason: &str| Err(MethodError::input(METHOD, reason));
    if options.unlabelled_ratio == 0 {
        return refuse(
            "unlabelled_ratio must be 1 or more; use fine_tune for labelled texts alone",
        );
    }
    if !(options.weight.is_finite() && options.weight >= 0.0) {
        return refuse("the weight of consistency must be 0 or more");
    }
    if !(options.temperature.is_finite() && options.temperature > 0.0) {
        return refuse("temperature must be positive; 1 sharpens nothing");
    }
    match options.confidence {
        Some(confidence) if !(0.0..1.0).contains(&confidence) => {
            refuse("confidence must be from 0 to less than 1; leave it out to mask nothing")
        }
        _ => Ok(()),
    }
}

fn check_unlabelled<N: LabelNetwork>(unlabelled: &Unlabelled<'_>, network: &N) -> Result<()> {
    let (texts, augmented) = (unlabelled.texts, unlabelled.augmented);
    if texts.is_empty() {
        return Err(MethodError::input(
            METHOD,
            "there are no texts without labels; check what feeds them, or use fine_tune",
        ));
    }
    if texts.len() != augmented.len() {
        return Err(MethodError::input(
            METHOD,
            format!(
                "there are {} texts without labels, but augmented versions of {}; augment each of them",
                texts.len(),
                augmented.len()
            ),
        ));
    }
    check_texts(METHOD, "texts without labels", texts, network)?;
    for (place, made) in augmented.iter().enumerate() {
        if made.is_empty() {
            return Err(MethodError::input(
                METHOD,
                format!(
                    "text {place} without labels has no augmented version; make at least one of each"
                ),
            ));
        }
        check_texts(
            METHOD,
            &format!("augmented versions of text {place}"),
            made,
            network,
        )?;
    }
    Ok(())
}
