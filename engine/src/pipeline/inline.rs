//! JSON as it would be written in a pipeline file.

use serde_json::Value as Json;

/// A JSON value as it is written in TOML.
pub fn toml_value(value: &Json) -> String {
    match value {
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(toml_value).collect();
            format!("[{}]", items.join(", "))
        }
        Json::Object(entries) if entries.is_empty() => "{}".to_owned(),
        Json::Object(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| format!("{} = {}", toml_key(name), toml_value(value)))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
        // JSON's escapes are also TOML's.
        other => other.to_string(),
    }
}

/// A key as it is written in TOML.
pub fn toml_key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(is_bare) {
        name.to_owned()
    } else {
        Json::String(name.to_owned()).to_string()
    }
}
