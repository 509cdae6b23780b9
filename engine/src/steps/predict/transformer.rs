//! The scores of a fine-tuned transformer.

use std::path::Path;

use methods::{Classifier, Problem};
use nn::SequenceClassifier;
use tensor::DType;
use text::{Scores, Task};

use super::super::transformer::tokens::Tokens;
use super::super::{Context, StepError};
use super::Scored;

/// Scores the rows of the port `table`.
pub fn score(folder: &Path, text: &str, context: &Context<'_>) -> Result<Scored, StepError> {
    let device = context.open_device()?;
    let classifier = Classifier::<SequenceClassifier>::open(folder, &device)?;
    let limit = classifier.network.encoder().config().max_tokens();
    let tokens = Tokens::open(folder, None)?.within(limit);
    let texts = tokens.of_port(context, "table", text)?;
    let probabilities = classifier.probabilities(&texts, DType::F32)?;
    let decision = classifier.decision;
    Ok(Scored {
        task: match decision.problem {
            Problem::Multi => Task::MultiLabel,
            Problem::Single => Task::MultiClass,
        },
        probabilities: Scores::new(
            texts.len(),
            decision.labels.len(),
            probabilities.into_iter().map(f64::from).collect(),
        )?,
        ranks: None,
        thresholds: decision.thresholds.into_iter().map(f64::from).collect(),
        labels: decision.labels,
    })
}
