//! [`BertForSequenceClassification`]: labels of whole texts.

use tensor::Tensor;

use super::folder::Pretrained;
use super::{BertConfig, BertModel};
use crate::layers::{Linear, dropout};
use crate::module::module;
use crate::{Forward, Init, Packed, Result};

/// A score for each label of each text.
#[derive(Clone, Debug)]
pub struct BertForSequenceClassification {
    bert: BertModel,
    classifier: Linear,
}

module!(BertForSequenceClassification { bert, classifier });

impl BertForSequenceClassification {
    /// The scores, `[texts, labels]`: for [`Tensor::cross_entropy`] where labels exclude each other, else for
    /// [`Tensor::binary_cross_entropy_with_logits`].
    ///
    /// # Errors
    /// As [`BertModel::forward`] and [`BertModel::pooled`].
    pub fn forward(&self, texts: &Packed, forward: Forward) -> Result<Tensor> {
        let hidden = self.bert.forward(texts, forward.at(0))?;
        let pooled = self.bert.pooled(&hidden, texts, forward)?;
        let pooled = dropout(
            &pooled,
            self.bert.config().classifier_dropout(),
            forward.at(1),
        )?;
        Ok(self.classifier.forward(&pooled, forward)?)
    }

    /// The model below the classifier.
    pub fn bert(&self) -> &BertModel {
        &self.bert
    }
}

impl Pretrained for BertForSequenceClassification {
    const ARCHITECTURE: &'static str = "BertForSequenceClassification";
    const NEW: &'static [&'static str] = &["classifier", "bert.pooler"];

    fn new(config: &BertConfig, init: &Init<'_>) -> Result<Self> {
        Ok(Self {
            bert: BertModel::with_pooler(config, &init.at(0))?,
            classifier: Linear::new(config.hidden_size, config.labels(), &init.at(1))?,
        })
    }

    fn config(&self) -> &BertConfig {
        self.bert.config()
    }
}
