//! The ports of a kind, asked of a step that is built from the least that the kind must be told.

use serde_json::{Map, Value as Json};

use super::Ports;
use super::parameter::resolve;
use crate::pipeline::inline::{toml_key, toml_value};
use crate::steps::Kind;

/// The ports of a kind with only what it must be told.
pub fn ports(kind: &Kind) -> Option<Ports> {
    let schema = kind.schema();
    let example = first_example(schema).unwrap_or_else(|| value(schema, schema));
    let built = kind.build(example.clone()).ok()?;
    let lines = example.as_object().into_iter().flatten();
    Some(Ports {
        parameters: lines
            .map(|(name, value)| format!("{} = {}", toml_key(name), toml_value(value)))
            .collect(),
        inputs: built.step.inputs(),
        outputs: built.step.outputs(),
    })
}

fn first_example(schema: &Json) -> Option<Json> {
    schema.get("examples")?.as_array()?.first().cloned()
}

/// Some value that a schema allows: its example, its default, or the simplest of its type.
fn value(root: &Json, schema: &Json) -> Json {
    let target = resolve(root, schema);
    let given = [schema, target].into_iter().find_map(|schema| {
        first_example(schema)
            .or_else(|| schema.get("const").cloned())
            .or_else(|| schema.get("default").cloned())
    });
    if let Some(given) = given {
        return given;
    }
    let alternatives = ["enum", "anyOf", "oneOf", "allOf"].into_iter();
    let alternative = alternatives
        .filter_map(|name| Some((name, target.get(name)?.as_array()?.first()?)))
        .next();
    match alternative {
        Some(("enum", word)) => return word.clone(),
        Some((_, schema)) => return value(root, schema),
        None => {}
    }
    let type_name = match target.get("type") {
        Some(Json::Array(names)) => names.first(),
        name => name,
    };
    let least = || target.get("minimum").cloned();
    match type_name.and_then(Json::as_str) {
        Some("object") => Json::Object(required(root, target)),
        Some("array") => {
            let is_needed = target.get("minItems").and_then(Json::as_u64) > Some(0);
            let item = target.get("items").filter(|_| is_needed);
            Json::Array(item.map(|item| value(root, item)).into_iter().collect())
        }
        Some("integer") => least().unwrap_or_else(|| Json::from(1)),
        Some("number") => least().unwrap_or_else(|| Json::from(0.5)),
        Some("boolean") => Json::Bool(false),
        _ => Json::String("NAME".to_owned()),
    }
}

fn required(root: &Json, schema: &Json) -> Map<String, Json> {
    let names = schema.get("required").and_then(Json::as_array);
    let names = names.into_iter().flatten().filter_map(Json::as_str);
    names
        .filter_map(|name| {
            let property = schema.get("properties")?.get(name)?;
            Some((name.to_owned(), value(root, property)))
        })
        .collect()
}
