//! [`Embedder`]: vectors of texts by whatever model a folder holds.

use std::path::Path;

use serde::Deserialize;
use tensor::{DType, Device, RandomKey, Tensor, no_grad};

use crate::bert::{Pooling, SentenceEncoder, normalize, pooling_of_folder};
use crate::config::refusal;
use crate::gpt2::Gpt2Model;
use crate::{
    Family, Forward, LoadReport, Module, Names, NnError, Packed, Parameter, Pretrained, Result,
    files,
};

/// A model that makes one vector of a text, for look-up: an encoder, or GPT-2, whose tokens know those before them only.
#[derive(Clone, Debug)]
pub enum Embedder {
    /// BERT and its relatives.
    Encoder(Box<SentenceEncoder>),
    /// GPT-2.
    Gpt2 {
        /// The model.
        model: Box<Gpt2Model>,
        /// How a text's vector comes from its tokens'.
        pooling: Pooling,
        /// Whether vectors are brought to length 1.
        normalizes: bool,
    },
}

#[derive(Deserialize)]
struct Kind {
    #[serde(default)]
    model_type: String,
}

impl Embedder {
    /// Reads a folder of any model that is known. Pooling is the mean, brought to length 1, unless the folder is one of
    /// `sentence-transformers` and says otherwise.
    ///
    /// # Errors
    /// [`NnError::File`] for another model, and as [`Pretrained::from_folder`].
    pub fn from_folder(
        folder: impl AsRef<Path>,
        key: RandomKey,
        device: &Device,
    ) -> Result<(Self, LoadReport)> {
        let folder = folder.as_ref();
        let path = folder.join("config.json");
        let kind: Kind = files::read_json(&path)?;
        match kind.model_type.as_str() {
            "gpt2" => {
                let (model, report) = Gpt2Model::from_folder(folder, key, device)?;
                let (pooling, normalizes) =
                    pooling_of_folder(folder)?.unwrap_or((Pooling::Mean, true));
                let model = Box::new(model);
                Ok((
                    Self::Gpt2 {
                        model,
                        pooling,
                        normalizes,
                    },
                    report,
                ))
            }
            other if Family::of(other).is_some() => {
                let (model, report) = SentenceEncoder::from_folder(folder, key, device)?;
                Ok((Self::Encoder(Box::new(model)), report))
            }
            other => {
                let known = Family::ALL.map(Family::model_type).join(", ");
                let reason = format!("texts become vectors by {known}, gpt2");
                let error = refusal("model_type", other, reason);
                Err(NnError::file(&path, error.to_string()))
            }
        }
    }

    /// The same model with another pooling, and with vectors brought to length 1 or left as they are.
    #[must_use]
    pub fn with_pooling(self, pooling: Pooling, normalizes: bool) -> Self {
        match self {
            Self::Encoder(model) => {
                Self::Encoder(Box::new(model.with_pooling(pooling, normalizes)))
            }
            Self::Gpt2 { model, .. } => Self::Gpt2 {
                model,
                pooling,
                normalizes,
            },
        }
    }

    /// One vector a text, `[texts, hidden]`, in f32.
    ///
    /// # Errors
    /// [`NnError::Input`] for a token that the model has no vector for, and for a text that is too long;
    /// [`tensor::TensorError::Shape`] for a text without tokens.
    pub fn forward(&self, texts: &Packed, forward: Forward) -> Result<Tensor> {
        match self {
            Self::Encoder(model) => model.forward(texts, forward),
            Self::Gpt2 {
                model,
                pooling,
                normalizes,
            } => {
                let hidden = model.forward(texts, forward)?.cast(DType::F32)?;
                let pooled = pooling.forward(&hidden, texts.offsets())?;
                Ok(match normalizes {
                    true => normalize(&pooled)?,
                    false => pooled,
                })
            }
        }
    }

    /// The same without a tape.
    ///
    /// # Errors
    /// As [`Embedder::forward`].
    pub fn embed(&self, texts: &Packed, forward: Forward) -> Result<Tensor> {
        no_grad(|| self.forward(texts, forward))
    }

    /// How a text's vector comes from its tokens'.
    pub fn pooling(&self) -> Pooling {
        match self {
            Self::Encoder(model) => model.pooling(),
            Self::Gpt2 { pooling, .. } => *pooling,
        }
    }

    /// Whether vectors have length 1.
    pub fn normalizes(&self) -> bool {
        match self {
            Self::Encoder(model) => model.normalizes(),
            Self::Gpt2 { normalizes, .. } => *normalizes,
        }
    }

    /// Token ids are below this.
    pub fn vocab_size(&self) -> usize {
        match self {
            Self::Encoder(model) => model.encoder().config().vocab_size,
            Self::Gpt2 { model, .. } => model.config().vocab_size,
        }
    }

    /// The length of a vector.
    pub fn hidden_size(&self) -> usize {
        match self {
            Self::Encoder(model) => model.encoder().hidden_size(),
            Self::Gpt2 { model, .. } => model.config().n_embd,
        }
    }

    /// The tokens of a text at most.
    pub fn max_tokens(&self) -> usize {
        match self {
            Self::Encoder(model) => model.encoder().max_tokens(),
            Self::Gpt2 { model, .. } => model.config().n_positions,
        }
    }
}

impl Module for Embedder {
    fn visit<'a>(&'a self, path: &str, visit: &mut dyn FnMut(Names, &'a Parameter)) {
        match self {
            Self::Encoder(model) => model.visit(path, visit),
            Self::Gpt2 { model, .. } => model.visit(path, visit),
        }
    }

    fn visit_mut<'a>(&'a mut self, path: &str, visit: &mut dyn FnMut(Names, &'a mut Parameter)) {
        match self {
            Self::Encoder(model) => model.visit_mut(path, visit),
            Self::Gpt2 { model, .. } => model.visit_mut(path, visit),
        }
    }
}
