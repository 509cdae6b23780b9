//! The scores of a trained transformer, by the method that it was trained by.

use std::path::Path;

use methods::{Classifier, Decision, Problem, PromptClassifier, SetFitClassifier, Text};
use nn::{EncoderConfig, Forward, MaskedLm, ModelConfig, SentenceEncoder, SequenceClassifier};
use tensor::Device;
use text::{Scores, Task};

use super::super::StepError;
use super::super::model_card::ModelCard;
use super::super::transformer::inference::InferencePrecision;
use super::super::transformer::tokens::Tokens;
use super::Scored;

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
}

impl Network {
    fn decision(&self) -> &Decision {
        match self {
            Network::Classifier(model) => &model.decision,
            Network::SetFit(model) => &model.decision,
            Network::Prompt(model) => &model.decision,
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
        let config = EncoderConfig::from_file(folder.join("config.json"))?;
        let tokens = Tokens::open(folder, None)?.within(config.max_tokens());
        let network = match card.method.as_str() {
            "setfit" => {
                let model = SetFitClassifier::<SentenceEncoder>::open(folder, device)?;
                Network::SetFit(Box::new(model))
            }
            "prompt" => {
                let model = PromptClassifier::<MaskedLm>::open(folder, device)?;
                Network::Prompt(Box::new(model))
            }
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

    /// Scores texts.
    pub fn score(&self, texts: &[Text]) -> Result<Scored, StepError> {
        let decision = self.decision();
        let probabilities = match &self.network {
            Network::Classifier(model) => model.probabilities(texts, self.forward)?,
            Network::SetFit(model) => model.probabilities(texts, self.forward)?,
            Network::Prompt(model) => model.probabilities(texts, self.forward)?,
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
