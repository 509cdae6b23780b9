//! The parameters of a vectorizer and their checks.

use super::analyzer::compile;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// What a term is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Analyzer {
    /// N-grams of tokens, joined by a space.
    #[default]
    Word,
    /// N-grams of characters, over the whole text.
    Char,
    /// N-grams of characters within words, each word padded by a space on both sides.
    CharWb,
}

/// A bound on the number of texts that a term occurs in.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Frequency {
    /// A number of texts.
    Count(u64),
    /// A fraction of all texts, in 0 to 1.
    Fraction(f64),
}

impl Frequency {
    fn check(self, name: &'static str) -> Result<()> {
        match self {
            Self::Fraction(f) if !(0.0..=1.0).contains(&f) => Err(Error::parameter(
                name,
                f,
                "a whole number of texts, or a fraction from 0.0 to 1.0",
            )),
            _ => Ok(()),
        }
    }

    /// The bound as a number of texts of `total`.
    pub(super) fn of(self, total: usize) -> f64 {
        match self {
            Self::Count(count) => count as f64,
            Self::Fraction(fraction) => fraction * total as f64,
        }
    }
}

/// What every row is scaled to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Norm {
    /// Absolute values that sum to 1.
    L1,
    /// Squares that sum to 1.
    #[default]
    L2,
    /// Rows stay as they are.
    None,
}

/// Weighing of counts: `tf * idf`, then the norm. A term in `d` of `n` texts has `idf = ln(n / d) + 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TfIdf {
    /// Multiply by the inverse document frequency.
    pub use_idf: bool,
    /// Count one more text that holds every term, so that `idf = ln((n + 1) / (d + 1)) + 1`.
    pub smooth_idf: bool,
    /// Replace a term's count `tf` by `1 + ln(tf)`.
    pub sublinear_tf: bool,
    /// What every row is scaled to.
    pub norm: Norm,
}

impl Default for TfIdf {
    fn default() -> Self {
        Self {
            use_idf: true,
            smooth_idf: true,
            sublinear_tf: false,
            norm: Norm::L2,
        }
    }
}

/// The parameters of a vectorizer; the defaults are scikit-learn's `CountVectorizer`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VectorizerParams {
    /// What a term is.
    pub analyzer: Analyzer,
    /// Turn texts and stop words' counterparts to lower case first.
    pub lowercase: bool,
    /// A regular expression for tokens, with at most one group, which is then the token. None is scikit-learn's
    /// pattern: two or more word characters (letters, numbers, underscore as Python knows them) between others.
    /// In a pattern of your own, `\w` and `\b` mean what the `regex` crate means by them: marks count as word
    /// characters too.
    pub token_pattern: Option<String>,
    /// The shortest and the longest n-gram, from 1.
    pub ngram_range: (usize, usize),
    /// Tokens to leave out before n-grams are built; compared after lower-casing. Word analyzer only.
    pub stop_words: Vec<String>,
    /// Leave out terms in fewer texts.
    pub min_df: Frequency,
    /// Leave out terms in more texts.
    pub max_df: Frequency,
    /// Keep only this many terms, those with the highest counts; of equal ones the first in code point order.
    pub max_features: Option<usize>,
    /// Count every term of a text once.
    pub binary: bool,
    /// Weigh the counts; none keeps them.
    pub tf_idf: Option<TfIdf>,
}

impl Default for VectorizerParams {
    fn default() -> Self {
        Self {
            analyzer: Analyzer::Word,
            lowercase: true,
            token_pattern: None,
            ngram_range: (1, 1),
            stop_words: Vec::new(),
            min_df: Frequency::Count(1),
            max_df: Frequency::Fraction(1.0),
            max_features: None,
            binary: false,
            tf_idf: None,
        }
    }
}

impl VectorizerParams {
    /// Fails on the first parameter outside its range.
    ///
    /// # Errors
    /// [`Error::Parameter`] and [`Error::TokenPattern`].
    pub fn check(&self) -> Result<()> {
        let (shortest, longest) = self.ngram_range;
        if shortest == 0 || shortest > longest {
            let value = format!("({shortest}, {longest})");
            return Err(Error::parameter(
                "ngram_range",
                value,
                "two ascending numbers from 1",
            ));
        }
        if self.max_features == Some(0) {
            return Err(Error::parameter(
                "max_features",
                0,
                "at least 1, or left out",
            ));
        }
        self.min_df.check("min_df")?;
        self.max_df.check("max_df")?;
        self.token_pattern
            .as_deref()
            .map_or(Ok(()), |pattern| compile(pattern).map(drop))
    }
}
