//! The one error type of the crate.

/// What went wrong, where, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The hook asked to stop.
    #[error("{doing} was cancelled")]
    Cancelled {
        /// The work that was stopped.
        doing: &'static str,
    },

    /// A parameter is outside its range.
    #[error("parameter `{name}` is {value}; it must be {rule}")]
    Parameter {
        /// The parameter's name.
        name: &'static str,
        /// The value given.
        value: String,
        /// What values are allowed.
        rule: &'static str,
    },

    /// Two inputs that describe the same rows or columns differ in size.
    #[error(
        "{doing}: {left} has {left_len} {unit}, {right} has {right_len}; give both for the same {unit}"
    )]
    Mismatch {
        /// The work that needed both.
        doing: &'static str,
        /// `rows`, `columns` or `labels`.
        unit: &'static str,
        /// The first input.
        left: &'static str,
        /// Its size.
        left_len: usize,
        /// The second input.
        right: &'static str,
        /// Its size.
        right_len: usize,
    },

    /// Two label sets are over different vocabularies.
    #[error(
        "{doing}: the label vocabularies differ at {position} ({left:?} against {right:?}); build both with the same labels"
    )]
    Vocabularies {
        /// The work that needed one vocabulary.
        doing: &'static str,
        /// The first differing label number.
        position: usize,
        /// The label of the first set, empty past its end.
        left: String,
        /// The label of the second set, empty past its end.
        right: String,
    },

    /// A row has a label that the vocabulary lacks.
    #[error(
        "row {row} has the label {label:?}, which is not in the vocabulary; add it there or map it to one that is"
    )]
    UnknownLabel {
        /// The row's number, from 0.
        row: usize,
        /// The label.
        label: String,
    },

    /// A compressed layout (offsets and indices) contradicts itself.
    #[error("{what}: {why}; build it from rows, or check where its parts come from")]
    Layout {
        /// The structure.
        what: &'static str,
        /// The contradiction.
        why: String,
    },

    /// Multi-class work met a row without exactly one label.
    #[error(
        "{doing}: row {row} has {count} labels where exactly one is needed; use the multi-label task or drop the row"
    )]
    NotSingleLabel {
        /// The work.
        doing: &'static str,
        /// The row's number, from 0.
        row: usize,
        /// How many labels it has.
        count: usize,
    },

    /// A value is not a number, or not a finite one where that is needed.
    #[error("{what}: the value at row {row}, column {column} is {value}; replace or drop it")]
    NotANumber {
        /// The matrix.
        what: &'static str,
        /// The row's number, from 0.
        row: usize,
        /// The column's number, from 0.
        column: usize,
        /// The value.
        value: f64,
    },

    /// A negative value where counts are expected.
    #[error(
        "{what}: the value at row {row}, column {column} is {value}; give counts or tf-idf values, which are never negative"
    )]
    Negative {
        /// The matrix.
        what: &'static str,
        /// The row's number, from 0.
        row: usize,
        /// The column's number, from 0.
        column: usize,
        /// The value.
        value: f64,
    },

    /// Work that needs rows got none.
    #[error("{doing} got no rows; check the input or the filter before it")]
    NoRows {
        /// The work.
        doing: &'static str,
    },

    /// No term was found in any text.
    #[error(
        "the {texts} texts hold no term; check that they are not empty, the token pattern and the stop words"
    )]
    NoTerms {
        /// The number of texts.
        texts: usize,
    },

    /// Pruning by document frequency removed every term.
    #[error("no term of {terms} is left with min_df and max_df; lower min_df or raise max_df")]
    AllPruned {
        /// The number of terms before pruning.
        terms: usize,
    },

    /// The token pattern cannot be used.
    #[error("token pattern {pattern:?}: {why}")]
    TokenPattern {
        /// The pattern.
        pattern: String,
        /// The parser's message, or the rule that is broken.
        why: String,
    },

    /// A tokenizer's file cannot be used, or the tokenizer fails on a text.
    #[error("{origin}: {why}")]
    Tokenizer {
        /// The file, or "the tokenizer".
        origin: String,
        /// What is wrong with it, and what to do.
        why: String,
    },

    /// A length that the special tokens fill alone.
    #[error(
        "max_length is {max_length}, and the tokenizer adds {added} special tokens; give at least {}",
        added + 1
    )]
    NoRoom {
        /// The length asked for.
        max_length: usize,
        /// How many tokens the post-processor adds.
        added: usize,
    },

    /// The text of a pair that must not be cut leaves no room for the other.
    #[error(
        "pair {row} (counted from 0): the text that is kept whole has {kept} tokens or more, and {room} fit both texts; \
         raise max_length, or cut the longest first"
    )]
    NoRoomInPair {
        /// The pair's number, from 0.
        row: usize,
        /// The length of the text that is kept.
        kept: usize,
        /// How many tokens fit.
        room: usize,
    },

    /// A token with a role that this tokenizer does not have.
    #[error(
        "the tokenizer has no {role} token; take a model that has one, or name it: `{role}_token` in the \
         special_tokens_map.json beside the tokenizer.json"
    )]
    NoSpecialToken {
        /// `mask` or `pad`.
        role: &'static str,
    },
}

/// The crate's result.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn tokenizer(path: &std::path::Path, why: String) -> Self {
        Self::Tokenizer {
            origin: path.display().to_string(),
            why,
        }
    }

    pub(crate) fn parameter(
        name: &'static str,
        value: impl std::fmt::Display,
        rule: &'static str,
    ) -> Self {
        Self::Parameter {
            name,
            value: value.to_string(),
            rule,
        }
    }

    pub(crate) fn layout(what: &'static str, why: impl Into<String>) -> Self {
        Self::Layout {
            what,
            why: why.into(),
        }
    }
}

/// Fails unless `left` and `right` describe the same number of rows.
pub(crate) fn same_rows(
    doing: &'static str,
    (left, left_len): (&'static str, usize),
    (right, right_len): (&'static str, usize),
) -> Result<()> {
    same("rows", doing, (left, left_len), (right, right_len))
}

/// Fails unless `left` and `right` have the same number of `unit`.
pub(crate) fn same(
    unit: &'static str,
    doing: &'static str,
    (left, left_len): (&'static str, usize),
    (right, right_len): (&'static str, usize),
) -> Result<()> {
    if left_len == right_len {
        return Ok(());
    }
    Err(Error::Mismatch {
        doing,
        unit,
        left,
        left_len,
        right,
        right_len,
    })
}
