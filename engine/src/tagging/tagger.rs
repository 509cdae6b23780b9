//! Texts in, labels and scores out.

use text::{LabelSets, Scores, Workers};

use crate::steps::StepError;
use crate::steps::predict::{Labeller, Rule};
use crate::steps::transformer::encoder::Encoder;

/// How many rows a model over word counts takes at a time, and how many a transformer, which computes for seconds on more.
const ROWS_OF_LINEAR: usize = 2048;
const ROWS_OF_TRANSFORMER: usize = 128;

/// A trained model, and which labels of its scores are predicted.
pub struct Tagger {
    model: Labeller,
    encoder: Option<Encoder>,
    rule: Rule,
    threads: usize,
}

/// What a model says of some rows.
pub struct Tags {
    /// The labels of each row.
    pub labels: LabelSets,
    /// The score of each label, `[rows, labels]`.
    pub scores: Scores,
}

impl Tagger {
    /// A model with the encoder that a neighbour look-up needs.
    ///
    /// # Errors
    /// Where the rule makes no sense for the model.
    pub fn new(
        model: Labeller,
        encoder: Option<Encoder>,
        rule: Rule,
        threads: usize,
    ) -> Result<Tagger, StepError> {
        rule.check(model.task(), model.labels())?;
        Ok(Tagger {
            model,
            encoder,
            rule,
            threads,
        })
    }

    /// The labels that the model knows.
    pub fn labels(&self) -> &[String] {
        self.model.labels()
    }

    /// How many threads it uses.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// How many rows are best tagged at a time, and at most.
    pub fn batch_rows(&self) -> usize {
        match self.model {
            Labeller::Linear(_) => ROWS_OF_LINEAR,
            Labeller::Neighbours(_) | Labeller::Transformer(_) => ROWS_OF_TRANSFORMER,
        }
    }

    /// Tags texts.
    ///
    /// # Errors
    /// Those of the model.
    pub fn tag(&self, texts: &[&str]) -> Result<Tags, StepError> {
        let workers = Workers::new(self.threads);
        let scored = (self.model).score(texts, self.encoder.as_ref(), workers)?;
        Ok(Tags {
            labels: scored.decide(&self.rule)?,
            scores: scored.probabilities,
        })
    }
}
