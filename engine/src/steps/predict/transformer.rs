//! The scores of a trained transformer, by the method that it was trained by.

use std::path::Path;

use methods::{
    Classifier, Decision, InContextClassifier, Problem, PromptClassifier, SetFitClassifier, Text,
};
use nn::gpt2::Gpt2Config;
use nn::{EncoderConfig, Forward, MaskedLm, ModelConfig, SentenceEncoder, SequenceClassifier};
use tensor::Device;
use text::{Scores, Task};

use super::super::StepError;
use super::super::model_card::ModelCard;
use super::super::transformer::inference::InferencePrecision;
use super::super::transformer::tokens::Tokens;
use super::Scored;

/// The method whose models are causal.
const IN_CONTEXT: &str = "in_context";

/// A trained transformer with its tokenizer.
pub struct Transformer {
    /// Texts as its tokens.
    pub tokens: Tokens,
    network: Network,
    forward: Forward,
}

enum Network {
    Classifier(Box<Classifier<SequenceClassifier>>),
    SetFit(Box<SetFitClassifier<SentenceEncoder>>),
    Prompt(Box<PromptClassifier<MaskedLm>>),
    InContext(Box<InContextClassifier>),
}

impl Network {
    fn decision(&self) -> &Decision {
        match self {
            Network::Classifier(model) => &model.decision,
            Network::SetFit(model) => &model.decision,
            Network::Prompt(model) => &model.decision,
            Network::InContext(model) => &model.decision,
        }
    }
}

impl Transformer {
    /// Reads a model's folder.
    pub fn open(
        folder: &Path,
        precision: InferencePrecision,
        device: &Device,
    ) -> Result<Transformer, StepError> {
        let card = ModelCard::read(folder)?;
        let config = folder.join("config.json");
        let limit = match card.method.as_str() {
            IN_CONTEXT => Gpt2Config::from_file(config)?.n_positions,
            _ => EncoderConfig::from_file(config)?.max_tokens(),
        };
        let tokens = Tokens::open(folder, None)?.within(limit);
        let network = match card.method.as_str() {
            "setfit" => {
                let model = SetFitClassifier::<SentenceEncoder>::open(folder, device)?;
                Network::SetFit(Box::new(model))
            }
            "prompt" => {
                let model = PromptClassifier::<MaskedLm>::open(folder, device)?;
                Network::Prompt(Box::new(model))
            }
            IN_CONTEXT => Network::InContext(Box::new(InContextClassifier::open(folder, device)?)),
            _ => {
                let model = Classifier::<SequenceClassifier>::open(folder, device)?;
                Network::Classifier(Box::new(model))
            }
        };
        Ok(Transformer {
            tokens,
            network,
            forward: precision.forward(device),
        })
    }

    /// What its scores mean.
    pub fn decision(&self) -> &Decision {
        self.network.decision()
    }

    /// Whether a row carries one label or several.
    pub fn task(&self) -> Task {
        match self.decision().problem {
            Problem::Multi => Task::MultiLabel,
            Problem::Single => Task::MultiClass,
        }
    }

    /// Scores texts. `stop` is told how many a model is done with that takes long for each, and ends the work by saying true.
    pub fn score(&self, texts: &[Text], stop: &dyn Fn(usize) -> bool) -> Result<Scored, StepError> {
        let decision = self.decision();
        let probabilities = match &self.network {
            Network::Classifier(model) => model.probabilities(texts, self.forward)?,
            Network::SetFit(model) => model.probabilities(texts, self.forward)?,
            Network::Prompt(model) => model.probabilities(texts, self.forward)?,
            Network::InContext(model) => model.probabilities(texts, self.forward, stop)?,
        };
        Ok(Scored {
            task: self.task(),
            probabilities: Scores::new(
                texts.len(),
                decision.labels.len(),
                probabilities.into_iter().map(f64::from).collect(),
            )?,
            ranks: None,
            thresholds: decision.thresholds.iter().copied().map(f64::from).collect(),
            labels: decision.labels.clone(),
        })
    }
}
