//! BERT (Devlin et al. 2019): embeddings, encoder, pooler, and heads for classification, masked words and sentence embeddings.
//! Texts are packed one after the other; there is no padding and no mask.
//!
//! Parameters have the names of `transformers`, whose folders are read and written.

mod attention;
mod config;
mod embeddings;
mod encoder;
mod folder;
mod masked_lm;
mod model;
mod pooling;
mod sentence;
mod sequence;

pub use attention::SelfAttention;
pub use config::BertConfig;
pub use embeddings::BertEmbeddings;
pub use encoder::{BertEncoder, BertLayer};
pub use folder::Pretrained;
pub use masked_lm::BertForMaskedLm;
pub use model::{BertModel, Pooler};
pub use pooling::{first_tokens, mean_pooling, normalize};
pub use sentence::SentenceEncoder;
pub use sequence::BertForSequenceClassification;
