//! TOML values that remember where they stand in the file.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::mistake::{Mistake, Mistakes};
use super::well_formed;

/// A byte range of the pipeline file.
pub type Span = Range<usize>;

/// A key and the place where it is written.
#[derive(Clone, Debug)]
pub struct Key {
    /// The key's text, unquoted.
    pub name: String,
    /// Where it stands.
    pub span: Span,
}

/// A value and the place where it is written.
#[derive(Clone, Debug)]
pub struct Value {
    /// What it is.
    pub data: Data,
    /// Where it stands; for a `[table]`, its header.
    pub span: Span,
}

/// What a [`Value`] holds.
#[derive(Clone, Debug)]
pub enum Data {
    /// A string, as written (before `${...}` is filled in).
    String(String),
    /// A 64-bit integer.
    Integer(i64),
    /// A float.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// An array.
    Array(Vec<Value>),
    /// A table, in the order of the file.
    Table(Vec<(Key, Value)>),
}

impl Value {
    /// The entries of a table; empty for anything else.
    pub fn entries(&self) -> &[(Key, Value)] {
        match &self.data {
            Data::Table(entries) => entries,
            _ => &[],
        }
    }

    /// The entry `name` of a table.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.entry(name).map(|(_, value)| value)
    }

    /// The entry `name` of a table, with its key.
    pub fn entry(&self, name: &str) -> Option<&(Key, Value)> {
        self.entries().iter().find(|(key, _)| key.name == name)
    }

    /// Takes the entry `name` out of a table.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        let Data::Table(entries) = &mut self.data else {
            return None;
        };
        let at = entries.iter().position(|(key, _)| key.name == name)?;
        Some(entries.remove(at).1)
    }

    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.data {
            Data::String(text) => Some(text),
            _ => None,
        }
    }

    /// What a message calls this kind of value.
    pub fn type_name(&self) -> &'static str {
        match &self.data {
            Data::String(_) => "a string",
            Data::Integer(_) => "an integer",
            Data::Float(_) => "a number",
            Data::Boolean(_) => "true or false",
            Data::Array(_) => "an array",
            Data::Table(_) => "a table",
        }
    }

    /// The value as JSON, places forgotten. A float that JSON cannot hold (`inf`, `nan`) becomes a string.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.data {
            Data::String(text) => Json::String(text.clone()),
            Data::Integer(number) => Json::from(*number),
            Data::Float(number) => serde_json::Number::from_f64(*number)
                .map_or_else(|| Json::String(number.to_string()), Json::Number),
            Data::Boolean(flag) => Json::Bool(*flag),
            Data::Array(items) => items.iter().map(Value::to_json).collect(),
            Data::Table(entries) => Json::Object(
                entries
                    .iter()
                    .map(|(key, value)| (key.name.clone(), value.to_json()))
                    .collect(),
            ),
        }
    }

    /// A JSON value with every part placed at `span`; `null` becomes an empty string.
    pub fn from_json(json: &serde_json::Value, span: &Span) -> Value {
        use serde_json::Value as Json;
        let data = match json {
            Json::Null => Data::String(String::new()),
            Json::Bool(flag) => Data::Boolean(*flag),
            Json::Number(number) => match number.as_i64() {
                Some(integer) => Data::Integer(integer),
                None => Data::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Data::String(text.clone()),
            Json::Array(items) => Data::Array(
                items
                    .iter()
                    .map(|item| Value::from_json(item, span))
                    .collect(),
            ),
            Json::Object(entries) => Data::Table(
                entries
                    .iter()
                    .map(|(name, value)| {
                        let key = Key {
                            name: name.clone(),
                            span: span.clone(),
                        };
                        (key, Value::from_json(value, span))
                    })
                    .collect(),
            ),
        };
        Value {
            data,
            span: span.clone(),
        }
    }
}

/// Parses a whole TOML document. Every syntax error is noted; what could be read is returned all the same.
pub fn parse_document(text: &str, mistakes: &mut Mistakes) -> Value {
    well_formed::read(text).unwrap_or_else(|| parse_recoverable(text, mistakes))
}

/// [`parse_document`] by way of `toml`'s tables.
pub(super) fn parse_recoverable(text: &str, mistakes: &mut Mistakes) -> Value {
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        mistakes.push(Mistake::new(span, error.message().to_owned()).label("not valid TOML"));
    }
    let span = document.span();
    let mut value = from_table(document.into_inner(), mistakes);
    value.span = span;
    value
}

/// Parses one value as it would stand behind a `=`.
pub fn parse_value(text: &str) -> Option<Value> {
    let mut ignored = Mistakes::default();
    let parsed = DeValue::parse(text).ok()?;
    let value = from_value(parsed.into_inner(), 0..0, &mut ignored);
    ignored.is_empty().then_some(value)
}

fn from_table(table: DeTable<'_>, mistakes: &mut Mistakes) -> Value {
    let mut entries: Vec<(Key, Value)> = table
        .into_iter()
        .map(|(key, value)| {
            let span = key.span();
            let key = Key {
                name: key.into_inner().into_owned(),
                span,
            };
            let span = value.span();
            (key, from_value(value.into_inner(), span, mistakes))
        })
        .collect();
    entries.sort_by_key(|(key, _)| key.span.start);
    Value {
        data: Data::Table(entries),
        span: 0..0,
    }
}

fn from_value(value: DeValue<'_>, span: Span, mistakes: &mut Mistakes) -> Value {
    let data = match value {
        DeValue::String(text) => Data::String(text.into_owned()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(integer) => Data::Integer(integer),
            Err(_) => {
                let message = format!("`{number}` does not fit a 64-bit integer");
                mistakes.push(Mistake::new(span.clone(), message));
                Data::Integer(0)
            }
        },
        DeValue::Float(number) => Data::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Data::Boolean(flag),
        DeValue::Datetime(time) => Data::String(time.to_string()),
        DeValue::Array(items) => Data::Array(
            items
                .into_iter()
                .map(|item| {
                    let span = item.span();
                    from_value(item.into_inner(), span, mistakes)
                })
                .collect(),
        ),
        DeValue::Table(table) => {
            return Value {
                span,
                ..from_table(table, mistakes)
            };
        }
    };
    Value { data, span }
}
