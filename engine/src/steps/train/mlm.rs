//! `method = "mlm"`: domain adaptation, or training from scratch, as a masked language model.

use methods::{Masking, Mlm as Options, Session, mlm};
use nn::MaskedLm;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{Check, ColumnType, StepError};
use super::unlabelled::{Learned, Lesson, OnTexts};

/// Trains a transformer to find hidden words (Devlin et al. 2019, section 3.1), on texts that need no labels: adapts a pretrained
/// model to the texts of a domain (Gururangan et al. 2020), or trains a new one from scratch.
///
/// Other words are hidden each time that a text is read. Special tokens never are. On the rows of the port `valid` the same words are
/// hidden each time, and the perplexity is exp(loss) there.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mlm {
    /// The column of texts; a null is an empty text.
    #[serde(default = "text_column")]
    text: String,
    /// The share of words that are to be found.
    #[serde(default = "share")]
    #[schemars(range(min = 0, max = 1))]
    mask_probability: f64,
    /// The share of these that are replaced by the mask token.
    #[serde(default = "most")]
    #[schemars(range(min = 0, max = 1))]
    masked: f64,
    /// The share of these that are replaced by any token; the rest stay as they are.
    #[serde(default = "few")]
    #[schemars(range(min = 0, max = 1))]
    replaced: f64,
}

fn text_column() -> String {
    "text".to_owned()
}

fn share() -> f64 {
    0.15
}

fn most() -> f64 {
    0.8
}

fn few() -> f64 {
    0.1
}

impl OnTexts for Mlm {
    const NAME: &'static str = "mlm";
    const VERSION: u32 = 1;
    type Network = MaskedLm;

    fn check(&self, check: &mut Check) {
        for port in ["train", "valid"] {
            check.require("text", port, &self.text, ColumnType::Text);
        }
    }

    fn learn(
        &self,
        network: MaskedLm,
        lesson: &Lesson<'_>,
        session: &mut Session<'_>,
    ) -> Result<Learned<MaskedLm>, StepError> {
        let Lesson {
            context, tokens, ..
        } = lesson;
        let training = tokens.of_port(context, "train", &self.text)?;
        let validation = match context.optional_path("valid") {
            Some(_) => tokens.of_port(context, "valid", &self.text)?,
            None => Vec::new(),
        };
        let options = Options {
            optimisation: lesson.tuning.optimisation(),
            masking: Masking {
                probability: self.mask_probability,
                masked: self.masked,
                replaced: self.replaced,
            },
            selection: lesson.tuning.selection(),
        };
        let vocabulary = tokens.vocabulary()?;
        let (network, outcome) = mlm(
            network,
            &vocabulary,
            &training,
            &validation,
            &options,
            session,
        )?;
        Ok(Learned {
            network,
            rows: training.len(),
            worth: outcome
                .last_metric("perplexity")
                .map(|perplexity| format!("perplexity {perplexity:.1}")),
        })
    }
}
