/// The tokens of one text, or of a pair of texts. All vectors have the same length, without padding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoding {
    /// The tokens' numbers in the vocabulary.
    pub ids: Vec<u32>,
    /// 0 for tokens of the first text, 1 for those of the second, as the file's post-processor counts them.
    pub type_ids: Vec<u32>,
    /// True for tokens that the post-processor added, such as `[CLS]`; what stands in the text itself is never special.
    pub special: Vec<bool>,
    /// Where each token stands: bytes of the text (of a pair: of the text that it is from), end excluded. (0, 0) for
    /// special tokens.
    pub offsets: Vec<(u32, u32)>,
    /// True when the text went on.
    pub truncated: bool,
}

impl Encoding {
    /// The number of tokens, special ones included.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// True without a single token.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

/// How many of the texts were cut.
pub fn count_truncated(encodings: &[Encoding]) -> usize {
    encodings.iter().filter(|text| text.truncated).count()
}
