//! Labels without examples: a label fits a text as well as a sentence about the label follows from it (Yin et al. 2019).

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use tensor::{DType, Device, RandomKey, Tensor, TensorError, no_grad};

use crate::seq2seq::Seq2SeqClassifier;
use crate::{Family, Forward, LoadReport, NnError, Packed, Pretrained, Result, SequenceClassifier};
use crate::{config::refusal, files};

/// Which of a model's labels say that one sentence follows from another, and that they contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entailment {
    /// It follows.
    pub entailment: usize,
    /// It contradicts.
    pub contradiction: usize,
}

impl Entailment {
    /// From the names of the labels, as `transformers` chooses: what begins with `entail`, and against it the first label, or the
    /// last if the first is the former.
    ///
    /// # Errors
    /// [`NnError::Config`] if there is no such name.
    pub fn of(id2label: Option<&BTreeMap<String, String>>) -> Result<Self> {
        let none = BTreeMap::new();
        let labels = id2label.unwrap_or(&none);
        let found = labels
            .iter()
            .find(|(_, name)| name.to_lowercase().starts_with("entail"))
            .and_then(|(id, _)| id.parse::<usize>().ok());
        match found {
            Some(entailment) => Ok(Self {
                entailment,
                contradiction: match entailment {
                    0 => labels.len() - 1,
                    _ => 0,
                },
            }),
            None => {
                let names: Vec<&str> = labels.values().map(String::as_str).collect();
                Err(refusal(
                    "id2label",
                    format!("[{}]", names.join(", ")),
                    "no label begins with `entail`; take a model that was trained on natural language inference, such as facebook/bart-large-mnli",
                ))
            }
        }
    }

    /// How well each label fits each text, `[texts, labels]`, from the scores of all pairs of a text and a sentence about a label,
    /// `[texts labels, classes]`, the labels of the first text first. Where a text may have several labels, or where there is only
    /// one, each is the probability that the sentence follows rather than contradicts; else they are those of one label among
    /// all.
    ///
    /// # Errors
    /// [`TensorError::Shape`] for scores of other pairs.
    pub fn label_scores(self, scores: &Tensor, labels: usize, multi_label: bool) -> Result<Tensor> {
        let misfit = || TensorError::Shape {
            op: "label_scores",
            reason: format!(
                "takes scores [texts times {labels} labels, classes] of a model with labels {} and {}",
                self.entailment, self.contradiction
            ),
            shapes: vec![scores.shape().clone()],
        };
        let [pairs, classes] = scores.shape()[..] else {
            return Err(misfit().into());
        };
        let largest = self.entailment.max(self.contradiction);
        if labels == 0 || pairs % labels != 0 || largest >= classes {
            return Err(misfit().into());
        }
        let texts = pairs / labels;
        let scores = scores.cast(DType::F32)?;
        let column = |place| scores.narrow(1, place, 1);
        let follows = column(self.entailment)?;
        Ok(match multi_label || labels == 1 {
            true => {
                let against = column(self.contradiction)?;
                let both = Tensor::concat(&[&against, &follows], 1)?.softmax(1)?;
                both.narrow(1, 1, 1)?.reshape([texts, labels])?
            }
            false => follows.reshape([texts, labels])?.softmax(1)?,
        })
    }
}

/// A model that tells whether one sentence follows from another.
#[derive(Clone, Debug)]
pub enum NliModel {
    /// An encoder, such as RoBERTa.
    Encoder(Box<SequenceClassifier>),
    /// BART.
    Seq2Seq(Box<Seq2SeqClassifier>),
}

#[derive(Deserialize)]
struct Kind {
    #[serde(default)]
    model_type: String,
}

impl NliModel {
    /// Reads a folder of any model that is known.
    ///
    /// # Errors
    /// [`NnError::Config`] for another model or one without an entailment label, and as [`Pretrained::from_folder`].
    pub fn from_folder(
        folder: impl AsRef<Path>,
        key: RandomKey,
        device: &Device,
    ) -> Result<(Self, LoadReport)> {
        let path = folder.as_ref().join("config.json");
        let kind: Kind = files::read_json(&path)?;
        let (model, report) = match kind.model_type.as_str() {
            "bart" => {
                let (model, report) = Seq2SeqClassifier::from_folder(folder, key, device)?;
                (Self::Seq2Seq(Box::new(model)), report)
            }
            other if Family::of(other).is_some() => {
                let (model, report) = SequenceClassifier::from_folder(folder, key, device)?;
                (Self::Encoder(Box::new(model)), report)
            }
            other => {
                let known = Family::ALL.map(Family::model_type).join(", ");
                let reason = format!("the classifiers that are known here are {known}, bart");
                let error = refusal("model_type", other, reason);
                return Err(NnError::file(&path, error.to_string()));
            }
        };
        model
            .entailment()
            .map_err(|error| NnError::file(&path, error.to_string()))?;
        Ok((model, report))
    }

    /// The labels that matter.
    ///
    /// # Errors
    /// As [`Entailment::of`].
    pub fn entailment(&self) -> Result<Entailment> {
        Entailment::of(match self {
            Self::Encoder(model) => model.config().id2label.as_ref(),
            Self::Seq2Seq(model) => model.config().id2label.as_ref(),
        })
    }

    /// The tokens of a pair at most.
    pub fn max_tokens(&self) -> usize {
        match self {
            Self::Encoder(model) => model.encoder().max_tokens(),
            Self::Seq2Seq(model) => model.config().max_position_embeddings,
        }
    }

    /// The scores of pairs, `[pairs, classes]`, for [`Entailment::label_scores`]. Texts are told without dropout.
    ///
    /// # Errors
    /// As the models' own.
    pub fn forward(&self, pairs: &Packed, forward: Forward) -> Result<Tensor> {
        no_grad(|| match self {
            Self::Encoder(model) => model.forward(pairs, forward),
            Self::Seq2Seq(model) => model.forward(pairs, forward),
        })
    }
}
