//! What a model's folder says about writing with it.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::{EarlyStopping, GenerateOptions};
use crate::{NnError, Result, Tokens, files};

/// generation_config.json, or the same in an older config.json.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Given {
    max_new_tokens: Option<usize>,
    max_length: Option<usize>,
    min_new_tokens: Option<usize>,
    eos_token_id: Tokens,
    forced_bos_token_id: Option<u32>,
    forced_eos_token_id: Option<u32>,
    no_repeat_ngram_size: Option<usize>,
    num_beams: Option<usize>,
    length_penalty: Option<f32>,
    early_stopping: Option<Value>,
}

impl GenerateOptions {
    /// As generation_config.json of a folder says, or its config.json where there is none: beams, penalties, and tokens that
    /// end a text or are forced. A `max_length` counts one token before the new ones, as an encoder-decoder has it.
    ///
    /// # Errors
    /// [`NnError::Io`]; [`NnError::File`] for what cannot be understood.
    pub fn from_folder(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let own = folder.join("generation_config.json");
        let path = match own.is_file() {
            true => own,
            false => folder.join("config.json"),
        };
        let given: Given = files::read_json(&path)?;
        let usual = Self::default();
        let early_stopping = match given.early_stopping {
            None | Some(Value::Null | Value::Bool(false)) => EarlyStopping::Unlikely,
            Some(Value::Bool(true)) => EarlyStopping::Full,
            Some(Value::String(text)) if text == "never" => EarlyStopping::Impossible,
            Some(other) => {
                let reason =
                    format!("early_stopping is {other}; it must be true, false or \"never\"");
                return Err(NnError::file(&path, reason));
            }
        };
        Ok(Self {
            max_new_tokens: given
                .max_new_tokens
                .or(given.max_length.map(|length| length.saturating_sub(1)))
                .unwrap_or(usual.max_new_tokens),
            min_new_tokens: given.min_new_tokens.unwrap_or(0),
            eos_token_ids: given.eos_token_id.as_slice().to_vec(),
            forced_bos_token_id: given.forced_bos_token_id,
            forced_eos_token_id: given.forced_eos_token_id,
            no_repeat_ngram_size: given.no_repeat_ngram_size.unwrap_or(0),
            beams: given.num_beams.unwrap_or(1),
            length_penalty: given.length_penalty.unwrap_or(usual.length_penalty),
            early_stopping,
            ..usual
        })
    }
}
