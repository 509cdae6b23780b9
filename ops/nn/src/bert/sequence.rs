//! [`SequenceClassifier`]: labels of whole texts.

use tensor::{Activation, DType, Tensor};

use super::{Encoder, EncoderConfig, Family, first_tokens};
use crate::layers::{Linear, dropout};
use crate::module::module_named;
use crate::{Forward, Init, Packed, Pretrained, Result};

/// A score for each label of each text, from its first token, as `transformers` computes it in each family; or from another pooling of
/// its tokens, without a map before the last one, where the configuration says so.
#[derive(Clone, Debug)]
pub struct SequenceClassifier {
    encoder: Encoder,
    /// Where the encoder has no pooler for it.
    dense: Option<Linear>,
    classifier: Linear,
}

module_named!(
    SequenceClassifier,
    model {
        encoder: model.encoder.family().model_type(),
        dense: model.encoder.family().classifier_parts()[0],
        classifier: model.encoder.family().classifier_parts()[1],
    }
);

impl SequenceClassifier {
    /// The scores, `[texts, labels]`: for [`Tensor::cross_entropy`] where labels exclude each other, else for
    /// [`Tensor::bce_with_logits`].
    ///
    /// # Errors
    /// As [`Encoder::forward`]; [`tensor::TensorError::Shape`] for a text without tokens.
    pub fn forward(&self, texts: &Packed, forward: Forward) -> Result<Tensor> {
        let features = self.features(texts, forward)?;
        let share = self.encoder.config().classifier_dropout();
        let features = dropout(&features, share, forward.at(1))?;
        Ok(self.classifier.forward(&features, forward)?)
    }

    /// What the last map reads but for its dropout, `[texts, hidden]`.
    ///
    /// # Errors
    /// As [`SequenceClassifier::forward`].
    pub fn features(&self, texts: &Packed, forward: Forward) -> Result<Tensor> {
        let hidden = self.encoder.forward(texts, forward.at(0))?;
        Ok(
            match (self.encoder.config().classifier_pooling, &self.dense) {
                (Some(pooling), _) => {
                    let hidden = hidden.cast(DType::F32)?;
                    forward.cast(&pooling.forward(&hidden, texts.offsets())?)?
                }
                (None, None) => self.encoder.pooled(&hidden, texts, forward)?,
                (None, Some(dense)) => {
                    let first = first_tokens(&hidden, texts.offsets())?;
                    match self.encoder.family() {
                        Family::Roberta => {
                            let share = self.encoder.config().classifier_dropout();
                            let first = dropout(&first, share, forward.at(2))?;
                            dense.forward_with(&first, Activation::Tanh, forward)?
                        }
                        _ => dense.forward_with(&first, Activation::Relu, forward)?,
                    }
                }
            },
        )
    }

    /// Replaces the last map: weight `[labels, hidden]`, bias `[labels]`.
    ///
    /// # Errors
    /// As [`Linear::set`].
    pub fn set_classifier(&mut self, weight: &Tensor, bias: &Tensor) -> Result<()> {
        Ok(self.classifier.set(weight, bias)?)
    }

    /// The model below the classifier.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// The same under its older name.
    pub fn bert(&self) -> &Encoder {
        &self.encoder
    }
}

impl Pretrained for SequenceClassifier {
    type Config = EncoderConfig;

    fn architecture(config: &EncoderConfig) -> &'static str {
        match config.known_family() {
            Family::Bert => "BertForSequenceClassification",
            Family::DistilBert => "DistilBertForSequenceClassification",
            Family::Roberta => "RobertaForSequenceClassification",
        }
    }

    fn new_parts(config: &EncoderConfig) -> &'static [&'static str] {
        match config.known_family() {
            Family::Bert => &["classifier", "bert.pooler"],
            Family::DistilBert => &["classifier", "pre_classifier"],
            Family::Roberta => &["classifier"],
        }
    }

    fn new(config: &EncoderConfig, init: &Init<'_>) -> Result<Self> {
        let hidden = config.hidden_size;
        let (encoder, dense) = match (config.classifier_pooling, config.family()?) {
            (Some(_), _) => (Encoder::without_pooler(config, &init.at(0))?, None),
            (None, Family::Bert) => (Encoder::with_pooler(config, &init.at(0))?, None),
            (None, Family::DistilBert | Family::Roberta) => (
                Encoder::without_pooler(config, &init.at(0))?,
                Some(Linear::new(hidden, hidden, &init.at(2))?),
            ),
        };
        Ok(Self {
            encoder,
            dense,
            classifier: Linear::new(hidden, config.labels(), &init.at(1))?,
        })
    }

    fn config(&self) -> &EncoderConfig {
        self.encoder.config()
    }
}
