//! Puts into words how two manifests of a step differ.

use serde_json::Value as Json;

use super::Manifest;
use super::manifest::ManifestFile;
use crate::pipeline::inline::toml_value;
use crate::steps::ordered::as_table;

/// Knows what a step was the last time.
pub trait Previous {
    /// Whether any earlier run finished the instance `name`, and the manifest it had, if the cache still has it.
    fn manifest(&self, name: &str) -> (bool, Option<Manifest>);
}

/// What changed from `old` to `new`. `step` is the step's name; `producers` names what feeds each input of `new`.
pub fn explain(step: &str, old: &Manifest, new: &Manifest, producers: &[String]) -> Vec<String> {
    let mut differences = Vec::new();
    if old.kind != new.kind {
        differences.push(format!("{step}: {} -> {}", old.kind, new.kind));
        return differences;
    }
    if old.version != new.version {
        differences.push(format!(
            "{} is at version {} now, was {}",
            new.kind, new.version, old.version
        ));
    }
    compare(step, &old.parameters, &new.parameters, &mut differences);
    if old.seed != new.seed {
        let word =
            |seed: Option<u64>| seed.map_or_else(|| "none".to_owned(), |seed| seed.to_string());
        differences.push(format!(
            "{step}.seed: {} -> {}",
            word(old.seed),
            word(new.seed)
        ));
    }
    explain_inputs(old, new, producers, &mut differences);
    explain_files(old, new, &mut differences);
    for (name, digest) in &new.env {
        if old
            .env
            .iter()
            .all(|(other, same)| other != name || same != digest)
        {
            differences.push(format!("environment variable {name} changed"));
        }
    }
    for (name, _) in old
        .env
        .iter()
        .filter(|(name, _)| new.env.iter().all(|(other, _)| other != name))
    {
        differences.push(format!("environment variable {name} is no longer set"));
    }
    differences
}

fn explain_inputs(
    old: &Manifest,
    new: &Manifest,
    producers: &[String],
    differences: &mut Vec<String>,
) {
    let mut said: Vec<&str> = Vec::new();
    for (at, input) in new.inputs.iter().enumerate() {
        let producer = producers
            .get(at)
            .map_or(input.port.as_str(), String::as_str);
        let same_place = |other: &&super::manifest::ManifestInput| {
            other.port == input.port && other.coordinates == input.coordinates
        };
        let before: Vec<_> = old.inputs.iter().filter(same_place).collect();
        let changed = if before.is_empty() {
            Some(format!("input {producer} is new"))
        } else if before.iter().all(|other| other.digest != input.digest) {
            Some(format!("input {producer} changed"))
        } else {
            None
        };
        if let Some(words) = changed.filter(|_| !said.contains(&producer)) {
            said.push(producer);
            differences.push(words);
        }
    }
    let gone = old.inputs.len().saturating_sub(new.inputs.len());
    if gone > 0 {
        differences.push(format!(
            "{gone} input{} fewer",
            if gone == 1 { "" } else { "s" }
        ));
    } else if differences.is_empty() && old.inputs != new.inputs {
        differences.push("the order of its inputs changed".to_owned());
    }
}

fn explain_files(old: &Manifest, new: &Manifest, differences: &mut Vec<String>) {
    for file in &new.files {
        match old.files.iter().find(|other| other.path == file.path) {
            Some(other) if other.digest == file.digest => {}
            Some(_) => differences.push(format!("file {} changed", file.path)),
            None if !new.names_files
                && old.files.iter().any(|other| other.digest == file.digest) => {}
            None => differences.push(format!("file {} is new", file.path)),
        }
    }
    for file in &old.files {
        let is_read = |other: &ManifestFile| {
            other.path == file.path || (!new.names_files && other.digest == file.digest)
        };
        if !new.files.iter().any(is_read) {
            differences.push(format!("file {} is no longer read", file.path));
        }
    }
}

fn compare(path: &str, old: &Json, new: &Json, differences: &mut Vec<String>) {
    if let (Some(old_table), Some(new_table)) = (as_table(old), as_table(new)) {
        let before = differences.len();
        compare(path, &old_table, &new_table, differences);
        if differences.len() == before && old != new {
            differences.push(format!(
                "{path}: {} -> {}",
                names(old_table),
                names(new_table)
            ));
        }
        return;
    }
    match (old, new) {
        _ if old == new => {}
        (Json::Object(old), Json::Object(new)) => {
            for (name, value) in new {
                compare(
                    &format!("{path}.{name}"),
                    old.get(name).unwrap_or(&Json::Null),
                    value,
                    differences,
                );
            }
            for (name, value) in old.iter().filter(|(name, _)| !new.contains_key(*name)) {
                compare(&format!("{path}.{name}"), value, &Json::Null, differences);
            }
        }
        _ => differences.push(format!("{path}: {} -> {}", word(old), word(new))),
    }
}

/// The names of a table's entries, in order.
fn names(table: Json) -> String {
    let Json::Object(entries) = table else {
        return String::new();
    };
    entries
        .into_iter()
        .map(|(name, _)| name)
        .collect::<Vec<_>>()
        .join(", ")
}

fn word(value: &Json) -> String {
    let text = match value {
        Json::Null => return "none".to_owned(),
        Json::String(text) => text.clone(),
        other => as_table(other).map_or_else(|| other.to_string(), |table| toml_value(&table)),
    };
    if text.chars().count() <= 60 {
        return text;
    }
    text.chars().take(57).chain("...".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn differences(old: Json, new: Json) -> Vec<String> {
        let mut differences = Vec::new();
        compare(
            "split",
            &json!({ "parts": old }),
            &json!({ "parts": new }),
            &mut differences,
        );
        differences
    }

    #[test]
    fn tables_in_the_order_of_the_file_are_compared_entry_by_entry_and_then_by_order() {
        let halves = json!([{ "train": 0.5 }, { "test": 0.5 }]);
        assert_eq!(
            differences(halves.clone(), json!([{ "train": 0.6 }, { "test": 0.4 }])),
            [
                "split.parts.train: 0.5 -> 0.6",
                "split.parts.test: 0.5 -> 0.4"
            ]
        );
        assert_eq!(
            differences(halves.clone(), json!([{ "test": 0.5 }, { "train": 0.5 }])),
            ["split.parts: train, test -> test, train"]
        );
        assert_eq!(
            differences(json!(null), halves),
            ["split.parts: none -> { train = 0.5, test = 0.5 }"]
        );
    }
}
