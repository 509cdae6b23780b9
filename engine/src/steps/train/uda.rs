//! `method = "uda"`.

use methods::Text;
use methods::uda::{Annealing, Uda as Options, Unlabelled, uda};
use nn::SequenceClassifier;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::augment::AUGMENTED_FROM;
use super::super::transformer::tuning::Tuning;
use super::super::words::rows;
use super::super::{Check, ColumnType, Context, InputPort, PortType, StepError};
use super::head::OnHead;
use super::labelled::Setup;

/// Fine-tunes a transformer on labelled rows and on rows without labels (Xie et al. 2019, "Unsupervised data augmentation for
/// consistency training"): what the model says of a row without labels is to be what it says of an augmented version of it.
///
/// `loss = annealed loss of labelled rows + weight * KL(what is said of the original || what is said of the augmented version)`. Where
/// a row may carry several labels, each label is a distribution of two values of its own: annealing and confidence look at each label
/// of each row alone, with two classes, and the divergence is the mean over the labels. `epochs` and `batch_size` are about labelled
/// rows; these are few, so `max_steps` is the better measure.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Uda {
    /// Rows without labels for each labelled one of a batch.
    #[serde(default = "three")]
    #[schemars(range(min = 1))]
    unlabeled_ratio: usize,
    /// The weight of consistency.
    #[serde(default = "unit")]
    #[schemars(range(min = 0))]
    weight: f32,
    /// Training-signal annealing: how fast the probability rises above which a labelled row is held back, since the model knows it
    /// already. `exp` releases most in the end, which suits few labels; `none` holds nothing back.
    #[serde(default)]
    annealing: AnnealingKind,
    /// Rows without labels count where the model is surer than this; 0: all.
    #[serde(default = "sure")]
    #[schemars(range(min = 0, max = 1))]
    confidence: f32,
    /// By which the scores of originals are divided: below 1, probabilities become sharper.
    #[serde(default = "sharp")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    temperature: f32,
}

/// How the threshold of training-signal annealing rises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum AnnealingKind {
    /// Nothing is held back.
    None,
    /// Fast at first.
    Log,
    /// Evenly.
    #[default]
    Linear,
    /// Fast in the end.
    Exp,
}

fn three() -> usize {
    3
}

fn unit() -> f32 {
    1.0
}

fn sure() -> f32 {
    0.8
}

fn sharp() -> f32 {
    0.85
}

impl OnHead for Uda {
    const NAME: &'static str = "uda";
    const VERSION: u32 = 1;

    fn more_inputs(&self) -> Vec<InputPort> {
        vec![
            InputPort::one("unlabeled", PortType::Table),
            InputPort::one("augmented", PortType::Table),
        ]
    }

    fn check(&self, check: &mut Check) {
        check.require("", "augmented", AUGMENTED_FROM, ColumnType::Number);
    }

    fn train(
        &self,
        network: SequenceClassifier,
        setup: &Setup,
        tuning: &Tuning,
        context: &Context<'_>,
    ) -> Result<(), StepError> {
        let texts = setup.rows(context, "unlabeled")?;
        let augmented = versions(setup, texts.len(), context)?;
        context.note(format!("{} without labels", rows(texts.len())));
        let options = Options {
            optimisation: tuning.optimisation(),
            selection: tuning.selection(),
            unlabelled_ratio: self.unlabeled_ratio,
            weight: self.weight,
            annealing: match self.annealing {
                AnnealingKind::None => None,
                AnnealingKind::Log => Some(Annealing::Log),
                AnnealingKind::Linear => Some(Annealing::Linear),
                AnnealingKind::Exp => Some(Annealing::Exp),
            },
            confidence: (self.confidence > 0.0).then_some(self.confidence),
            temperature: self.temperature,
            ..Options::default()
        };
        let unlabelled = Unlabelled {
            texts: &texts,
            augmented: &augmented,
        };
        setup.train(
            context,
            |session| {
                let (training, valid) = (setup.training(), setup.validation());
                let labels = &setup.labels;
                let (model, outcome) = uda(
                    network, labels, training, unlabelled, valid, &options, session,
                )?;
                Ok((model, vec![outcome]))
            },
            |model, folder| model.save(folder),
        )
    }
}

/// The augmented versions of each row without labels.
fn versions(
    setup: &Setup,
    count: usize,
    context: &Context<'_>,
) -> Result<Vec<Vec<Text>>, StepError> {
    let table = context.columns("augmented", &[AUGMENTED_FROM])?;
    let from = table.int_column(AUGMENTED_FROM)?;
    let texts = setup.rows(context, "augmented")?;
    let mut versions: Vec<Vec<Text>> = vec![Vec::new(); count];
    for (row, text) in from.values().iter().zip(texts) {
        let place = usize::try_from(*row)
            .ok()
            .and_then(|row| versions.get_mut(row));
        let Some(place) = place else {
            return Err(StepError::new(format!(
                "an augmented row is made from row {row}, and `unlabeled` has {count} rows"
            ))
            .help("feed `augment` the same table as `unlabeled`"));
        };
        place.push(text);
    }
    match versions.iter().position(Vec::is_empty) {
        None => Ok(versions),
        Some(row) => Err(StepError::new(format!(
            "row {row} of `unlabeled` has no augmented version"
        ))
        .help("feed `augment` the same table as `unlabeled`")),
    }
}
