//! [`SentenceEncoder`]: texts as vectors that can be compared (Reimers & Gurevych 2019).

use tensor::{DType, Tensor};

use super::folder::Pretrained;
use super::{BertConfig, BertModel, mean_pooling, normalize};
use crate::module::{Module, Names};
use crate::{Forward, Init, Packed, Parameter, Result};

/// The mean of a text's last hidden states, brought to length 1, as `sentence-transformers` computes it for MiniLM. Its
/// tensors are those of a [`BertModel`].
#[derive(Clone, Debug)]
pub struct SentenceEncoder {
    bert: BertModel,
}

impl Module for SentenceEncoder {
    fn visit<'a>(&'a self, path: &str, visit: &mut dyn FnMut(Names, &'a Parameter)) {
        self.bert.visit(path, visit);
    }

    fn visit_mut<'a>(&'a mut self, path: &str, visit: &mut dyn FnMut(Names, &'a mut Parameter)) {
        self.bert.visit_mut(path, visit);
    }
}

impl SentenceEncoder {
    /// One vector of length 1 a text, `[texts, hidden]`, in f32.
    ///
    /// # Errors
    /// As [`BertModel::forward`]; [`tensor::TensorError::Shape`] for a text without tokens.
    pub fn forward(&self, texts: &Packed, forward: Forward) -> Result<Tensor> {
        let hidden = self.bert.forward(texts, forward)?.cast(DType::F32)?;
        Ok(normalize(&mean_pooling(&hidden, texts.offsets())?)?)
    }

    /// The model below.
    pub fn bert(&self) -> &BertModel {
        &self.bert
    }
}

impl Pretrained for SentenceEncoder {
    const ARCHITECTURE: &'static str = "BertModel";

    fn new(config: &BertConfig, init: &Init<'_>) -> Result<Self> {
        Ok(Self {
            bert: BertModel::without_pooler(config, init)?,
        })
    }

    fn config(&self) -> &BertConfig {
        self.bert.config()
    }
}
