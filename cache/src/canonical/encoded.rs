//! JSON values kept as the bytes that are hashed.

use serde_json::{Number, Value};

use super::sorted;

/// A JSON value in the encoding of the [module](super): a fraction of a [`Value`]'s room, and hashed as fast as bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded(pub(super) Box<[u8]>);

impl Encoded {
    /// Encodes a value.
    pub fn of(value: &Value) -> Self {
        let mut bytes = Vec::new();
        put(&mut bytes, value);
        Self(bytes.into())
    }

    /// The value again; of objects the keys are sorted, and a float that is no number is null.
    pub fn to_json(&self) -> Value {
        take(&mut &self.0[..]).unwrap_or_default()
    }
}

fn put(bytes: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => bytes.push(b'n'),
        Value::Bool(value) => bytes.push(if *value { b't' } else { b'f' }),
        Value::Number(number) => {
            if let Some(value) = number.as_u64() {
                tagged(bytes, b'u', value.to_le_bytes());
            } else if let Some(value) = number.as_i64() {
                tagged(bytes, b'i', value.to_le_bytes());
            } else if let Some(value) = number.as_f64().filter(|_| number.is_f64()) {
                tagged(bytes, b'd', value.to_bits().to_le_bytes());
            } else {
                text(bytes, b'N', &number.to_string());
            }
        }
        Value::String(value) => text(bytes, b's', value),
        Value::Array(items) => {
            tagged(bytes, b'l', (items.len() as u64).to_le_bytes());
            items.iter().for_each(|item| put(bytes, item));
        }
        Value::Object(object) => {
            tagged(bytes, b'm', (object.len() as u64).to_le_bytes());
            for (key, value) in sorted(object) {
                text(bytes, b's', key);
                put(bytes, value);
            }
        }
    }
}

fn tagged(bytes: &mut Vec<u8>, tag: u8, payload: [u8; 8]) {
    bytes.push(tag);
    bytes.extend_from_slice(&payload);
}

fn text(bytes: &mut Vec<u8>, tag: u8, value: &str) {
    tagged(bytes, tag, (value.len() as u64).to_le_bytes());
    bytes.extend_from_slice(value.as_bytes());
}

fn take(bytes: &mut &[u8]) -> Option<Value> {
    let (tag, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(match tag {
        b'n' => Value::Null,
        b't' => Value::Bool(true),
        b'f' => Value::Bool(false),
        b'u' => Value::from(take_word(bytes)?),
        b'i' => Value::from(take_word(bytes)?.cast_signed()),
        b'd' => Value::from(f64::from_bits(take_word(bytes)?)),
        b'N' => take_text(bytes)?.parse::<Number>().map(Value::from).ok()?,
        b's' => Value::from(take_text(bytes)?),
        b'l' => (0..take_word(bytes)?)
            .map(|_| take(bytes))
            .collect::<Option<Vec<_>>>()?
            .into(),
        b'm' => {
            let pairs = (0..take_word(bytes)?).map(|_| {
                *bytes = bytes.get(1..)?;
                Some((take_text(bytes)?.to_owned(), take(bytes)?))
            });
            Value::Object(pairs.collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

fn take_word(bytes: &mut &[u8]) -> Option<u64> {
    let (word, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u64::from_le_bytes(*word))
}

fn take_text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(take_word(bytes)?).ok()?;
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    std::str::from_utf8(text).ok()
}
