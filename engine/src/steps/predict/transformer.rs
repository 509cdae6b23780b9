//! The scores of a trained transformer, by the method that it was trained by.

use std::path::Path;

use methods::{
    Classifier, Decision, MethodError, Problem, PromptClassifier, SetFitClassifier, Text,
};
use nn::{EncoderConfig, MaskedLm, ModelConfig, SentenceEncoder, SequenceClassifier};
use tensor::{DType, Device};
use text::{Scores, Task};

use super::super::model_card::ModelCard;
use super::super::transformer::tokens::Tokens;
use super::super::{Context, StepError};
use super::Scored;

/// Scores the rows of the port `table`.
pub fn score(folder: &Path, text: &str, context: &Context<'_>) -> Result<Scored, StepError> {
    let card = ModelCard::read(folder)?;
    let config = EncoderConfig::from_file(folder.join("config.json"))?;
    let tokens = Tokens::open(folder, None)?.within(config.max_tokens());
    let texts = tokens.of_port(context, "table", text)?;
    let device = context.open_device()?;
    let (probabilities, decision) = probabilities(&card.method, folder, &texts, &device)?;
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

/// The probability of each label of each text, `[texts * labels]`.
fn probabilities(
    method: &str,
    folder: &Path,
    texts: &[Text],
    device: &Device,
) -> Result<(Vec<f32>, Decision), MethodError> {
    match method {
        "setfit" => {
            let model = SetFitClassifier::<SentenceEncoder>::open(folder, device)?;
            Ok((model.probabilities(texts, DType::F32)?, model.decision))
        }
        "prompt" => {
            let model = PromptClassifier::<MaskedLm>::open(folder, device)?;
            Ok((model.probabilities(texts, DType::F32)?, model.decision))
        }
        _ => {
            let model = Classifier::<SequenceClassifier>::open(folder, device)?;
            Ok((model.probabilities(texts, DType::F32)?, model.decision))
        }
    }
}
