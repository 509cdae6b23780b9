//! The scores of a trained transformer, by the method that it was trained by.

use std::path::Path;

use methods::{
    Classifier, Decision, InContextClassifier, MethodError, Problem, PromptClassifier,
    SetFitClassifier, Text,
};
use nn::gpt2::Gpt2Config;
use nn::{EncoderConfig, MaskedLm, ModelConfig, SentenceEncoder, SequenceClassifier};
use tensor::{DType, Device};
use text::{Scores, Task};

use super::super::model_card::ModelCard;
use super::super::transformer::tokens::Tokens;
use super::super::{Context, StepError};
use super::Scored;

/// The method whose models are causal.
const IN_CONTEXT: &str = "in_context";

/// Scores the rows of the port `table`.
pub fn score(folder: &Path, text: &str, context: &Context<'_>) -> Result<Scored, StepError> {
    let card = ModelCard::read(folder)?;
    let path = folder.join("config.json");
    let limit = match card.method.as_str() {
        IN_CONTEXT => Gpt2Config::from_file(path)?.n_positions,
        _ => EncoderConfig::from_file(path)?.max_tokens(),
    };
    let tokens = Tokens::open(folder, None)?.within(limit);
    let texts = tokens.of_port(context, "table", text)?;
    let device = context.open_device()?;
    let (probabilities, decision) = match card.method.as_str() {
        IN_CONTEXT => in_context(folder, &texts, &device, context)?,
        method => probabilities(method, folder, &texts, &device)?,
    };
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

/// The same by a language model that is shown examples.
fn in_context(
    folder: &Path,
    texts: &[Text],
    device: &Device,
    context: &Context<'_>,
) -> Result<(Vec<f32>, Decision), MethodError> {
    let model = InContextClassifier::open(folder, device)?;
    let found = model.probabilities(texts, DType::F32, &|done| {
        let (done, all) = (done as u64, texts.len() as u64);
        context.progress.update(done, all, "texts");
        context.is_cancelled()
    })?;
    Ok((found, model.decision))
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
