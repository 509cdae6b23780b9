//! `op = "vectorize"`: the vocabulary of texts, and how to turn a text into a row of numbers.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use table::{Table, columns};
use text::vectorize::{Analyzer, Frequency, Norm, TfIdf, Vectorizer, VectorizerParams};

use super::rows::texts;
use super::words::{number, rows};
use super::{
    Check, ColumnType, Context, InputPort, OutputPort, PortType, Step, StepError, StepKind,
    linear_model,
};

/// Learns the vocabulary of the texts that feed `fit`, for counts or tf-idf values.
///
/// The same texts give the same terms and the same numbers as scikit-learn's `CountVectorizer` (`weighting = "counts"`)
/// and `TfidfVectorizer` (`weighting = "tfidf"`), whose defaults are the defaults here. The output `vectorizer` is a folder
/// with `vectorizer.json`; `train` takes it and keeps it with the model. The output `vocabulary` lists the terms.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vectorize {
    /// The column of texts; a null is an empty text.
    #[serde(default = "text_column")]
    text: String,
    /// What the number of a term in a text is.
    #[serde(default)]
    weighting: Weighting,
    /// What a term is.
    #[serde(default)]
    analyzer: TermKind,
    /// The shortest and the longest n-gram, in tokens or characters.
    #[serde(default = "single_tokens")]
    ngrams: [usize; 2],
    /// A regular expression for tokens, with at most one group, which is then the token; for `analyzer = "word"`. Default:
    /// two or more word characters (letters, digits, underscore) between others.
    #[serde(default)]
    token_pattern: Option<String>,
    /// Whether texts are turned to lower case first.
    #[serde(default = "yes")]
    lowercase: bool,
    /// Tokens to leave out, compared after lower-casing; for `analyzer = "word"`.
    #[serde(default)]
    stop_words: Vec<String>,
    /// Leaves out terms that occur in fewer texts: a whole number of texts, or a fraction of them such as 0.01.
    #[serde(default = "one_text")]
    min_df: Share,
    /// Leaves out terms that occur in more texts: a whole number of texts, or a fraction of them such as 0.5.
    #[serde(default = "all_texts")]
    max_df: Share,
    /// Keeps only so many terms, those with the highest counts. Default: all of them.
    #[serde(default)]
    #[schemars(range(min = 1))]
    max_features: Option<usize>,
    /// Whether a term counts once a text, however often it occurs.
    #[serde(default)]
    binary: bool,
    /// Whether a count `tf` is replaced by `1 + ln(tf)`; for `weighting = "tfidf"`. Default: false.
    #[serde(default)]
    sublinear_tf: Option<bool>,
    /// Whether one more text that holds every term is counted, so that no term's idf is infinite; for
    /// `weighting = "tfidf"`. Default: true.
    #[serde(default)]
    smooth_idf: Option<bool>,
    /// What every row is scaled to; for `weighting = "tfidf"`. Default: `l2`.
    #[serde(default)]
    norm: Option<RowNorm>,
}

/// What the number of a term in a text is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Weighting {
    /// How often the term occurs in it.
    #[default]
    Counts,
    /// That number times `ln((n + 1) / (d + 1)) + 1` for a term that occurs in `d` of `n` texts, scaled by `norm`.
    Tfidf,
}

/// What a term is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TermKind {
    /// N-grams of tokens.
    #[default]
    Word,
    /// N-grams of characters, over the whole text.
    Char,
    /// N-grams of characters within words, each word padded by a space on both sides.
    CharWb,
}

/// What every row is scaled to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RowNorm {
    /// Absolute values that sum to 1.
    L1,
    /// Squares that sum to 1.
    L2,
    /// Rows stay as they are.
    None,
}

/// A number of texts, or a fraction of them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Share {
    /// A number of texts.
    Count(u64),
    /// A fraction of the texts, from 0.0 to 1.0.
    Fraction(f64),
}

impl Share {
    fn to_frequency(self) -> Frequency {
        match self {
            Share::Count(count) => Frequency::Count(count),
            Share::Fraction(fraction) => Frequency::Fraction(fraction),
        }
    }
}

fn text_column() -> String {
    "text".to_owned()
}

fn single_tokens() -> [usize; 2] {
    [1, 1]
}

fn yes() -> bool {
    true
}

fn one_text() -> Share {
    Share::Count(1)
}

fn all_texts() -> Share {
    Share::Fraction(1.0)
}

impl StepKind for Vectorize {
    const OP: &'static str = "vectorize";
    const VERSION: u32 = 1;
}

impl Step for Vectorize {
    fn inputs(&self) -> Vec<InputPort> {
        vec![InputPort::one("fit", PortType::Table)]
    }

    fn outputs(&self) -> Vec<OutputPort> {
        vec![
            OutputPort::new("vectorizer", PortType::Vectorizer),
            OutputPort::new("vocabulary", PortType::Table),
        ]
    }

