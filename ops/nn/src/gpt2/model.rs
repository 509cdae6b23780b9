//! [`Gpt2Model`]: embeddings and layers.

use tensor::Tensor;

use super::Gpt2Config;
use super::block::Block;
use crate::layers::{Embedding, LayerNorm, dropout};
use crate::module::module;
use crate::{Cache, Forward, Init, Packed, Pretrained, Result};

/// The model below the scores.
#[derive(Clone, Debug)]
pub struct Gpt2Model {
    config: Gpt2Config,
    wte: Embedding,
    wpe: Embedding,
    h: Vec<Block>,
    ln_f: LayerNorm,
}

module!(Gpt2Model { wte, wpe, h, ln_f });

impl Gpt2Model {
    /// The last hidden states, `[tokens, hidden]`: each token's from itself and those before it in its text.
    ///
    /// # Errors
    /// [`NnError::Input`](crate::NnError::Input) for a token that the model has no vector for, and for a text that is too long.
    pub fn forward(&self, texts: &Packed, forward: Forward) -> Result<Tensor> {
        self.check(texts, &[])?;
        let mut hidden = self.embedded(texts, forward)?;
        for (place, block) in (1..).zip(&self.h) {
            let forward = forward.at(place);
            hidden = match forward.recomputes() {
                true => block.forward_again(&hidden, texts.offsets(), forward)?,
                false => block.forward(&hidden, texts.offsets(), None, forward)?,
            };
        }
        Ok(self.ln_f.forward(&hidden, forward)?)
    }

    /// The hidden states of new tokens, `[tokens, hidden]`, where text `i` goes on from row `parents[i]` of the cache, which then
    /// holds these texts as its rows. Begin with [`Gpt2Model::cache`].
    ///
    /// # Errors
    /// As [`Gpt2Model::forward`]; [`tensor::TensorError::Shape`] for a parent that is not there.
    pub fn read(
        &self,
        texts: &Packed,
        parents: &[u32],
        cache: &mut Cache,
        forward: Forward,
    ) -> Result<Tensor> {
        let growth = cache.grow(parents, texts.offsets())?;
        self.check(texts, growth.starts())?;
        let texts = texts.clone().behind(growth.starts())?;
        let mut hidden = self.embedded(&texts, forward)?;
        for (layer, block) in self.h.iter().enumerate() {
            let past = Some((&mut *cache, layer, &growth));
            hidden = block.forward(&hidden, texts.offsets(), past, forward)?;
        }
        Ok(self.ln_f.forward(&hidden, forward)?)
    }

    /// A cache of `rows` texts of which nothing was read.
    pub fn cache(&self, rows: usize) -> Cache {
        let device = self.wte.weight().tensor().device();
        Cache::new(self.h.len(), rows, device)
    }

    /// Its configuration.
    pub fn config(&self) -> &Gpt2Config {
        &self.config
    }

    /// The table of words, `[vocab_size, hidden]`.
    pub fn words(&self) -> &Embedding {
        &self.wte
    }

    fn embedded(&self, texts: &Packed, forward: Forward) -> Result<Tensor> {
        let words = self.wte.forward(texts.token_ids(), forward)?;
        let positions = self.wpe.forward(texts.positions(), forward)?;
        let sum = words.add(&positions)?;
        Ok(dropout(&sum, self.config.embd_pdrop, forward.at(0))?)
    }

    fn check(&self, texts: &Packed, starts: &[usize]) -> Result<()> {
        let config = &self.config;
        texts.check_for("GPT-2", config.vocab_size, config.n_positions, starts)
    }
}

impl Pretrained for Gpt2Model {
    type Config = Gpt2Config;

    fn architecture(_config: &Gpt2Config) -> &'static str {
        "GPT2Model"
    }

    fn tied(_config: &Gpt2Config) -> &'static [&'static str] {
        &["lm_head.weight"]
    }

    fn new(config: &Gpt2Config, init: &Init<'_>) -> Result<Self> {
        config.check()?;
        let blocks = 0..config.n_layer;
        let blocks = blocks.map(|layer| Block::new(config, layer, &init.at(2).at(layer as u64)));
        Ok(Self {
            config: config.clone(),
            wte: Embedding::new(config.vocab_size, config.n_embd, None, &init.at(0))?,
            wpe: Embedding::new(config.n_positions, config.n_embd, None, &init.at(1))?,
            h: blocks.collect::<Result<_>>()?,
            ln_f: LayerNorm::new(config.n_embd, config.layer_norm_epsilon, init)?,
        })
    }

    fn config(&self) -> &Gpt2Config {
        &self.config
    }
}
