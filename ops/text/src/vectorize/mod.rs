//! Texts to sparse rows of counts or tf-idf values, with scikit-learn's semantics.
//!
//! | file | what it holds |
//! |---|---|
//! | `params` | the parameters and their checks |
//! | `analyzer` | text to terms: lower case, tokens, n-grams |
//! | `terms` | the arena of distinct terms |
//! | `count` | texts to term counts, over threads |
//! | `vectorizer` | fit, prune, weigh, transform |

mod analyzer;
mod count;
mod params;
mod terms;
mod vectorizer;

pub use params::{Analyzer, Frequency, Norm, TfIdf, VectorizerParams};
pub use vectorizer::Vectorizer;
