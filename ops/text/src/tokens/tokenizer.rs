//! The file, its special tokens, ids and strings.

use super::prefix;
use super::special::{self, SpecialNames, SpecialToken, SpecialTokens};
use crate::{Error, Result};
use serde_json::Value;
use std::path::Path;

/// A pretrained model's tokenizer.
///
/// ```no_run
/// use text::Workers;
/// use text::tokens::{Options, Tokenizer};
///
/// let tokenizer = Tokenizer::from_file("model/tokenizer.json")?;
/// let texts = tokenizer.encode(&["a text"], &Options::of_length(128), Workers::new(2))?;
/// # Ok::<(), text::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Tokenizer {
    pub(super) inner: tokenizers::Tokenizer,
    pub(super) local: bool,
    special: SpecialTokens,
    model_max_length: Option<usize>,
}

impl Tokenizer {
    /// Reads a `tokenizer.json`, and beside it `special_tokens_map.json` and `tokenizer_config.json` where there are such. A
    /// folder stands for the `tokenizer.json` in it.
    ///
    /// # Errors
    /// When the file is missing or not a tokenizer's. The message says how to make one of vocabulary files.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = if path.is_dir() {
            path.join("tokenizer.json")
        } else {
            path.to_owned()
        };
        let folder = file.parent().unwrap_or(Path::new("."));
        let bytes = std::fs::read(&file)
            .map_err(|error| Error::tokenizer(&file, missing(folder, &error)))?;
        let config = beside(folder, "tokenizer_config.json")?;
        let map = beside(folder, "special_tokens_map.json")?;
        let names = SpecialNames::from_json(&map).or(SpecialNames::from_json(&config));
        let mut tokenizer = Self::parse(&bytes, &names, &file.display().to_string())?;
        // Files without a limit say 1e30.
        tokenizer.model_max_length = config
            .get("model_max_length")
            .and_then(Value::as_u64)
            .filter(|&length| length < 1 << 32)
            .and_then(|length| usize::try_from(length).ok());
        Ok(tokenizer)
    }

    /// Reads a `tokenizer.json` from memory. `names` are the special tokens' texts where they are known.
    ///
    /// # Errors
    /// When the bytes are not a tokenizer's.
    pub fn from_bytes(bytes: &[u8], names: &SpecialNames) -> Result<Self> {
        Self::parse(bytes, names, "the tokenizer")
    }

    fn parse(bytes: &[u8], names: &SpecialNames, origin: &str) -> Result<Self> {
        let failed = |why: String| Error::Tokenizer {
            origin: origin.to_owned(),
            why,
        };
        let mut inner = tokenizers::Tokenizer::from_bytes(bytes).map_err(|error| {
            failed(format!(
                "it cannot be read: {error}; it must be a tokenizer.json as the `tokenizers` library writes it"
            ))
        })?;
        inner
            .with_truncation(None)
            .map_err(|error| failed(error.to_string()))?;
        inner.with_padding(None);
        Ok(Self {
            local: prefix::is_local(&inner),
            special: special::find(&inner, names),
            model_max_length: None,
            inner,
        })
    }

    /// The number of tokens, added ones included.
    pub fn vocab_size(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// A token's number.
    pub fn token_to_id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// A number's token, as the vocabulary spells it (`##ing`, `Ġthe`).
    pub fn id_to_token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// The text of tokens. Numbers that are not in the vocabulary are left out.
    ///
    /// # Errors
    /// When the file's decoder refuses the tokens.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> Result<String> {
        self.inner
            .decode(ids, skip_special)
            .map_err(|error| Error::Tokenizer {
                origin: "the tokenizer".into(),
                why: format!("its decoder refuses {} tokens: {error}", ids.len()),
            })
    }

    /// The tokens with roles.
    pub fn special(&self) -> &SpecialTokens {
        &self.special
    }

    /// The token that a masked language model fills in.
    ///
    /// # Errors
    /// When the tokenizer has none, as those of causal models.
    pub fn mask(&self) -> Result<&SpecialToken> {
        needed(&self.special.mask, "mask")
    }

    /// The token that fills a batch up.
    ///
    /// # Errors
    /// When the tokenizer has none.
    pub fn pad(&self) -> Result<&SpecialToken> {
        needed(&self.special.pad, "pad")
    }

    /// How many tokens the post-processor adds to a text, or to a pair of texts.
    pub fn added_tokens(&self, is_pair: bool) -> usize {
        self.inner.get_post_processor().map_or(0, |processor| {
            tokenizers::PostProcessor::added_tokens(processor, is_pair)
        })
    }

    /// The longest text that the model was made for, where `tokenizer_config.json` says one.
    pub fn model_max_length(&self) -> Option<usize> {
        self.model_max_length
    }
}

fn needed<'a>(token: &'a Option<SpecialToken>, role: &'static str) -> Result<&'a SpecialToken> {
    token.as_ref().ok_or(Error::NoSpecialToken { role })
}

/// A JSON file that may be beside the tokenizer's.
fn beside(folder: &Path, name: &str) -> Result<Value> {
    let path = folder.join(name);
    let Ok(bytes) = std::fs::read(&path) else {
        return Ok(Value::Null);
    };
    serde_json::from_slice(&bytes).map_err(|error| {
        Error::tokenizer(
            &path,
            format!("it is not JSON: {error}; mend it or take it away"),
        )
    })
}

/// Why there is no `tokenizer.json`, and how to make one.
fn missing(folder: &Path, error: &std::io::Error) -> String {
    let vocabularies: Vec<&str> = [
        "vocab.txt",
        "vocab.json",
        "merges.txt",
        "spiece.model",
        "sentencepiece.bpe.model",
    ]
    .into_iter()
    .filter(|name| folder.join(name).is_file())
    .collect();
    if vocabularies.is_empty() {
        return format!("it cannot be read: {error}; check the path");
    }
    format!(
        "it cannot be read: {error}; the folder has {}, of which Python makes it: `from transformers import AutoTokenizer; \
         AutoTokenizer.from_pretrained({folder:?}).save_pretrained({folder:?})`",
        vocabularies.join(", ")
    )
}
