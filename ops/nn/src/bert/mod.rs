//! BERT (Devlin et al. 2019) and the encoders that compute as it does, DistilBERT and RoBERTa: embeddings, layers, pooler, and
//! heads for classification, masked words and sentence embeddings. What is asked of a model is the same whatever its
//! [`Family`], which a folder's config.json names. Texts are packed one after the other; there is no padding and no mask.
//!
//! Parameters have the names of `transformers`, whose folders are read and written.

mod attention;
mod config;
mod embeddings;
mod encoder;
mod family;
mod fill_mask;
mod masked_lm;
mod model;
mod pooling;
mod sentence;
mod sequence;

pub use crate::pretrained::Pretrained;
pub use attention::SelfAttention;
pub use config::EncoderConfig;
pub use embeddings::BertEmbeddings;
pub use encoder::{BertEncoder, BertLayer};
pub use family::Family;
pub use fill_mask::{Filling, Fillings};
pub use masked_lm::MaskedLm;
pub use model::{Encoder, Pooler};
pub use pooling::{Pooling, first_tokens, last_tokens, mean_pooling, normalize};
pub use sentence::SentenceEncoder;
pub use sequence::SequenceClassifier;

/// The configuration, under its older name.
pub type BertConfig = EncoderConfig;
/// The model below all heads, under its older name.
pub type BertModel = Encoder;
/// The head for masked words, under its older name.
pub type BertForMaskedLm = MaskedLm;
/// The classifier, under its older name.
pub type BertForSequenceClassification = SequenceClassifier;
