//! [`Gpt2LanguageModel`]: scores of the next token.

use tensor::{CrossEntropy, Tensor};

use super::{Gpt2Config, Gpt2Model};
use crate::generate::LanguageModel;
use crate::module::module;
use crate::{Cache, Forward, Init, Packed, Pretrained, Result};

/// A score for each word of the vocabulary, of how well it follows each token; the scores' weights are the table of words.
#[derive(Clone, Debug)]
pub struct Gpt2LanguageModel {
    transformer: Gpt2Model,
}

module!(Gpt2LanguageModel { transformer });

impl Gpt2LanguageModel {
    /// The scores behind each token, `[tokens, vocab_size]`.
    ///
    /// # Errors
    /// As [`Gpt2Model::forward`].
    pub fn forward(&self, texts: &Packed, forward: Forward) -> Result<Tensor> {
        let hidden = self.transformer.forward(texts, forward)?;
        self.scores(&hidden, forward)
    }

    /// The mean cross entropy of each token given those before it in its text, over all tokens but the first of each text. It
    /// never holds the scores of all tokens at once.
    ///
    /// # Errors
    /// As [`Gpt2Model::forward`]; [`NnError::Input`](crate::NnError::Input) if no text has two tokens.
    pub fn loss(&self, texts: &Packed, forward: Forward) -> Result<Tensor> {
        let hidden = self.transformer.forward(texts, forward)?;
        let (places, targets) = texts.next_tokens("GPT-2")?;
        let hidden = hidden.index_select(0, &places)?;
        let weight = forward.cast(self.transformer.words().weight().tensor())?;
        Ok(hidden.linear_cross_entropy(&weight, None, &targets, &CrossEntropy::default())?)
    }

    /// The model below the scores.
    pub fn model(&self) -> &Gpt2Model {
        &self.transformer
    }
}

impl LanguageModel for Gpt2LanguageModel {
    fn read(
        &self,
        texts: &Packed,
        parents: &[u32],
        cache: &mut Cache,
        forward: Forward,
    ) -> Result<Tensor> {
        self.transformer.read(texts, parents, cache, forward)
    }

    fn scores(&self, hidden: &Tensor, forward: Forward) -> Result<Tensor> {
        let weight = forward.cast(self.transformer.words().weight().tensor())?;
        Ok(hidden.linear(&weight, None, tensor::Activation::None)?)
    }

    fn max_tokens(&self) -> usize {
        self.transformer.config().n_positions
    }
}

impl Pretrained for Gpt2LanguageModel {
    type Config = Gpt2Config;

    fn architecture(_config: &Gpt2Config) -> &'static str {
        "GPT2LMHeadModel"
    }

    fn tied(_config: &Gpt2Config) -> &'static [&'static str] {
        &["lm_head.weight"]
    }

    fn new(config: &Gpt2Config, init: &Init<'_>) -> Result<Self> {
        Ok(Self {
            transformer: Gpt2Model::new(config, init)?,
        })
    }

    fn config(&self) -> &Gpt2Config {
        self.transformer.config()
    }
}
