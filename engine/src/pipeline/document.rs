//! The file's tables: `[pipeline]`, `[vars]` with their overrides, and one raw table a step.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::mistake::{Mistake, Mistakes};
use super::value::{Data, Key, Span, Value, parse_document, parse_value};

/// A pipeline file, read but not yet understood.
#[derive(Debug, Default)]
pub struct Document {
    /// `pipeline.name`.
    pub name: String,
    /// `pipeline.description`.
    pub description: String,
    /// `pipeline.seed`.
    pub seed: u64,
    /// `pipeline.env`: environment variables that every step may name.
    pub env: Vec<String>,
    /// `[vars]`, overrides applied.
    pub vars: BTreeMap<String, Json>,
    /// `[steps.NAME]`, in the order of the file.
    pub steps: Vec<(Key, Value)>,
}

/// `vars.NAME=VALUE` or `pipeline.seed=N` from the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// What is set.
    pub name: String,
    /// What it is set to, as typed.
    pub value: String,
}

impl std::str::FromStr for Override {
    type Err = String;

    fn from_str(text: &str) -> Result<Override, String> {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| format!("`{text}` has no `=`; write vars.NAME=VALUE"))?;
        Ok(Override {
            name: name.trim().to_owned(),
            value: value.to_owned(),
        })
    }
}

impl Document {
    /// Reads a file's text. What is wrong is noted, and the rest is read all the same; but of a text that is no TOML, nothing:
    /// what stands behind a broken line may be lost, and would be missed.
    pub fn read(text: &str, overrides: &[Override], mistakes: &mut Mistakes) -> Document {
        let mut root = parse_document(text, mistakes);
        if !mistakes.is_empty() {
            return Document::default();
        }
        const TABLES: [&str; 3] = ["pipeline", "vars", "steps"];
        for (key, _) in root.entries() {
            if !TABLES.contains(&key.name.as_str()) {
                let message = format!("unknown table `{}`", key.name);
                mistakes.push(
                    Mistake::new(key.span.clone(), message).near_miss(&key.name, TABLES, "tables"),
                );
            }
        }
        let mut document = Document::default();
        match root.get("pipeline") {
            Some(header) => document.read_header(header, mistakes),
            None => mistakes.push(
                Mistake::new(0..0, "the file has no [pipeline] table")
                    .help("begin with:\n[pipeline]\nname = \"my_pipeline\"\nseed = 42"),
            ),
        }
        document.read_vars(root.get("vars"), mistakes);
        let vars_span = root.entry("vars").map_or(0..0, |(key, _)| key.span.clone());
        document.read_steps(root.take("steps"), mistakes);
        for set in overrides {
            document.apply(set, &vars_span, mistakes);
        }
        document
    }

    fn read_header(&mut self, header: &Value, mistakes: &mut Mistakes) {
        const KEYS: [&str; 4] = ["name", "description", "seed", "env"];
        for (key, value) in header.entries() {
            let mut wrong = |expected: &str| {
                let message = format!(
                    "`{}` must be {expected}, not {}",
                    key.name,
                    value.type_name()
                );
                mistakes.push(Mistake::new(value.span.clone(), message));
            };
            match (key.name.as_str(), &value.data) {
                ("name", Data::String(name)) => {
                    self.name.clone_from(name);
                    check_name("pipeline", name, &value.span, mistakes);
                }
                ("name", _) => wrong("a string"),
                ("description", Data::String(text)) => self.description.clone_from(text),
                ("description", _) => wrong("a string"),
                ("seed", Data::Integer(seed)) if *seed >= 0 => self.seed = seed.unsigned_abs(),
                ("seed", _) => wrong("a whole number from 0"),
                ("env", _) => self.env = read_env(value, mistakes),
                _ => {
                    let message = format!("[pipeline] has no key `{}`", key.name);
                    let mistake = Mistake::new(key.span.clone(), message).label("unknown");
                    mistakes.push(mistake.near_miss(&key.name, KEYS, "keys"));
                }
            }
        }
        if header.get("name").is_none() {
            let mistake = Mistake::new(header.span.clone(), "[pipeline] needs a `name`")
                .label("missing here");
            mistakes.push(mistake.help("runs and reports are filed under it: name = \"issues\""));
        }
    }

