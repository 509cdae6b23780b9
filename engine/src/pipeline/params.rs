//! Checks a step's parameters against the JSON Schema of its kind, so that all mistakes are found at once and each has
//! its place. Serde alone would stop at the first and know no place.

use serde_json::Value as Json;

use super::mistake::{Mistake, Mistakes};
use super::value::{Data, Span, Value};

/// Holds `parameters` against `schema`, the schema of a kind's struct. `owner` names the kind in messages; `span` is
/// where the step's header stands, for what is missing.
pub fn check_parameters(
    schema: &Json,
    parameters: &Value,
    owner: &str,
    span: &Span,
    mistakes: &mut Mistakes,
) {
    let checker = Checker {
        root: schema,
        owner,
        header: span,
    };
    checker.check(schema, parameters, "", mistakes);
}

struct Checker<'a> {
    root: &'a Json,
    owner: &'a str,
    header: &'a Span,
}

impl<'a> Checker<'a> {
    fn check(&self, schema: &'a Json, value: &Value, path: &str, mistakes: &mut Mistakes) {
        let schema = self.resolve(schema);
        if let Some(choices) = schema
            .get("anyOf")
            .or_else(|| schema.get("oneOf"))
            .and_then(Json::as_array)
        {
            self.check_choices(choices, value, path, mistakes);
            return;
        }
        if !self.type_matches(schema, value) {
            let message = format!(
                "`{path}` must be {}, not {}",
                self.expected(schema),
                value.type_name()
            );
            mistakes.push(Mistake::new(value.span.clone(), message));
            return;
        }
        self.check_constants(schema, value, path, mistakes);
        self.check_range(schema, value, path, mistakes);
        match &value.data {
            Data::Table(entries) => self.check_entries(schema, entries, value, path, mistakes),
            Data::Array(items) => {
                if let Some(item_schema) = schema.get("items").filter(|items| items.is_object()) {
                    for item in items {
                        self.check(item_schema, item, path, mistakes);
                    }
                }
            }
            _ => {}
        }
    }

    fn check_choices(
        &self,
        choices: &'a [Json],
        value: &Value,
        path: &str,
        mistakes: &mut Mistakes,
    ) {
        let mut nearest: Option<Mistakes> = None;
        for choice in choices {
            let mut found = Mistakes::default();
            self.check(choice, value, path, &mut found);
            if found.is_empty() {
                return;
            }
            if self.type_matches(self.resolve(choice), value)
                && nearest
                    .as_ref()
                    .is_none_or(|nearest| found.len() < nearest.len())
            {
                nearest = Some(found);
            }
        }
        let words: Vec<String> = choices
            .iter()
            .filter_map(|choice| self.constant(choice))
            .collect();
        match (nearest, value.as_str()) {
            (_, Some(written)) if !words.is_empty() => {
                let message = format!("`{path}` cannot be `{written}`");
                let mistake = Mistake::new(value.span.clone(), message);
                mistakes.push(mistake.near_miss(
                    written,
                    words.iter().map(String::as_str),
                    "possible values",
                ));
            }
            (Some(nearest), _) => nearest
                .iter()
                .for_each(|mistake| mistakes.push(mistake.clone())),
            (None, _) => {
                let expected: Vec<String> = choices
                    .iter()
                    .map(|choice| self.expected(choice))
                    .filter(|words| words != "nothing")
                    .collect();
                let message = format!(
                    "`{path}` must be {}, not {}",
                    expected.join(" or "),
                    value.type_name()
                );
                mistakes.push(Mistake::new(value.span.clone(), message));
            }
        }
    }

    fn check_constants(&self, schema: &Json, value: &Value, path: &str, mistakes: &mut Mistakes) {
        let written = value.to_json();
        let allowed: Vec<&Json> = match (
            schema.get("const"),
            schema.get("enum").and_then(Json::as_array),
        ) {
            (Some(only), _) => vec![only],
            (None, Some(several)) => several.iter().collect(),
            (None, None) => return,
        };
        if allowed.contains(&&written) {
            return;
        }
        let words: Vec<String> = allowed.iter().map(|word| plain(word)).collect();
        let message = format!("`{path}` cannot be `{}`", plain(&written));
        let mistake = Mistake::new(value.span.clone(), message);
        mistakes.push(mistake.near_miss(
            &plain(&written),
            words.iter().map(String::as_str),
            "possible values",
        ));
    }

