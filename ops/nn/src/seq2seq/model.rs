//! [`Seq2SeqModel`]: encoder and decoder.

use tensor::Tensor;

use super::embeddings::Positions;
use super::layers::{DecoderLayer, EncoderLayer, Source, norm};
use super::{Seq2SeqConfig, Seq2SeqFamily};
use crate::layers::{Embedding, LayerNorm, dropout};
use crate::module::module;
use crate::{Cache, Forward, Init, Packed, Pretrained, Result};

#[derive(Clone, Debug)]
struct Encoder {
    embed_positions: Positions,
    layernorm_embedding: Option<LayerNorm>,
    layers: Vec<EncoderLayer>,
    layer_norm: Option<LayerNorm>,
}

module!(Encoder {
    embed_positions,
    layernorm_embedding,
    layers,
    layer_norm,
});

#[derive(Clone, Debug)]
struct Decoder {
    embed_positions: Positions,
    layernorm_embedding: Option<LayerNorm>,
    layers: Vec<DecoderLayer>,
    layer_norm: Option<LayerNorm>,
}

module!(Decoder {
    embed_positions,
    layernorm_embedding,
    layers,
    layer_norm,
});

/// The model below all heads.
#[derive(Clone, Debug)]
pub struct Seq2SeqModel {
    config: Seq2SeqConfig,
    family: Seq2SeqFamily,
    shared: Embedding,
    encoder: Encoder,
    decoder: Decoder,
}

module!(Seq2SeqModel {
    shared,
    encoder,
    decoder
});

/// Tensors that repeat the table of words.
pub(super) const TIED: [&str; 3] = [
    "encoder.embed_tokens.weight",
    "decoder.embed_tokens.weight",
    "lm_head.weight",
];

impl Seq2SeqModel {
    /// The hidden states of the sources, `[tokens, hidden]`.
    ///
    /// # Errors
    /// [`NnError::Input`](crate::NnError::Input) for a token that the model has no vector for, and for a text that is too long.
    pub fn encode(&self, sources: &Packed, forward: Forward) -> Result<Tensor> {
        self.check(sources, &[])?;
        let Encoder {
            embed_positions,
            layernorm_embedding,
            layers,
            layer_norm,
        } = &self.encoder;
        let mut hidden = self.embedded(sources, embed_positions, layernorm_embedding, forward)?;
        for (place, layer) in (1..).zip(layers) {
            let forward = forward.at(place);
            hidden = match forward.recomputes() {
                true => layer.forward_again(&hidden, sources.offsets(), forward)?,
                false => layer.forward(&hidden, sources.offsets(), forward)?,
            };
        }
        normalised(hidden, layer_norm, forward)
    }

    /// The decoder's last hidden states, `[target tokens, hidden]`: of text `i` of `targets` from its tokens up to each, and from
    /// text `i` of `sources`.
    ///
    /// # Errors
    /// As [`Seq2SeqModel::encode`]; [`tensor::TensorError::Shape`] unless there are as many sources as targets.
    pub fn forward(&self, sources: &Packed, targets: &Packed, forward: Forward) -> Result<Tensor> {
        let encoded = self.encode(sources, forward.at(0))?;
        self.decode(&encoded, sources, targets, forward.at(1))
    }

    fn decode(
        &self,
        encoded: &Tensor,
        sources: &Packed,
        targets: &Packed,
        forward: Forward,
    ) -> Result<Tensor> {
        self.check(targets, &[])?;
        let Decoder {
            embed_positions,
            layernorm_embedding,
            layers,
            layer_norm,
        } = &self.decoder;
        let mut hidden = self.embedded(targets, embed_positions, layernorm_embedding, forward)?;
        for (place, layer) in (1..).zip(layers) {
            let (forward, offsets) = (forward.at(place), targets.offsets());
            hidden = match forward.recomputes() {
                true => {
                    let source = (encoded, sources.offsets());
                    layer.forward_again(&hidden, offsets, source, forward)?
                }
                false => {
                    let source = Source::Encoded(encoded, sources.offsets());
                    layer.forward(&hidden, offsets, source, forward)?
                }
            };
        }
        normalised(hidden, layer_norm, forward)
    }

    /// Reads the sources, and gives a cache with a row for each, for [`Seq2SeqModel::read`].
    ///
    /// # Errors
    /// As [`Seq2SeqModel::encode`].
    pub fn cache(&self, sources: &Packed, forward: Forward) -> Result<Cache> {
        tensor::no_grad(|| {
            let encoded = self.encode(sources, forward)?;
            let layers = self.decoder.layers.iter();
            let layers = layers.map(|layer| layer.source(&encoded, forward));
            let layers = layers.collect::<tensor::Result<_>>()?;
            Ok(Cache::with_sources(layers, sources.offsets()))
        })
    }

