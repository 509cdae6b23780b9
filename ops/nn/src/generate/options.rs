//! [`GenerateOptions`]: how texts are written further.

use serde::{Deserialize, Serialize};
use tensor::RandomKey;

use crate::{NnError, Result};

/// When beam search stops before all places are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EarlyStopping {
    /// When the best running beam, as long as it is, scores less than all finished ones: `early_stopping = False`.
    #[default]
    Unlikely,
    /// As soon as there are as many finished ones as beams: `early_stopping = True`.
    Full,
    /// When no running beam can win any more, however long it gets: `early_stopping = "never"`.
    Impossible,
}

/// Drawing tokens by chance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// Scores are divided by it: less than 1 favours what is likely.
    pub temperature: f32,
    /// Only so many of the likeliest tokens are drawn; 0 for all.
    pub top_k: usize,
    /// Only the likeliest tokens are drawn that reach this probability together (Holtzman et al. 2020); 1 for all.
    pub top_p: f32,
    /// What is drawn: each text has a stream of its own, whatever the others are.
    pub key: RandomKey,
}

impl Sampling {
    /// From the model's own probabilities.
    pub fn new(key: RandomKey) -> Self {
        Self {
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            key,
        }
    }
}

/// How texts are written further, under the names of `transformers` where it has one.
#[derive(Clone, Debug, PartialEq)]
pub struct GenerateOptions {
    /// The tokens that are written at most.
    pub max_new_tokens: usize,
    /// The tokens that are written at least, before one that ends the text.
    pub min_new_tokens: usize,
    /// Tokens that end a text.
    pub eos_token_ids: Vec<u32>,
    /// The token that is written first: the language that M2M100 translates to.
    pub forced_bos_token_id: Option<u32>,
    /// The token that is written last where `max_new_tokens` is reached.
    pub forced_eos_token_id: Option<u32>,
    /// Runs of so many tokens come once at most in prompt and text; 0 for no such rule.
    pub no_repeat_ngram_size: usize,
    /// The beams of a text (`num_beams`): 1 goes on with one token at a time.
    pub beams: usize,
    /// Scores are divided by the length to the power of it: more than 0 favours long texts.
    pub length_penalty: f32,
    /// When beam search stops.
    pub early_stopping: EarlyStopping,
    /// How many ways to go on each prompt gets (`num_return_sequences`).
    pub per_prompt: usize,
    /// Draws tokens by chance instead of taking the likeliest.
    pub sampling: Option<Sampling>,
}

impl Default for GenerateOptions {
    fn default() -> Self {
        Self {
            max_new_tokens: 20,
            min_new_tokens: 0,
            eos_token_ids: Vec::new(),
            forced_bos_token_id: None,
            forced_eos_token_id: None,
            no_repeat_ngram_size: 0,
            beams: 1,
            length_penalty: 1.0,
            early_stopping: EarlyStopping::Unlikely,
            per_prompt: 1,
            sampling: None,
        }
    }
}

impl GenerateOptions {
    /// Fails for options that contradict each other, and for prompts that leave no place.
    pub(super) fn check(&self, longest: usize, prompts: &[Vec<u32>]) -> Result<()> {
        let refuse = |reason: String| {
            Err(NnError::Input {
                model: "generation",
                reason,
            })
        };
        if self.beams == 0 || self.per_prompt == 0 {
            return refuse("beams and texts for each prompt must be at least 1".to_owned());
        }
        match &self.sampling {
            Some(_) if self.beams > 1 => {
                return refuse("drawing by chance has one beam; choose one of the two".to_owned());
            }
            Some(sampling) => {
                if !(sampling.temperature > 0.0 && sampling.temperature.is_finite()) {
                    let reason = format!("a temperature of {}", sampling.temperature);
                    return refuse(format!("{reason} must be more than 0"));
                }
                if !(sampling.top_p > 0.0 && sampling.top_p <= 1.0) {
                    let reason = format!("top_p of {}", sampling.top_p);
                    return refuse(format!("{reason} must be more than 0 and at most 1"));
                }
            }
            None if self.per_prompt > self.beams => {
                return refuse(format!(
                    "{} texts for each prompt need as many beams, or drawing by chance",
                    self.per_prompt
                ));
            }
            None => {}
        }
        if !self.length_penalty.is_finite() {
            return refuse("the length penalty must be a finite number".to_owned());
        }
        // The last token is written, but not read.
        let place = (longest + 1).saturating_sub(self.max_new_tokens);
        match prompts.iter().position(|prompt| prompt.len() > place) {
            Some(text) => refuse(format!(
                "prompt {text} has {} tokens, and {} more do not fit into the model's {longest}; shorten it, or write less",
                prompts[text].len(),
                self.max_new_tokens
            )),
            None => Ok(()),
        }
    }
}
