//! `input = ...`: which port of which step feeds which port of this one.

use super::mistake::{Mistake, Mistakes};
use super::value::{Data, Span, Value};

/// One `step` or `step.port` as written.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// The step's name.
    pub step: String,
    /// The output port; `None` means the only one, or the first.
    pub port: Option<String>,
    /// Where it is written.
    pub span: Span,
}

/// The references that feed one input port.
#[derive(Clone, Debug)]
pub struct Feed {
    /// The port's name; `None` where the file does not name it.
    pub port: Option<(String, Span)>,
    /// What feeds it.
    pub from: Vec<Reference>,
}

/// Reads the value of `input`: a reference, an array of them, or a table of ports with one or several each.
pub fn read_feeds(value: &Value, mistakes: &mut Mistakes) -> Vec<Feed> {
    match &value.data {
        Data::Table(entries) => entries
            .iter()
            .map(|(key, value)| Feed {
                port: Some((key.name.clone(), key.span.clone())),
                from: read_references(value, mistakes),
            })
            .collect(),
        _ => vec![Feed {
            port: None,
            from: read_references(value, mistakes),
        }],
    }
}

fn read_references(value: &Value, mistakes: &mut Mistakes) -> Vec<Reference> {
    let items = match &value.data {
        Data::Array(items) => items.as_slice(),
        _ => std::slice::from_ref(value),
    };
    let mut references = Vec::with_capacity(items.len());
    references.extend(
        items
            .iter()
            .filter_map(|item| read_reference(item, mistakes)),
    );
    references
}

fn read_reference(value: &Value, mistakes: &mut Mistakes) -> Option<Reference> {
    let span = value.span.clone();
    let Some(text) = value.as_str() else {
        let message = format!("an input is the name of a step, not {}", value.type_name());
        mistakes.push(Mistake::new(span, message).help("write \"STEP\" or \"STEP.PORT\""));
        return None;
    };
    let (step, port) = match text.split_once('.') {
        Some((step, port)) => (step, Some(port.to_owned())),
        None => (text, None),
    };
    if step.is_empty() || port.as_deref() == Some("") {
        let message = format!("`{text}` names no step");
        mistakes.push(Mistake::new(span, message).help("write \"STEP\" or \"STEP.PORT\""));
        return None;
    }
    Some(Reference {
        step: step.to_owned(),
        port,
        span,
    })
}