    fn read_vars(&mut self, vars: Option<&Value>, mistakes: &mut Mistakes) {
        for (key, value) in vars.into_iter().flat_map(Value::entries) {
            if value.as_str().is_some_and(|text| text.contains("${")) {
                let message = format!("the variable `{}` refers to another", key.name);
                mistakes.push(
                    Mistake::new(value.span.clone(), message)
                        .help("put `${...}` where the variable is used"),
                );
            }
            self.vars.insert(key.name.clone(), value.to_json());
        }
    }

    fn read_steps(&mut self, steps: Option<Value>, mistakes: &mut Mistakes) {
        let steps = match steps.map(|steps| steps.data) {
            Some(Data::Table(entries)) => entries,
            _ => Vec::new(),
        };
        if steps.is_empty() {
            let mistake = Mistake::new(0..0, "the file has no steps");
            mistakes.push(
                mistake.help("add one:\n[steps.issues]\nop = \"load\"\nsource = \"issues.jsonl\""),
            );
        }
        for (key, value) in steps {
            check_name("step", &key.name, &key.span, mistakes);
            if matches!(value.data, Data::Table(_)) {
                self.steps.push((key, value));
            } else {
                let message = format!(
                    "the step `{}` must be a table, not {}",
                    key.name,
                    value.type_name()
                );
                mistakes.push(
                    Mistake::new(value.span.clone(), message)
                        .help(format!("write [steps.{}]", key.name)),
                );
            }
        }
    }

    fn apply(&mut self, set: &Override, vars_span: &Span, mistakes: &mut Mistakes) {
        let wrong = |message: String| {
            Mistake::new(vars_span.clone(), message).label("set on the command line")
        };
        if set.name == "pipeline.seed" {
            match set.value.trim().parse() {
                Ok(seed) => self.seed = seed,
                Err(_) => mistakes.push(wrong(format!(
                    "--set pipeline.seed={}: not a whole number from 0",
                    set.value
                ))),
            }
            return;
        }
        let Some(name) = set.name.strip_prefix("vars.") else {
            let message = format!(
                "--set {}: only vars.NAME and pipeline.seed can be set",
                set.name
            );
            mistakes.push(wrong(message).help(format!(
                "did you mean --set vars.{}={}?",
                set.name, set.value
            )));
            return;
        };
        match self.vars.get(name) {
            None => {
                let message = format!("--set vars.{name}: there is no variable `{name}`");
                mistakes.push(wrong(message).near_miss(
                    name,
                    self.vars.keys().map(String::as_str),
                    "[vars]",
                ));
            }
            // In place of text stands text, even where it reads like a number. A table or list is meant as one, as a model's shape
            // in place of its name; `{}` may be a template.
            Some(Json::String(_)) => {
                let structure = parse_value(&set.value).map(|value| value.to_json()).filter(
                    |json| match json {
                        Json::Object(entries) => !entries.is_empty(),
                        other => other.is_array(),
                    },
                );
                let value = structure.unwrap_or_else(|| Json::String(set.value.clone()));
                self.vars.insert(name.to_owned(), value);
            }
            Some(_) => {
                let value = parse_value(&set.value)
                    .map_or_else(|| Json::String(set.value.clone()), |value| value.to_json());
                self.vars.insert(name.to_owned(), value);
            }
        }
    }
}

/// Reads `env = ["NAME", ...]`.
pub fn read_env(value: &Value, mistakes: &mut Mistakes) -> Vec<String> {
    let names: Option<Vec<String>> = match &value.data {
        Data::Array(items) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect(),
        _ => None,
    };
    names.unwrap_or_else(|| {
        let mistake = Mistake::new(
            value.span.clone(),
            "`env` must be an array of names of environment variables",
        );
        mistakes.push(mistake.help("write env = [\"GITHUB_TOKEN\"]"));
        Vec::new()
    })
}

fn check_name(what: &str, name: &str, span: &Span, mistakes: &mut Mistakes) {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || name.len() > 100 || !name.chars().all(fits) {
        let message = format!("`{name}` cannot name a {what}");
        mistakes.push(
            Mistake::new(span.clone(), message).help("use up to 100 letters, digits, `_` and `-`"),
        );
    }
}
