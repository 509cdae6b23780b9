//! Texts into the tokens of a pretrained model, through the `tokenizers` crate and a `tokenizer.json`.
//!
//! - `tokenizer`: the file, its special tokens, ids and strings.
//! - `encode`: texts and pairs of texts into token ids, in parallel.
//! - `prefix`: how much of a long text has to be read for its first tokens.
//! - `options`: lengths and how they are kept to.
//! - `special`: which tokens mask, pad, begin and end.
//! - `merges`: the pairs that become tokens.
//! - `train`: a vocabulary of one's own, learned from texts.

mod encode;
mod encoding;
mod merges;
mod options;
mod prefix;
mod special;
mod tokenizer;
mod train;

pub use encoding::{Encoding, count_truncated};
pub use options::{Options, Side, Truncation};
pub use special::{SpecialNames, SpecialToken, SpecialTokens};
pub use tokenizer::Tokenizer;
pub use train::{Algorithm, VocabularyOptions, train};
