//! Parameters as the JSON Schema of a kind's struct describes them.

use serde_json::Value as Json;

use crate::pipeline::inline::toml_value;

/// A parameter, or an entry of one that is a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// What it takes: `string`, `list of integers from 1`.
    pub takes: String,
    /// Whether it must be given.
    pub is_required: bool,
    /// What it is if it is not given, as TOML; `None` also where that is nothing at all.
    pub default: Option<String>,
    /// Whether it changes only speed, and so never the result nor the key.
    pub is_speed_only: bool,
    /// What it means.
    pub description: String,
    /// The values that it can have, where these are words.
    pub choices: Vec<Choice>,
    /// Its entries, where it is a table with fixed ones (or a list of such).
    pub entries: Vec<Parameter>,
}

/// A value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// As it is written.
    pub value: String,
    /// What it means.
    pub description: String,
}

impl Parameter {
    /// The parameters that a schema describes: those that must be given first, each in the order of the struct.
    pub fn all_of(schema: &Json) -> Vec<Parameter> {
        entries(schema, schema)
    }
}

fn entries(root: &Json, schema: &Json) -> Vec<Parameter> {
    let required: Vec<&str> = array(schema, "required").filter_map(Json::as_str).collect();
    let mut parameters: Vec<Parameter> = schema
        .get("properties")
        .and_then(Json::as_object)
        .into_iter()
        .flatten()
        .map(|(name, property)| parameter(root, name, property, required.contains(&name.as_str())))
        .collect();
    parameters.sort_by_key(|parameter| !parameter.is_required);
    parameters
}

fn parameter(root: &Json, name: &str, property: &Json, is_required: bool) -> Parameter {
    let target = resolve(root, property);
    let description = [property, target]
        .iter()
        .find_map(|schema| text(schema, "description"))
        .unwrap_or_default();
    let default = property.get("default").filter(|value| !value.is_null());
    Parameter {
        name: name.to_owned(),
        takes: takes(root, property),
        is_required,
        default: default.map(toml_value),
        is_speed_only: property.get("x-speed-only") == Some(&Json::Bool(true)),
        description: description.to_owned(),
        choices: choices(root, property),
        entries: inner_entries(root, property),
    }
}

/// The entries of a table, of the items of a list, or of the one alternative that has any.
fn inner_entries(root: &Json, schema: &Json) -> Vec<Parameter> {
    let schema = resolve(root, schema);
    let own = entries(root, schema);
    if !own.is_empty() {
        return own;
    }
    let inner = schema
        .get("items")
        .or_else(|| schema.get("additionalProperties"))
        .filter(|inner| inner.is_object());
    inner
        .into_iter()
        .chain(alternatives(schema))
        .map(|inner| inner_entries(root, inner))
        .find(|entries| !entries.is_empty())
        .unwrap_or_default()
}

fn choices(root: &Json, schema: &Json) -> Vec<Choice> {
    let schema = resolve(root, schema);
    if let Some(value) = schema.get("const") {
        return vec![Choice {
            value: toml_value(value),
            description: text(schema, "description").unwrap_or_default().to_owned(),
        }];
    }
    let of_enum = array(schema, "enum").filter(|value| !value.is_null());
    let of_enum = of_enum.map(|value| Choice {
        value: toml_value(value),
        description: String::new(),
    });
    let inner = schema.get("items").filter(|items| items.is_object());
    of_enum
        .chain(
            alternatives(schema)
                .chain(inner)
                .flat_map(|inner| choices(root, inner)),
        )
        .collect()
}

/// What a value must be, in words.
fn takes(root: &Json, schema: &Json) -> String {
    let schema = resolve(root, schema);
    if !choices_here(schema).is_empty() {
        return choices_here(schema).join(" or ");
    }
    let mut kinds: Vec<String> = Vec::new();
    let mut add = |words: String| {
        if !words.is_empty() && !kinds.contains(&words) {
            kinds.push(words);
        }
    };
    for alternative in alternatives(schema) {
        add(takes(root, alternative));
    }
    match schema.get("type") {
        Some(Json::String(name)) => add(type_words(root, schema, name)),
        Some(Json::Array(names)) => names
            .iter()
            .filter_map(Json::as_str)
            .for_each(|name| add(type_words(root, schema, name))),
        _ => {}
    }
    match kinds.is_empty() {
        true => "any value".to_owned(),
        false => kinds.join(" or "),
    }
}

fn type_words(root: &Json, schema: &Json, name: &str) -> String {
    match name {
        "null" => String::new(),
        "boolean" => "true or false".to_owned(),
        "integer" | "number" => format!("{name}{}", range(schema)),
        "array" => match schema.get("items").filter(|items| items.is_object()) {
            Some(items) => format!("list of {}", in_list(&takes(root, items))),
            None => "list".to_owned(),
        },
        "object" => match schema
            .get("additionalProperties")
            .filter(|inner| inner.is_object())
        {
            Some(inner) => format!("table of {}", in_list(&takes(root, inner))),
            None => "table".to_owned(),
        },
        other => other.to_owned(),
    }
}

/// The plural, where it is one word; a choice of several in parentheses.
fn in_list(words: &str) -> String {
    for name in ["string", "integer", "number", "table", "list"] {
        if let Some(rest) = words.strip_prefix(name)
            && !words.contains(" or ")
        {
            return format!("{name}s{rest}");
        }
    }
    match words.contains(" or ") {
        true => format!("({words})"),
        false => words.to_owned(),
    }
}

