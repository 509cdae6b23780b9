//! Which tokens mask, pad, begin and end.

use serde_json::Value;

/// A token with a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecialToken {
    /// Its text, such as `[MASK]`.
    pub text: String,
    /// Its number in the vocabulary.
    pub id: u32,
}

/// The tokens with roles that a tokenizer has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpecialTokens {
    /// Stands for a token that a masked language model fills in.
    pub mask: Option<SpecialToken>,
    /// Fills a batch up.
    pub pad: Option<SpecialToken>,
    /// Begins a text; a classifier reads its vector.
    pub cls: Option<SpecialToken>,
    /// Ends a text or parts two.
    pub sep: Option<SpecialToken>,
    /// Stands for what the vocabulary cannot say.
    pub unk: Option<SpecialToken>,
    /// Begins a generated text.
    pub bos: Option<SpecialToken>,
    /// Ends a generated text.
    pub eos: Option<SpecialToken>,
}

/// The texts of tokens with roles, where they are known. They go before what the files say and before usual spellings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpecialNames {
    /// See [`SpecialTokens::mask`].
    pub mask: Option<String>,
    /// See [`SpecialTokens::pad`].
    pub pad: Option<String>,
    /// See [`SpecialTokens::cls`].
    pub cls: Option<String>,
    /// See [`SpecialTokens::sep`].
    pub sep: Option<String>,
    /// See [`SpecialTokens::unk`].
    pub unk: Option<String>,
    /// See [`SpecialTokens::bos`].
    pub bos: Option<String>,
    /// See [`SpecialTokens::eos`].
    pub eos: Option<String>,
}

impl SpecialNames {
    /// The names in a `special_tokens_map.json` or `tokenizer_config.json`, each a string or an object with `content`.
    pub(super) fn from_json(value: &Value) -> Self {
        let name = |role: &str| match value.get(role) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Object(token)) => token.get("content")?.as_str().map(str::to_owned),
            _ => None,
        };
        Self {
            mask: name("mask_token"),
            pad: name("pad_token"),
            cls: name("cls_token"),
            sep: name("sep_token"),
            unk: name("unk_token"),
            bos: name("bos_token"),
            eos: name("eos_token"),
        }
    }

    /// Its own names, and those of `other` where it has none.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            mask: self.mask.or(other.mask),
            pad: self.pad.or(other.pad),
            cls: self.cls.or(other.cls),
            sep: self.sep.or(other.sep),
            unk: self.unk.or(other.unk),
            bos: self.bos.or(other.bos),
            eos: self.eos.or(other.eos),
        }
    }
}

/// Finds the tokens by their names, by the spellings that are usual, or by the place that the post-processor gives them.
pub(super) fn find(tokenizer: &tokenizers::Tokenizer, names: &SpecialNames) -> SpecialTokens {
    let named = |text: &str| {
        tokenizer.token_to_id(text).map(|id| SpecialToken {
            text: text.to_owned(),
            id,
        })
    };
    let usual = |spellings: &[&str]| {
        spellings.iter().find_map(|text| {
            let vocabulary = tokenizer.get_added_vocabulary();
            vocabulary
                .is_special_token(text)
                .then(|| named(text))
                .flatten()
        })
    };
    let one = |name: &Option<String>, spellings: &[&str]| {
        name.as_deref().and_then(named).or_else(|| usual(spellings))
    };
    let framed = frame(tokenizer);
    let placed = |id: Option<u32>| {
        let id = id?;
        let text = tokenizer.id_to_token(id)?;
        Some(SpecialToken { text, id })
    };
    SpecialTokens {
        mask: one(&names.mask, &["[MASK]", "<mask>"]),
        pad: one(&names.pad, &["[PAD]", "<pad>"]),
        cls: one(&names.cls, &["[CLS]", "<s>"]).or_else(|| placed(framed.0)),
        sep: one(&names.sep, &["[SEP]", "</s>"]).or_else(|| placed(framed.1)),
        unk: one(&names.unk, &["[UNK]", "<unk>"]),
        bos: one(&names.bos, &["<s>", "<|endoftext|>"]),
        eos: one(&names.eos, &["</s>", "<|endoftext|>"]),
    }
}

/// What the post-processor puts before and after an empty text.
fn frame(tokenizer: &tokenizers::Tokenizer) -> (Option<u32>, Option<u32>) {
    match tokenizer.post_process(tokenizers::Encoding::default(), None, true) {
        Ok(encoding) => match encoding.get_ids() {
            [first, last] => (Some(*first), Some(*last)),
            _ => (None, None),
        },
        Err(_) => (None, None),
    }
}
