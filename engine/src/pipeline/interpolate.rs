//! Fills in `${vars.x}`, `${matrix.x}` and `${env.X}`; `$${` stands for a literal `${`.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::matrix::Coordinates;
use super::mistake::{Mistake, Mistakes};
use super::secrets::Secrets;
use super::value::{Data, Span, Value};

/// What may be named inside `${...}` at one place of the file.
pub struct Scope<'a> {
    /// The `[vars]`, overrides applied.
    pub vars: &'a BTreeMap<String, Json>,
    /// The coordinates of the instance.
    pub matrix: &'a Coordinates,
    /// The environment variables that this place has listed.
    pub env: &'a [String],
    /// Values of environment variables, and their digests.
    pub secrets: &'a Secrets,
    /// Whether environment variables appear as their digests instead of their values.
    pub masked: bool,
    /// Set when an environment variable was filled in.
    pub used_env: Cell<bool>,
}

impl Scope<'_> {
    /// `value` with every `${...}` filled in. A string that is nothing but one `${...}` takes the type of what it
    /// names; inside longer strings numbers and flags are written out.
    pub fn fill<'v>(&self, value: &'v Value, mistakes: &mut Mistakes) -> Cow<'v, Value> {
        if has_references(value) {
            Cow::Owned(self.filled(value, mistakes))
        } else {
            Cow::Borrowed(value)
        }
    }

    fn filled(&self, value: &Value, mistakes: &mut Mistakes) -> Value {
        let data = match &value.data {
            Data::String(text) if text.contains("${") => {
                return self.fill_string(text, &value.span, mistakes);
            }
            Data::Array(items) => Data::Array(
                items
                    .iter()
                    .map(|item| self.filled(item, mistakes))
                    .collect(),
            ),
            Data::Table(entries) => Data::Table(
                entries
                    .iter()
                    .map(|(key, value)| (key.clone(), self.filled(value, mistakes)))
                    .collect(),
            ),
            other => other.clone(),
        };
        Value {
            data,
            span: value.span.clone(),
        }
    }

    fn fill_string(&self, text: &str, span: &Span, mistakes: &mut Mistakes) -> Value {
        if let Some(name) = whole_reference(text) {
            return match self.look_up(name, span, mistakes) {
                Some(json) => Value::from_json(&json, span),
                None => Value {
                    data: Data::String(String::new()),
                    span: span.clone(),
                },
            };
        }
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            if rest[..at].ends_with('$') {
                filled.push_str(&rest[..at]);
                filled.push('{');
                rest = &rest[at + 2..];
                continue;
            }
            filled.push_str(&rest[..at]);
            let Some(length) = rest[at + 2..].find('}') else {
                let mistake = Mistake::new(span.clone(), "`${` without a closing `}`")
                    .help("write `$${` for a literal `${`");
                mistakes.push(mistake);
                break;
            };
            let name = &rest[at + 2..at + 2 + length];
            rest = &rest[at + 3 + length..];
            match self.look_up(name, span, mistakes) {
                Some(Json::String(text)) => filled.push_str(&text),
                Some(scalar @ (Json::Number(_) | Json::Bool(_))) => {
                    filled.push_str(&scalar.to_string())
                }
                Some(_) => {
                    let message = format!(
                        "`${{{name}}}` is an array or a table, which cannot stand inside a string"
                    );
                    mistakes.push(
                        Mistake::new(span.clone(), message)
                            .help("let it be the whole of the value"),
                    );
                }
                None => {}
            }
        }
        filled.push_str(rest);
        Value {
            data: Data::String(filled),
            span: span.clone(),
        }
    }

    fn look_up(&self, reference: &str, span: &Span, mistakes: &mut Mistakes) -> Option<Json> {
        let reference = reference.trim();
        let unknown = |what: &str| {
            Mistake::new(
                span.clone(),
                format!("unknown {what} in `${{{reference}}}`"),
            )
        };
        match reference.split_once('.') {
            Some(("vars", name)) => {
                let found = self.vars.get(name).cloned();
                if found.is_none() {
                    let names = self.vars.keys().map(String::as_str);
                    mistakes.push(unknown("variable").near_miss(name, names, "[vars]"));
                }
                found
            }
            Some(("matrix", name)) => {
                let found = self.matrix.get(name).cloned();
                if found.is_none() {
                    let names = self.matrix.names();
                    mistakes.push(unknown("matrix axis").near_miss(
                        name,
                        names,
                        "axes of this step's matrix",
                    ));
                }
                found
            }
            Some(("env", name)) => self.look_up_env(name, span, mistakes),
            _ => {
                mistakes.push(
                    unknown("name").help("write `${vars.NAME}`, `${matrix.NAME}` or `${env.NAME}`"),
                );
                None
            }
        }
    }

    fn look_up_env(&self, name: &str, span: &Span, mistakes: &mut Mistakes) -> Option<Json> {
        if !self.env.iter().any(|listed| listed == name) {
            let message = format!("the environment variable `{name}` is not listed");
            let help = format!("add `env = [\"{name}\"]` to this step or to [pipeline]");
            mistakes.push(Mistake::new(span.clone(), message).help(help));
            return None;
        }
        self.used_env.set(true);
        let filled = if self.masked {
            self.secrets.masked(name)
        } else {
            self.secrets.value(name)
        };
        if filled.is_none() {
            let message = format!("the environment variable `{name}` is not set");
            mistakes.push(
                Mistake::new(span.clone(), message).help(format!("run with {name}=... in front")),
            );
        }
        filled.map(Json::String)
    }
}

fn has_references(value: &Value) -> bool {
    match &value.data {
        Data::String(text) => text.contains("${"),
        Data::Array(items) => items.iter().any(has_references),
        Data::Table(entries) => entries.iter().any(|(_, value)| has_references(value)),
        _ => false,
    }
}

fn whole_reference(text: &str) -> Option<&str> {
    let name = text.strip_prefix("${")?.strip_suffix('}')?;
    (!name.contains('}')).then_some(name)
}