fn range(schema: &Json) -> String {
    let bound = |name: &str| schema.get(name).map(toml_value);
    let low = bound("minimum").map(|low| format!(" from {low}"));
    let low = low.or_else(|| bound("exclusiveMinimum").map(|low| format!(" above {low}")));
    let high = bound("maximum").map(|high| format!(" to {high}"));
    let high = high.or_else(|| bound("exclusiveMaximum").map(|high| format!(" below {high}")));
    format!("{}{}", low.unwrap_or_default(), high.unwrap_or_default())
}

/// The words that this very schema names, its alternatives aside.
fn choices_here(schema: &Json) -> Vec<String> {
    let only = schema.get("const").into_iter();
    only.chain(array(schema, "enum"))
        .filter(|value| !value.is_null())
        .map(toml_value)
        .collect()
}

fn alternatives(schema: &Json) -> impl Iterator<Item = &Json> {
    ["anyOf", "oneOf", "allOf"]
        .into_iter()
        .flat_map(|name| array(schema, name))
        .filter(|inner| inner.get("type") != Some(&Json::String("null".to_owned())))
}

fn array<'a>(schema: &'a Json, name: &str) -> impl Iterator<Item = &'a Json> {
    schema
        .get(name)
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
}

fn text<'a>(schema: &'a Json, name: &str) -> Option<&'a str> {
    schema.get(name).and_then(Json::as_str)
}

/// What a schema refers to, or itself.
pub fn resolve<'a>(root: &'a Json, schema: &'a Json) -> &'a Json {
    text(schema, "$ref")
        .and_then(|name| name.strip_prefix('#'))
        .and_then(|pointer| root.pointer(pointer))
        .unwrap_or(schema)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use schemars::JsonSchema;
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    /// A kind.
    #[derive(Deserialize, JsonSchema)]
    #[allow(dead_code)]
    struct Example {
        /// Where from.
        source: OneOrMore,
        /// How many.
        #[serde(default = "three")]
        #[schemars(range(min = 1, max = 9))]
        count: usize,
        #[serde(default)]
        mode: Mode,
        /// Shares by name.
        #[serde(default)]
        parts: BTreeMap<String, f64>,
        #[serde(default)]
        rules: Vec<Rule>,
        /// Optional.
        limit: Option<u32>,
        #[serde(default)]
        #[schemars(extend("x-speed-only" = true))]
        fast: bool,
    }

    fn three() -> usize {
        3
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(untagged)]
    #[allow(dead_code)]
    enum OneOrMore {
        One(String),
        More(Vec<String>),
    }

    /// How it goes about it.
    #[derive(Default, Deserialize, serde::Serialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    enum Mode {
        /// At once.
        #[default]
        Eager,
        /// When asked.
        Lazy,
    }

    #[derive(Deserialize, serde::Serialize, JsonSchema)]
    #[allow(dead_code)]
    struct Rule {
        /// What is looked for.
        pattern: String,
    }

    fn parameters() -> BTreeMap<String, Parameter> {
        let schema = serde_json::to_value(schemars::schema_for!(Example)).unwrap();
        let parameters = Parameter::all_of(&schema);
        assert_eq!(
            parameters[0].name, "source",
            "what must be given comes first"
        );
        let by_name = parameters
            .into_iter()
            .map(|parameter| (parameter.name.clone(), parameter));
        by_name.collect()
    }

    #[test]
    fn a_parameter_says_what_it_takes() {
        let parameters = parameters();
        let takes = |name: &str| parameters[name].takes.as_str();
        assert_eq!(takes("source"), "string or list of strings");
        assert_eq!(takes("count"), "integer from 1 to 9");
        assert_eq!(takes("mode"), "\"eager\" or \"lazy\"");
        assert_eq!(takes("parts"), "table of numbers");
        assert_eq!(takes("rules"), "list of tables");
        assert_eq!(takes("limit"), "integer from 0");
        assert_eq!(takes("fast"), "true or false");
    }

    #[test]
    fn a_parameter_knows_its_default_and_its_marks() {
        let parameters = parameters();
        assert!(parameters["source"].is_required);
        assert!(!parameters["limit"].is_required);
        assert_eq!(parameters["limit"].default, None);
        assert_eq!(parameters["count"].default.as_deref(), Some("3"));
        assert_eq!(parameters["mode"].default.as_deref(), Some("\"eager\""));
        assert!(parameters["fast"].is_speed_only);
        assert_eq!(parameters["count"].description, "How many.");
    }

    #[test]
    fn choices_and_entries_bring_their_own_descriptions() {
        let parameters = parameters();
        let lazy = Choice {
            value: "\"lazy\"".to_owned(),
            description: "When asked.".to_owned(),
        };
        assert_eq!(parameters["mode"].choices[1], lazy);
        assert_eq!(parameters["mode"].description, "How it goes about it.");
        assert_eq!(
            parameters["rules"].entries[0].description,
            "What is looked for."
        );
    }

    #[test]
    fn json_is_written_as_toml() {
        let value = json!({"a b": ["x\"y", 1.5], "c": {}});
        assert_eq!(
            toml_value(&value),
            "{ \"a b\" = [\"x\\\"y\", 1.5], c = {} }"
        );
    }
}
