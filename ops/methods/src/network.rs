//! What the methods ask of a model: the traits, and the encoders of [`nn`] that have them.

use nn::bert::{MaskedLm, SentenceEncoder, SequenceClassifier};
use nn::{Embedder, Forward, Module, Packed, Pretrained, Result, named_parameters};
use tensor::{Device, Tensor};

/// A model over token ids. Clones share memory until one of them trains.
pub trait Network: Module + Clone + Send + Sync {
    /// Token ids are below this.
    fn vocab_size(&self) -> usize;

    /// The tokens of a text at most.
    fn max_tokens(&self) -> usize;

    /// Where it lives.
    fn device(&self) -> Device {
        named_parameters(self)
            .first()
            .map_or_else(Device::cpu, |(_, parameter)| {
                parameter.tensor().device().clone()
            })
    }
}

/// A model that scores labels.
pub trait LabelNetwork: Network {
    /// How many labels it scores.
    fn labels(&self) -> usize;

    /// The scores, `[texts, labels]`, before any sigmoid or softmax.
    ///
    /// # Errors
    /// Those of the model.
    fn logits(&self, texts: &Packed, forward: Forward) -> Result<Tensor>;

    /// How many numbers the last map to the scores reads of a text.
    fn width(&self) -> usize;

    /// These numbers, `[texts, width]`.
    ///
    /// # Errors
    /// Those of the model.
    fn features(&self, texts: &Packed, forward: Forward) -> Result<Tensor>;

    /// Replaces that map: weight `[labels, width]`, bias `[labels]`.
    ///
    /// # Errors
    /// [`tensor::TensorError::Shape`] for other shapes.
    fn set_head(&mut self, weight: &Tensor, bias: &Tensor) -> Result<()>;
}

/// A masked language model.
pub trait MaskedNetwork: Network {
    /// What the scores are computed from, `[places, hidden]`, at the tokens whose numbers `places` holds, `[places]`.
    ///
    /// # Errors
    /// Those of the model.
    fn transformed(&self, texts: &Packed, places: &Tensor, forward: Forward) -> Result<Tensor>;

    /// The map from these to the scores of words: weight `[vocab_size, hidden]` and bias `[vocab_size]`, in the precision of
    /// `forward`.
    ///
    /// # Errors
    /// Those of the model.
    fn decoder(&self, forward: Forward) -> Result<[Tensor; 2]>;

    /// The scores of all words, `[places, vocab_size]`, for states that [`MaskedNetwork::transformed`] gave.
    ///
    /// # Errors
    /// Those of the ops.
    fn word_scores(&self, transformed: &Tensor, forward: Forward) -> Result<Tensor>;
}

/// A model that gives each text a vector.
pub trait SentenceNetwork: Network {
    /// The length of the vectors.
    fn dimensions(&self) -> usize;

    /// One vector a text, `[texts, dimensions]`, in f32.
    ///
    /// # Errors
    /// Those of the model.
    fn embed(&self, texts: &Packed, forward: Forward) -> Result<Tensor>;
}

macro_rules! network {
    ($($kind:ty),+) => {
        $(impl Network for $kind {
            fn vocab_size(&self) -> usize {
                self.config().vocab_size
            }

            fn max_tokens(&self) -> usize {
                self.config().max_tokens()
            }
        })+
    };
}

network!(SequenceClassifier, MaskedLm, SentenceEncoder);

impl LabelNetwork for SequenceClassifier {
    fn labels(&self) -> usize {
        self.config().labels()
    }

    fn logits(&self, texts: &Packed, forward: Forward) -> Result<Tensor> {
        self.forward(texts, forward)
    }

    fn width(&self) -> usize {
        self.config().hidden_size
    }

    fn features(&self, texts: &Packed, forward: Forward) -> Result<Tensor> {
        Self::features(self, texts, forward)
    }

    fn set_head(&mut self, weight: &Tensor, bias: &Tensor) -> Result<()> {
        self.set_classifier(weight, bias)
    }
}

impl MaskedNetwork for MaskedLm {
    fn transformed(&self, texts: &Packed, places: &Tensor, forward: Forward) -> Result<Tensor> {
        Self::transformed(self, texts, Some(places), forward)
    }

    fn decoder(&self, forward: Forward) -> Result<[Tensor; 2]> {
        Self::decoder(self, forward)
    }

    fn word_scores(&self, transformed: &Tensor, forward: Forward) -> Result<Tensor> {
        self.scores(transformed, forward)
    }
}

impl SentenceNetwork for SentenceEncoder {
    fn dimensions(&self) -> usize {
        self.encoder().hidden_size()
    }

    fn embed(&self, texts: &Packed, forward: Forward) -> Result<Tensor> {
        self.forward(texts, forward)
    }
}

impl Network for Embedder {
    fn vocab_size(&self) -> usize {
        Self::vocab_size(self)
    }

    fn max_tokens(&self) -> usize {
        Self::max_tokens(self)
    }
}

impl SentenceNetwork for Embedder {
    fn dimensions(&self) -> usize {
        self.hidden_size()
    }

    fn embed(&self, texts: &Packed, forward: Forward) -> Result<Tensor> {
        self.forward(texts, forward)
    }
}
