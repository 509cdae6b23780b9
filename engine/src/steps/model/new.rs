//! A model with random weights.

use nn::bert::Pretrained;
use nn::{EncoderConfig, Family, Init, MaskedLm};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tensor::{Device, RandomKey};

use super::super::transformer::folder::carry_tokenizer;
use super::super::transformer::tokens::Tokens;
use super::super::words::number;
use super::super::{Check, Context, StepError};

/// The shape of a new model.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// The kind of model. The tokenizer must fit: `bert` and `distilbert` come with wordpiece, `roberta` with bpe.
    #[serde(default)]
    architecture: Architecture,
    /// The length of the vectors between layers.
    #[serde(default = "hidden")]
    #[schemars(range(min = 1))]
    hidden_size: usize,
    /// Layers.
    #[serde(default = "four")]
    #[schemars(range(min = 1))]
    layers: usize,
    /// Heads of each attention; `hidden_size` is a multiple.
    #[serde(default = "four")]
    #[schemars(range(min = 1))]
    heads: usize,
    /// The length of the vectors inside of the feed-forward parts. Default: four times `hidden_size`.
    #[serde(default)]
    #[schemars(range(min = 1))]
    intermediate_size: Option<usize>,
    /// Tokens of a text at most.
    #[serde(default = "positions")]
    #[schemars(range(min = 3))]
    max_tokens: usize,
    /// The share of elements that dropout takes while the model trains.
    #[serde(default = "tenth")]
    #[schemars(range(min = 0, max = 1))]
    dropout: f32,
}

/// The kind of model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Architecture {
    /// BERT.
    #[default]
    Bert,
    /// DistilBERT: BERT without types of tokens and without a pooler.
    Distilbert,
    /// RoBERTa.
    Roberta,
}

fn hidden() -> usize {
    256
}

fn four() -> usize {
    4
}

fn positions() -> usize {
    512
}

fn tenth() -> f32 {
    0.1
}

impl Shape {
    /// Says so where sizes do not fit.
    pub fn check(&self, check: &mut Check) {
        if !self.hidden_size.is_multiple_of(self.heads.max(1)) {
            check.problem(
                "model",
                format!(
                    "hidden_size, {}, is no multiple of {} heads",
                    self.hidden_size, self.heads
                ),
                None,
            );
        }
    }

    /// Makes the model.
    pub fn make(&self, context: &Context<'_>) -> Result<(), StepError> {
        let source = context.path("tokenizer")?;
        let tokens = Tokens::open(source, None)?;
        let vocabulary = tokens.vocabulary()?;
        let family = match self.architecture {
            Architecture::Bert => Family::Bert,
            Architecture::Distilbert => Family::DistilBert,
            Architecture::Roberta => Family::Roberta,
        };
        let mut config = EncoderConfig::of(family);
        config.vocab_size = vocabulary.size;
        config.hidden_size = self.hidden_size;
        config.num_hidden_layers = self.layers;
        config.num_attention_heads = self.heads;
        config.intermediate_size = self.intermediate_size.unwrap_or(4 * self.hidden_size);
        config.hidden_dropout_prob = self.dropout;
        config.attention_probs_dropout_prob = self.dropout;
        config.pad_token_id = Some(vocabulary.pad);
        // RoBERTa counts positions from behind the padding token's number.
        config.max_position_embeddings = self.max_tokens + config.first_position();
        config.check()?;
        let device = Device::cpu_with_threads(context.cores.clone());
        let init = Init {
            deviation: config.initializer_range,
            key: RandomKey::new(context.seed),
            device: &device,
        };
        let model = MaskedLm::new(&config, &init)?;
        let folder = context.output_path("model");
        carry_tokenizer(source, &folder, None)?;
        model.save(&folder)?;
        let parameters: usize = nn::named_parameters(&model)
            .iter()
            .map(|(_, parameter)| parameter.tensor().elements())
            .sum();
        context.note(format!(
            "{} parameters, {} tokens",
            number(parameters),
            number(vocabulary.size)
        ));
        Ok(())
    }
}
