//! [`Gpt2Config`]: a model's config.json.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tensor::Activation;

use crate::config::{self, Tokens, check_heads, check_shares, check_sizes, check_small, refusal};
use crate::layers::activation;
use crate::{ModelConfig, Result};

/// The shape of a model, under the names of config.json. What else a file says is kept and written again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Gpt2Config {
    /// `gpt2`.
    pub model_type: String,
    /// Rows of the table of words.
    pub vocab_size: usize,
    /// The tokens of a text at most.
    pub n_positions: usize,
    /// The length of the vectors between layers.
    pub n_embd: usize,
    /// Layers.
    pub n_layer: usize,
    /// Heads of each attention; `n_embd` is a multiple.
    pub n_head: usize,
    /// The length of the vectors inside of the feed-forward part; without it, four times `n_embd`.
    pub n_inner: Option<usize>,
    /// The activation of the feed-forward part.
    pub activation_function: String,
    /// The share of elements that dropout takes before something is added to the residual.
    pub resid_pdrop: f32,
    /// The share of elements that dropout takes behind the embeddings.
    pub embd_pdrop: f32,
    /// The share of attention weights that dropout takes.
    pub attn_pdrop: f32,
    /// Added to variances by layer norms.
    pub layer_norm_epsilon: f32,
    /// The standard deviation of weights before training.
    pub initializer_range: f32,
    /// Whether scores are divided by the root of a head's length.
    pub scale_attn_weights: bool,
    /// Whether scores are divided by the number of the layer as well, from 1.
    pub scale_attn_by_inverse_layer_idx: bool,
    /// Whether there is attention to other texts, too: `false`.
    pub add_cross_attention: bool,
    /// Whether the scores' weights are the table of words: `true`.
    pub tie_word_embeddings: bool,
    /// Which tokens end a text.
    pub eos_token_id: Tokens,
    /// Everything else.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// GPT-2 of 124 million parameters.
impl Default for Gpt2Config {
    fn default() -> Self {
        Self {
            model_type: "gpt2".to_owned(),
            vocab_size: 50257,
            n_positions: 1024,
            n_embd: 768,
            n_layer: 12,
            n_head: 12,
            n_inner: None,
            activation_function: "gelu_new".to_owned(),
            resid_pdrop: 0.1,
            embd_pdrop: 0.1,
            attn_pdrop: 0.1,
            layer_norm_epsilon: 1e-5,
            initializer_range: 0.02,
            scale_attn_weights: true,
            scale_attn_by_inverse_layer_idx: false,
            add_cross_attention: false,
            tie_word_embeddings: true,
            eos_token_id: Tokens::One(50256),
            other: Map::new(),
        }
    }
}

impl Gpt2Config {
    /// Fails for a model that cannot be built.
    ///
    /// # Errors
    /// [`NnError::Config`](crate::NnError::Config) with the name of the number that is wrong.
    pub fn check(&self) -> Result<()> {
        if self.model_type != "gpt2" {
            return Err(refusal(
                "model_type",
                &self.model_type,
                "the language model that is known here is gpt2",
            ));
        }
        if self.add_cross_attention {
            let reason = "only a decoder by itself is known here";
            return Err(refusal("add_cross_attention", true, reason));
        }
        if !self.tie_word_embeddings {
            let reason = "only scores whose weights are the table of words are known here";
            return Err(refusal("tie_word_embeddings", false, reason));
        }
        check_sizes(&[
            ("vocab_size", self.vocab_size),
            ("n_positions", self.n_positions),
            ("n_embd", self.n_embd),
            ("n_head", self.n_head),
            ("n_inner", self.inner_size()),
        ])?;
        check_heads("n_head", self.n_head, self.n_embd)?;
        check_shares(&[
            ("resid_pdrop", self.resid_pdrop),
            ("embd_pdrop", self.embd_pdrop),
            ("attn_pdrop", self.attn_pdrop),
        ])?;
        check_small(&[
            ("layer_norm_epsilon", self.layer_norm_epsilon),
            ("initializer_range", self.initializer_range),
        ])?;
        self.activation().map(|_| ())
    }

    /// The activation of the feed-forward part.
    ///
    /// # Errors
    /// [`NnError::Config`](crate::NnError::Config) for one that is not known.
    pub fn activation(&self) -> Result<Activation> {
        activation(&self.activation_function)
    }

    /// The length of the vectors inside of the feed-forward part.
    pub fn inner_size(&self) -> usize {
        self.n_inner.unwrap_or(4 * self.n_embd)
    }

    /// What scores are multiplied by in layer `layer`, from 0.
    pub(super) fn scale(&self, layer: usize) -> f32 {
        let by_head = match self.scale_attn_weights {
            true => 1.0 / ((self.n_embd / self.n_head) as f32).sqrt(),
            false => 1.0,
        };
        match self.scale_attn_by_inverse_layer_idx {
            true => by_head / (layer + 1) as f32,
            false => by_head,
        }
    }
}

impl ModelConfig for Gpt2Config {
    fn from_json(found: Map<String, Value>) -> Result<Self> {
        let config = config::read_over(&Self::default(), found)?;
        config.check()?;
        Ok(config)
    }

    fn to_json(&self) -> Result<Map<String, Value>> {
        config::write(self)
    }

    fn initializer_range(&self) -> f32 {
        self.initializer_range
    }

    fn prefix(&self) -> &'static str {
        "transformer"
    }
}
