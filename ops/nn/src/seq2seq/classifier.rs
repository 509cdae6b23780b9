//! [`Seq2SeqClassifier`]: labels of whole texts by BART, such as whether one sentence follows from another.

use tensor::{Activation, Tensor};

use super::model::TIED;
use super::{Seq2SeqConfig, Seq2SeqFamily, Seq2SeqModel};
use crate::config::refusal;
use crate::layers::{Linear, dropout};
use crate::module::module;
use crate::{Forward, Init, NnError, Packed, Pretrained, Result};

#[derive(Clone, Debug)]
struct Head {
    dense: Linear,
    out_proj: Linear,
}

module!(Head { dense, out_proj });

/// A score for each label of each text. The text goes through encoder and decoder, and its last ending token is judged.
#[derive(Clone, Debug)]
pub struct Seq2SeqClassifier {
    model: Seq2SeqModel,
    classification_head: Head,
}

module!(Seq2SeqClassifier {
    model,
    classification_head
});

impl Seq2SeqClassifier {
    /// The scores, `[texts, labels]`.
    ///
    /// # Errors
    /// As [`Seq2SeqModel::forward`]; [`NnError::Input`] for a text without an ending token.
    pub fn forward(&self, texts: &Packed, forward: Forward) -> Result<Tensor> {
        let config = self.model.config();
        let ends = config.eos_token_id.as_slice();
        let starts = texts.offsets().as_slice().iter();
        let places: Vec<u32> = (starts.zip(texts.ids_by_text()).enumerate())
            .map(|(text, (start, ids))| {
                let last = ids.iter().rposition(|token| ends.contains(token));
                let last = last.ok_or_else(|| NnError::Input {
                    model: "BART",
                    reason: format!(
                        "text {text} has no ending token, which is judged; use the tokenizer of this model with special tokens"
                    ),
                })?;
                Ok(start + last as u32)
            })
            .collect::<Result<_>>()?;
        let shifted = self.model.shifted(texts)?;
        let hidden = self.model.forward(texts, &shifted, forward.at(0))?;
        let places = Tensor::new(&places, [places.len()], texts.device())?;
        let hidden = hidden.index_select(0, &places)?;
        let Head { dense, out_proj } = &self.classification_head;
        let share = config.classifier_dropout;
        let hidden = dropout(&hidden, share, forward.at(1))?;
        let hidden = dense.forward_with(&hidden, Activation::Tanh, forward)?;
        let hidden = dropout(&hidden, share, forward.at(2))?;
        Ok(out_proj.forward(&hidden, forward)?)
    }

    /// The model below the classifier.
    pub fn model(&self) -> &Seq2SeqModel {
        &self.model
    }
}

impl Pretrained for Seq2SeqClassifier {
    type Config = Seq2SeqConfig;

    fn architecture(_config: &Seq2SeqConfig) -> &'static str {
        "BartForSequenceClassification"
    }

    fn new_parts(_config: &Seq2SeqConfig) -> &'static [&'static str] {
        &["classification_head"]
    }

    fn tied(_config: &Seq2SeqConfig) -> &'static [&'static str] {
        &TIED
    }

    fn new(config: &Seq2SeqConfig, init: &Init<'_>) -> Result<Self> {
        if config.family()? != Seq2SeqFamily::Bart {
            let reason = "only bart has a classifier among encoder-decoders";
            return Err(refusal("model_type", &config.model_type, reason));
        }
        let hidden = config.d_model;
        Ok(Self {
            model: Seq2SeqModel::new(config, &init.at(0))?,
            classification_head: Head {
                dense: Linear::new(hidden, hidden, &init.at(1))?,
                out_proj: Linear::new(hidden, config.labels(), &init.at(2))?,
            },
        })
    }

    fn config(&self) -> &Seq2SeqConfig {
        self.model.config()
    }
}
