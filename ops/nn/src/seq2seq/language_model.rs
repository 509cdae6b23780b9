//! [`Seq2SeqLanguageModel`]: texts that answer others, such as translations.

use tensor::{Activation, CrossEntropy, Tensor};

use super::model::TIED;
use super::{Seq2SeqConfig, Seq2SeqFamily, Seq2SeqModel};
use crate::generate::{GenerateOptions, LanguageModel, Written, generate};
use crate::module::{Module, Names, join};
use crate::{Cache, Forward, Init, Packed, Parameter, Pretrained, Result};

/// A score for each word of the vocabulary, of how well it follows each token of a target; the scores' weights are the table of
/// words.
#[derive(Clone, Debug)]
pub struct Seq2SeqLanguageModel {
    model: Seq2SeqModel,
    /// `[1, vocab_size]`, in BART.
    final_logits_bias: Option<Parameter>,
}

impl Module for Seq2SeqLanguageModel {
    fn visit<'a>(&'a self, path: &str, visit: &mut dyn FnMut(Names, &'a Parameter)) {
        self.model.visit(&join(path, "model"), visit);
        self.final_logits_bias
            .visit(&join(path, "final_logits_bias"), visit);
    }

    fn visit_mut<'a>(&'a mut self, path: &str, visit: &mut dyn FnMut(Names, &'a mut Parameter)) {
        self.model.visit_mut(&join(path, "model"), visit);
        self.final_logits_bias
            .visit_mut(&join(path, "final_logits_bias"), visit);
    }
}

impl Seq2SeqLanguageModel {
    /// The scores of each token of the targets from those before it, `[target tokens, vocab_size]`.
    ///
    /// # Errors
    /// As [`Seq2SeqModel::forward`].
    pub fn forward(&self, sources: &Packed, targets: &Packed, forward: Forward) -> Result<Tensor> {
        let shifted = self.model.shifted(targets)?;
        let hidden = self.model.forward(sources, &shifted, forward)?;
        self.scores(&hidden, forward)
    }

    /// The mean cross entropy of each token of the targets given those before it. It never holds the scores of all tokens at
    /// once.
    ///
    /// # Errors
    /// As [`Seq2SeqModel::forward`].
    pub fn loss(&self, sources: &Packed, targets: &Packed, forward: Forward) -> Result<Tensor> {
        let shifted = self.model.shifted(targets)?;
        let hidden = self.model.forward(sources, &shifted, forward)?;
        let weight = forward.cast(self.model.words().weight().tensor())?;
        let bias = self.bias(forward)?;
        let (targets, options) = (targets.token_ids(), CrossEntropy::default());
        Ok(hidden.linear_cross_entropy(&weight, bias.as_ref(), targets, &options)?)
    }

    /// Writes an answer to each source: a translation into the language that `options` force as the first token.
    ///
    /// # Errors
    /// As [`generate`].
    pub fn generate(
        &self,
        sources: &Packed,
        options: &GenerateOptions,
        forward: Forward,
    ) -> Result<Vec<Vec<Written>>> {
        let cache = self.model.cache(sources, forward)?;
        let start = vec![self.model.config().decoder_start_token_id];
        generate(self, &vec![start; sources.texts()], cache, options, forward)
    }

    /// The model below the scores.
    pub fn model(&self) -> &Seq2SeqModel {
        &self.model
    }

    fn bias(&self, forward: Forward) -> Result<Option<Tensor>> {
        let Some(bias) = &self.final_logits_bias else {
            return Ok(None);
        };
        let bias = bias.tensor().detach().reshape([bias.tensor().elements()])?;
        Ok(Some(forward.cast(&bias)?))
    }
}

impl LanguageModel for Seq2SeqLanguageModel {
    fn read(
        &self,
        texts: &Packed,
        parents: &[u32],
        cache: &mut Cache,
        forward: Forward,
    ) -> Result<Tensor> {
        self.model.read(texts, parents, cache, forward)
    }

    fn scores(&self, hidden: &Tensor, forward: Forward) -> Result<Tensor> {
        let weight = forward.cast(self.model.words().weight().tensor())?;
        Ok(hidden.linear(&weight, self.bias(forward)?.as_ref(), Activation::None)?)
    }

    fn max_tokens(&self) -> usize {
        self.model.config().max_position_embeddings
    }
}

impl Pretrained for Seq2SeqLanguageModel {
    type Config = Seq2SeqConfig;

    fn architecture(config: &Seq2SeqConfig) -> &'static str {
        match config.family() {
            Ok(Seq2SeqFamily::M2m100) => "M2M100ForConditionalGeneration",
            _ => "BartForConditionalGeneration",
        }
    }

    fn new_parts(_config: &Seq2SeqConfig) -> &'static [&'static str] {
        &["final_logits_bias"]
    }

    fn tied(_config: &Seq2SeqConfig) -> &'static [&'static str] {
        &TIED
    }

    fn new(config: &Seq2SeqConfig, init: &Init<'_>) -> Result<Self> {
        let model = Seq2SeqModel::new(config, init)?;
        let final_logits_bias = match model.family() {
            Seq2SeqFamily::Bart => Some(init.constant(0.0, [1, config.vocab_size])?.fixed()),
            Seq2SeqFamily::M2m100 => None,
        };
        Ok(Self {
            model,
            final_logits_bias,
        })
    }

    fn config(&self) -> &Seq2SeqConfig {
        self.model.config()
    }
}