    fn check(&self, check: &mut Check) {
        check.require("text", "fit", &self.text, ColumnType::Text);
        if let Err(error) = self.params().check() {
            let parameter = match &error {
                text::Error::Parameter {
                    name: "ngram_range",
                    ..
                } => "ngrams",
                text::Error::Parameter { name, .. } => name,
                text::Error::TokenPattern { .. } => "token_pattern",
                _ => "",
            };
            check.problem(parameter, error.to_string(), None);
        }
        let word_only = [
            ("token_pattern", self.token_pattern.is_some()),
            ("stop_words", !self.stop_words.is_empty()),
        ];
        for (name, _) in word_only.into_iter().filter(|(_, given)| *given) {
            if self.analyzer != TermKind::Word {
                check.problem(
                    name,
                    format!("`{name}` is about tokens, and this analyzer makes none"),
                    Some("leave it out, or set analyzer = \"word\"".to_owned()),
                );
            }
        }
        let tfidf_only = [
            ("sublinear_tf", self.sublinear_tf.is_some()),
            ("smooth_idf", self.smooth_idf.is_some()),
            ("norm", self.norm.is_some()),
        ];
        for (name, _) in tfidf_only.into_iter().filter(|(_, given)| *given) {
            if self.weighting != Weighting::Tfidf {
                check.problem(
                    name,
                    format!("`{name}` has no effect on counts"),
                    Some("leave it out, or set weighting = \"tfidf\"".to_owned()),
                );
            }
        }
        check.output(
            "vocabulary",
            Arc::new(Schema::new(vec![
                Field::new("term", DataType::Utf8, true),
                Field::new("documents", DataType::Int64, true),
                Field::new("idf", DataType::Float64, true),
            ])),
        );
    }

    fn run(&self, context: &Context<'_>) -> Result<(), StepError> {
        let table = context.columns("fit", &[&self.text])?;
        let column = table.text_column(&self.text)?;
        let texts = texts(&column);
        let (vectorizer, x) = Vectorizer::fit(&texts, self.params(), &context.workers())?;
        context.check()?;
        let folder = context.output_path("vectorizer");
        linear_model::create_folder(&folder)?;
        linear_model::write_json(&folder.join(linear_model::VECTORIZER), &vectorizer)?;

        let mut documents = vec![0_i64; x.columns()];
        for &column in x.indices() {
            documents[column as usize] += 1;
        }
        let idf = (0..x.columns()).map(|column| vectorizer.idf().get(column).copied());
        let vocabulary = Table::from_columns(vec![
            ("term", columns::text(vectorizer.terms())),
            ("documents", columns::ints(documents)),
            ("idf", columns::optional_floats(idf)),
        ])?;
        context.write_table("vocabulary", &vocabulary)?;
        context.note(format!(
            "{} terms in {}",
            number(x.columns()),
            rows(texts.len())
        ));
        Ok(())
    }
}

impl Vectorize {
    fn params(&self) -> VectorizerParams {
        let tf_idf = TfIdf {
            use_idf: true,
            smooth_idf: self.smooth_idf.unwrap_or(true),
            sublinear_tf: self.sublinear_tf.unwrap_or(false),
            norm: match self.norm.unwrap_or(RowNorm::L2) {
                RowNorm::L1 => Norm::L1,
                RowNorm::L2 => Norm::L2,
                RowNorm::None => Norm::None,
            },
        };
        VectorizerParams {
            analyzer: match self.analyzer {
                TermKind::Word => Analyzer::Word,
                TermKind::Char => Analyzer::Char,
                TermKind::CharWb => Analyzer::CharWb,
            },
            lowercase: self.lowercase,
            token_pattern: self.token_pattern.clone(),
            ngram_range: (self.ngrams[0], self.ngrams[1]),
            stop_words: self.stop_words.clone(),
            min_df: self.min_df.to_frequency(),
            max_df: self.max_df.to_frequency(),
            max_features: self.max_features,
            binary: self.binary,
            tf_idf: (self.weighting == Weighting::Tfidf).then_some(tf_idf),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::testing::{Trial, labelled};
    use serde_json::json;

    fn trial(parameters: serde_json::Value) -> Trial {
        let rows = [("The CSV file", ""), ("a csv, a file: csv", "")];
        Trial::new::<Vectorize>(parameters).input("fit", &labelled(&rows))
    }

    #[test]
    fn the_vocabulary_lists_terms_with_the_texts_that_hold_them_and_their_idf() {
        let outcome = trial(json!({ "weighting": "tfidf" })).run();
        assert_eq!(outcome.texts("vocabulary", "term"), ["csv", "file", "the"]);
        assert_eq!(outcome.ints("vocabulary", "documents"), [2, 2, 1]);
        let idf = outcome.table("vocabulary").float_column("idf").unwrap();
        assert_eq!(idf.values(), &[1.0, 1.0, (3.0_f64 / 2.0).ln() + 1.0][..]);
        assert_eq!(outcome.notes, ["3 terms in 2 rows"]);
    }

    #[test]
    fn counts_have_no_idf() {
        let outcome = trial(json!({ "ngrams": [2, 2], "min_df": 0.5 })).run();
        let idf = outcome.table("vocabulary").float_column("idf").unwrap();
        assert_eq!((idf.len(), arrow_array::Array::null_count(&idf)), (3, 3));
    }

    #[test]
    fn parameters_without_a_meaning_are_problems_where_they_are_written() {
        for (parameters, place) in [
            (json!({ "ngrams": [2, 1] }), "ngrams"),
            (json!({ "min_df": 1.5 }), "min_df"),
            (json!({ "token_pattern": "(" }), "token_pattern"),
            (json!({ "max_features": 0 }), "max_features"),
            (json!({ "norm": "l1" }), "norm"),
            (json!({ "sublinear_tf": true }), "sublinear_tf"),
            (
                json!({ "analyzer": "char", "stop_words": ["the"] }),
                "stop_words",
            ),
            (json!({ "text": "body" }), "text"),
        ] {
            let problems = trial(parameters).problems();
            let places: Vec<&str> = problems.iter().map(|p| p.parameter.as_str()).collect();
            assert_eq!(places, [place]);
        }
    }

    #[test]
    fn texts_without_a_term_are_an_error() {
        let rows = labelled(&[("a b", "")]);
        let said = Trial::new::<Vectorize>(json!({}))
            .input("fit", &rows)
            .fails();
        assert!(said.contains("hold no term"), "{said}");
    }
}
