//! `method = "setfit"`.

use methods::setfit::{PairSampling, SetFit as Options, Similarity, setfit};
use nn::SentenceEncoder;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::transformer::tuning::Tuning;
use super::super::{Context, StepError};
use super::labelled::{OnLabelled, Setup};
use super::logistic_regression::ClassWeight;

/// SetFit (Tunstall et al. 2022): a sentence encoder learns from pairs of labelled rows that those with a label in common are alike;
/// then logistic regression over its vectors learns the labels. `epochs`, `max_steps` and `batch_size` are about pairs.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetFit {
    /// When two rows are alike, where they may carry several labels: `any` if they share one, `same` if they carry the same,
    /// `jaccard` by the share of labels that they have in common.
    #[serde(default)]
    similarity: SimilarityKind,
    /// How many pairs an epoch has: `oversampling` repeats those of the rarer kind until there are as many as of the other,
    /// `undersampling` takes only as many of the more frequent kind, `unique` takes each pair once.
    #[serde(default)]
    pairs: PairsKind,
    /// The inverse strength of the penalty of the regression, above 0.
    #[serde(default = "one", rename = "C")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    c: f64,
    /// How much a row counts in the regression. Default: "none".
    #[serde(default, skip_serializing_if = "ClassWeight::is_default")]
    class_weight: ClassWeight,
}

/// When two rows are alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum SimilarityKind {
    /// If they share a label.
    #[default]
    Any,
    /// If they carry the same labels.
    Same,
    /// By the share of common labels.
    Jaccard,
}

/// How many pairs an epoch has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum PairsKind {
    /// The rarer kind is repeated.
    #[default]
    Oversampling,
    /// The more frequent kind is cut.
    Undersampling,
    /// Each pair once.
    Unique,
}

fn one() -> f64 {
    1.0
}

impl OnLabelled for SetFit {
    const NAME: &'static str = "setfit";
    const VERSION: u32 = 3;

    fn train(
        &self,
        setup: &Setup,
        tuning: &Tuning,
        context: &Context<'_>,
    ) -> Result<(), StepError> {
        let options = Options {
            optimisation: tuning.optimisation(),
            similarity: match self.similarity {
                SimilarityKind::Any => Similarity::Any,
                SimilarityKind::Same => Similarity::Same,
                SimilarityKind::Jaccard => Similarity::Jaccard,
            },
            sampling: match self.pairs {
                PairsKind::Oversampling => PairSampling::Oversampling,
                PairsKind::Undersampling => PairSampling::Undersampling,
                PairsKind::Unique => PairSampling::Unique,
            },
            inverse_decay: self.c,
            balanced: self.class_weight == ClassWeight::Balanced,
            ..Options::default()
        };
        let network: SentenceEncoder = setup.load(context)?;
        setup.train(
            context,
            |session| {
                let (training, valid) = (setup.training(), setup.validation());
                let (model, outcome) =
                    setfit(network, &setup.labels, training, valid, &options, session)?;
                Ok((model, vec![outcome]))
            },
            |model, folder| model.save(folder),
        )
    }
}