    /// The decoder's hidden states of new tokens, `[tokens, hidden]`, where text `i` goes on from row `parents[i]` of the cache,
    /// which then holds these texts as its rows. Rows of one source stay together.
    ///
    /// # Errors
    /// As [`Seq2SeqModel::encode`]; [`tensor::TensorError::Shape`] for a parent that is not there.
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
        let Decoder {
            embed_positions,
            layernorm_embedding,
            layers,
            layer_norm,
        } = &self.decoder;
        let mut hidden = self.embedded(&texts, embed_positions, layernorm_embedding, forward)?;
        for (place, layer) in layers.iter().enumerate() {
            let source = Source::Remembered(cache, place, &growth);
            hidden = layer.forward(&hidden, texts.offsets(), source, forward)?;
        }
        normalised(hidden, layer_norm, forward)
    }

    /// Its configuration.
    pub fn config(&self) -> &Seq2SeqConfig {
        &self.config
    }

    /// Which models it is one of.
    pub fn family(&self) -> Seq2SeqFamily {
        self.family
    }

    /// The table of words, `[vocab_size, hidden]`.
    pub fn words(&self) -> &Embedding {
        &self.shared
    }

    /// The texts of `targets` shifted by one token: each begins with the decoder's first token and lacks its last one, so that
    /// each token is told from those before it.
    ///
    /// # Errors
    /// [`tensor::TensorError::OutOfMemory`].
    pub fn shifted(&self, targets: &Packed) -> Result<Packed> {
        let start = self.config.decoder_start_token_id;
        let texts: Vec<Vec<u32>> = targets
            .ids_by_text()
            .map(|ids| match ids.split_last() {
                Some((_, ids)) => [&[start], ids].concat(),
                None => Vec::new(),
            })
            .collect();
        Ok(Packed::new(&texts, targets.device())?)
    }

    fn embedded(
        &self,
        texts: &Packed,
        positions: &Positions,
        norm: &Option<LayerNorm>,
        forward: Forward,
    ) -> Result<Tensor> {
        let mut words = self.shared.forward(texts.token_ids(), forward)?;
        if self.config.scale_embedding {
            words = words.affine((self.config.d_model as f32).sqrt(), 0.0)?;
        }
        let hidden = words.add(&positions.forward(texts.positions(), forward)?)?;
        let hidden = normalised(hidden, norm, forward)?;
        Ok(dropout(&hidden, self.config.dropout, forward.at(0))?)
    }

    fn check(&self, texts: &Packed, starts: &[usize]) -> Result<()> {
        let (vocabulary, longest) = (self.config.vocab_size, self.config.max_position_embeddings);
        texts.check_for(self.family.name(), vocabulary, longest, starts)
    }
}

fn normalised(hidden: Tensor, norm: &Option<LayerNorm>, forward: Forward) -> Result<Tensor> {
    Ok(match norm {
        Some(norm) => norm.forward(&hidden, forward)?,
        None => hidden,
    })
}

impl Pretrained for Seq2SeqModel {
    type Config = Seq2SeqConfig;

    fn architecture(config: &Seq2SeqConfig) -> &'static str {
        match config.family() {
            Ok(Seq2SeqFamily::M2m100) => "M2M100Model",
            _ => "BartModel",
        }
    }

    fn tied(_config: &Seq2SeqConfig) -> &'static [&'static str] {
        &TIED
    }

    fn new(config: &Seq2SeqConfig, init: &Init<'_>) -> Result<Self> {
        config.check()?;
        let family = config.family()?;
        let embedding_norm = || match family {
            Seq2SeqFamily::Bart => norm(config, init).map(Some),
            Seq2SeqFamily::M2m100 => Ok(None),
        };
        let last_norm = || match family {
            Seq2SeqFamily::Bart => Ok(None),
            Seq2SeqFamily::M2m100 => norm(config, init).map(Some),
        };
        let of_layers = |part: u64, count: usize| (0..count as u64).map(move |place| (part, place));
        let encoder = of_layers(3, config.encoder_layers)
            .map(|(part, place)| EncoderLayer::new(config, family, &init.at(part).at(place)));
        let decoder = of_layers(4, config.decoder_layers)
            .map(|(part, place)| DecoderLayer::new(config, family, &init.at(part).at(place)));
        let words = Embedding::new(
            config.vocab_size,
            config.d_model,
            config.pad_token_id,
            &init.at(0),
        )?;
        Ok(Self {
            config: config.clone(),
            family,
            shared: words,
            encoder: Encoder {
                embed_positions: Positions::new(config, family, &init.at(1))?,
                layernorm_embedding: embedding_norm()?,
                layers: encoder.collect::<Result<_>>()?,
                layer_norm: last_norm()?,
            },
            decoder: Decoder {
                embed_positions: Positions::new(config, family, &init.at(2))?,
                layernorm_embedding: embedding_norm()?,
                layers: decoder.collect::<Result<_>>()?,
                layer_norm: last_norm()?,
            },
        })
    }

    fn config(&self) -> &Seq2SeqConfig {
        &self.config
    }
}
