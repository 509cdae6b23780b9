//! What the configurations of models share: reading over defaults, and checks.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{NnError, Result};

fn unreadable(error: &serde_json::Error) -> NnError {
    refusal("config.json", "not as expected", error.to_string())
}

/// What config.json says, over what is usual.
pub(crate) fn read_over<T: Serialize + DeserializeOwned>(
    usual: &T,
    found: Map<String, Value>,
) -> Result<T> {
    let mut whole = write(usual)?;
    whole.extend(found);
    serde_json::from_value(Value::Object(whole)).map_err(|error| unreadable(&error))
}

/// What config.json says.
pub(crate) fn write<T: Serialize>(config: &T) -> Result<Map<String, Value>> {
    let value = serde_json::to_value(config).map_err(|error| unreadable(&error))?;
    match value {
        Value::Object(all) => Ok(all),
        _ => Ok(Map::new()),
    }
}

/// Why a number makes no model.
pub(crate) fn refusal(
    name: &'static str,
    value: impl ToString,
    reason: impl Into<String>,
) -> NnError {
    NnError::Config {
        name,
        value: value.to_string(),
        reason: reason.into(),
    }
}

/// Fails for sizes of nothing, and for those that shaders cannot count to.
pub(crate) fn check_sizes(sizes: &[(&'static str, usize)]) -> Result<()> {
    let mut odd = sizes
        .iter()
        .filter(|(_, size)| *size == 0 || u32::try_from(*size).is_err());
    match odd.next() {
        Some((name, size)) => Err(refusal(name, size, "it must be from 1 to 2^32 - 1")),
        None => Ok(()),
    }
}

/// Fails for shares of dropout that leave nothing.
pub(crate) fn check_shares(shares: &[(&'static str, f32)]) -> Result<()> {
    let mut odd = shares
        .iter()
        .filter(|(_, share)| !(0.0..1.0).contains(share));
    match odd.next() {
        Some((name, share)) => Err(refusal(name, share, "it must be from 0 to less than 1")),
        None => Ok(()),
    }
}

/// Fails for numbers that are negative or none.
pub(crate) fn check_small(numbers: &[(&'static str, f32)]) -> Result<()> {
    let mut odd = numbers
        .iter()
        .filter(|(_, number)| !(*number >= 0.0 && number.is_finite()));
    match odd.next() {
        Some((name, number)) => Err(refusal(name, number, "it must be a small positive number")),
        None => Ok(()),
    }
}

/// Fails unless heads divide what they share.
pub(crate) fn check_heads(name: &'static str, heads: usize, hidden: usize) -> Result<()> {
    match hidden.is_multiple_of(heads) {
        true => Ok(()),
        false => Err(refusal(
            name,
            heads,
            format!("the hidden size, {hidden}, must be a multiple of it"),
        )),
    }
}

/// One token, or several: as config.json gives the ends of texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum Tokens {
    /// None.
    #[default]
    None,
    /// One.
    One(u32),
    /// Any of these.
    Several(Vec<u32>),
}

impl Tokens {
    /// As a list.
    pub fn as_slice(&self) -> &[u32] {
        match self {
            Self::None => &[],
            Self::One(token) => std::slice::from_ref(token),
            Self::Several(tokens) => tokens,
        }
    }
}
