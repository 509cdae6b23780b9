//! Rewrites the schema of a kind so that `${...}` may stand for any value.

use serde_json::{Map, Value as Json, json};

/// The name of the schema of a text that holds `${...}`.
const PLACEHOLDER: &str = "placeholder";

/// The schema of a text that holds `${...}`.
pub fn placeholder() -> (String, Json) {
    let schema = json!({
        "description": "A text with `${vars.NAME}`, `${matrix.AXIS}` or `${env.NAME}` in it.",
        "type": "string",
        "pattern": "\\$\\{[^}]*\\}",
    });
    (PLACEHOLDER.to_owned(), schema)
}

/// `schema` as a definition of a larger one: its own definitions are moved to `definitions`, their names beginning
/// with `prefix`, and every value within it may also be a placeholder.
pub fn embed(schema: &Json, prefix: &str, definitions: &mut Map<String, Json>) -> Json {
    let Json::Object(entries) = schema else {
        return schema.clone();
    };
    let mut embedded = Map::new();
    for (name, value) in entries {
        let value = match (name.as_str(), value) {
            ("$schema" | "title", _) => continue,
            ("$defs", Json::Object(inner)) => {
                for (name, schema) in inner {
                    let schema = embed(schema, prefix, definitions);
                    definitions.insert(format!("{prefix}.{name}"), schema);
                }
                continue;
            }
            ("$ref", Json::String(target)) => {
                let name = target.rsplit('/').next().unwrap_or_default();
                json!(format!("#/$defs/{prefix}.{name}"))
            }
            ("properties" | "patternProperties", Json::Object(inner)) => inner
                .iter()
                .map(|(name, schema)| {
                    (
                        name.clone(),
                        or_placeholder(embed(schema, prefix, definitions)),
                    )
                })
                .collect::<Map<_, _>>()
                .into(),
            ("items" | "additionalProperties", Json::Object(_)) => {
                or_placeholder(embed(value, prefix, definitions))
            }
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Json::Array(inner)) => inner
                .iter()
                .map(|schema| embed(schema, prefix, definitions))
                .collect(),
            _ => value.clone(),
        };
        embedded.insert(name.clone(), value);
    }
    Json::Object(embedded)
}

/// `schema`, or a placeholder. What editors show stays at the top.
pub fn or_placeholder(mut schema: Json) -> Json {
    let Json::Object(entries) = &mut schema else {
        return schema;
    };
    let narrows = |name: &String| {
        !matches!(
            name.as_str(),
            "type" | "description" | "default" | "x-speed-only"
        )
    };
    let is_any_text = entries.get("type").and_then(Json::as_str) == Some("string")
        && !entries.keys().any(narrows);
    if is_any_text {
        return schema;
    }
    let mut outer = Map::new();
    for name in ["description", "default", "x-speed-only"] {
        if let Some(value) = entries.remove(name) {
            outer.insert(name.to_owned(), value);
        }
    }
    let reference = json!({ "$ref": format!("#/$defs/{PLACEHOLDER}") });
    outer.insert("anyOf".to_owned(), json!([schema, reference]));
    Json::Object(outer)
}