    fn check_range(&self, schema: &Json, value: &Value, path: &str, mistakes: &mut Mistakes) {
        let number = match value.data {
            Data::Integer(number) => number as f64,
            Data::Float(number) => number,
            _ => return,
        };
        let bound = |name: &str| schema.get(name).and_then(Json::as_f64);
        let wrong = match () {
            () if bound("minimum").is_some_and(|low| number < low) => {
                bound("minimum").map(|low| format!("at least {low}"))
            }
            () if bound("maximum").is_some_and(|high| number > high) => {
                bound("maximum").map(|high| format!("at most {high}"))
            }
            () if bound("exclusiveMinimum").is_some_and(|low| number <= low) => {
                bound("exclusiveMinimum").map(|low| format!("more than {low}"))
            }
            () if bound("exclusiveMaximum").is_some_and(|high| number >= high) => {
                bound("exclusiveMaximum").map(|high| format!("less than {high}"))
            }
            () => None,
        };
        if let Some(limit) = wrong {
            mistakes.push(Mistake::new(
                value.span.clone(),
                format!("`{path}` must be {limit}, not {number}"),
            ));
        }
    }

    fn check_entries(
        &self,
        schema: &'a Json,
        entries: &[(super::value::Key, Value)],
        value: &Value,
        path: &str,
        mistakes: &mut Mistakes,
    ) {
        let known = schema.get("properties").and_then(Json::as_object);
        let additional = schema.get("additionalProperties");
        for (key, entry) in entries {
            let entry_path = if path.is_empty() {
                key.name.clone()
            } else {
                format!("{path}.{}", key.name)
            };
            if let Some(entry_schema) = known.and_then(|known| known.get(&key.name)) {
                self.check(entry_schema, entry, &entry_path, mistakes);
            } else if let Some(entry_schema) = additional.filter(|schema| schema.is_object()) {
                self.check(entry_schema, entry, &entry_path, mistakes);
            } else if additional == Some(&Json::Bool(false)) {
                let names: Vec<&str> = known
                    .into_iter()
                    .flat_map(|known| known.keys().map(String::as_str))
                    .collect();
                let message = format!("{} has no parameter `{entry_path}`", self.owner);
                let mistake = Mistake::new(key.span.clone(), message).label("unknown");
                mistakes.push(mistake.near_miss(&key.name, names, "parameters"));
            }
        }
        let required = schema.get("required").and_then(Json::as_array);
        for name in required.into_iter().flatten().filter_map(Json::as_str) {
            if entries.iter().all(|(key, _)| key.name != name) {
                let span = if path.is_empty() {
                    self.header
                } else {
                    &value.span
                };
                let dot = if path.is_empty() { "" } else { "." };
                let message = format!("{} needs the parameter `{path}{dot}{name}`", self.owner);
                let mut mistake = Mistake::new(span.clone(), message).label("missing here");
                if let Some(text) =
                    known.and_then(|known| known.get(name)?.get("description")?.as_str())
                {
                    mistake = mistake.help(format!("{name}: {text}"));
                }
                mistakes.push(mistake);
            }
        }
    }

    fn resolve(&self, schema: &'a Json) -> &'a Json {
        let pointer = schema
            .get("$ref")
            .and_then(Json::as_str)
            .and_then(|name| name.strip_prefix('#'));
        pointer
            .and_then(|pointer| self.root.pointer(pointer))
            .unwrap_or(schema)
    }

    fn type_matches(&self, schema: &Json, value: &Value) -> bool {
        let matches = |name: &str| {
            matches!(
                (name, &value.data),
                ("string", Data::String(_))
                    | ("boolean", Data::Boolean(_))
                    | ("integer", Data::Integer(_))
                    | ("number", Data::Integer(_) | Data::Float(_))
                    | ("array", Data::Array(_))
                    | ("object", Data::Table(_))
            )
        };
        match schema.get("type") {
            Some(Json::String(name)) => matches(name),
            Some(Json::Array(names)) => names.iter().filter_map(Json::as_str).any(matches),
            _ => match schema.get("const") {
                Some(constant) => constant.is_string() == value.as_str().is_some(),
                None => true,
            },
        }
    }

    fn constant(&self, schema: &'a Json) -> Option<String> {
        self.resolve(schema).get("const").map(plain)
    }

    fn expected(&self, schema: &'a Json) -> String {
        let schema = self.resolve(schema);
        let word = |name: &str| match name {
            "string" => "a string",
            "integer" => "an integer",
            "number" => "a number",
            "boolean" => "true or false",
            "array" => "an array",
            "object" => "a table",
            _ => "nothing",
        };
        match (schema.get("const"), schema.get("type")) {
            (Some(constant), _) => format!("`{}`", plain(constant)),
            (None, Some(Json::String(name))) => word(name).to_owned(),
            (None, Some(Json::Array(names))) => {
                let words: Vec<&str> = names
                    .iter()
                    .filter_map(Json::as_str)
                    .filter(|name| *name != "null")
                    .map(word)
                    .collect();
                words.join(" or ")
            }
            _ => "another type".to_owned(),
        }
    }
}

fn plain(json: &Json) -> String {
    json.as_str()
        .map_or_else(|| json.to_string(), str::to_owned)
}
