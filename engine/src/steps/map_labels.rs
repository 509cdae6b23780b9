//! `op = "map_labels"`: the names in the data become the labels to learn.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use arrow_array::BooleanArray;
use arrow_schema::Field;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use table::columns;

use super::check::Problem;
use super::words::{first, number, rows};
use super::{
    Check, ColumnType, Context, InputPort, OutputPort, PortType, Step, StepError, StepKind,
};
use table::near_miss;

/// How many names a note lists.
const NAMES_LISTED: usize = 8;

/// Renames labels, merges those that are given one name, and leaves out the others.
///
/// The labels of each row come out sorted, each once. Names in the data that the map does not have are counted in a
/// note, and so are names in the map that the data does not have.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MapLabels {
    /// The column with the labels: a list of texts a row, or one text a row. It is replaced by a list of texts.
    #[serde(default = "labels")]
    column: String,
    /// The name in the data and the label that it becomes: `{ "Dataset discussion" = "generic discussion" }`. Several
    /// names may become one label. Or the path of a TOML or JSON file with such a table, relative to the project's root.
    /// Default: empty, every name stays.
    #[serde(default)]
    map: LabelMap,
    /// Whether names that the map does not have stay as they are; else they are left out. Default: false, but true where
    /// the map is empty.
    #[serde(default)]
    keep_unmapped: Option<bool>,
    /// Whether rows that have no label in the end stay in the table. Default: true.
    #[serde(default = "yes")]
    keep_unlabeled: bool,
}

/// Names in the data and the labels that they become.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum LabelMap {
    /// As they are.
    Here(BTreeMap<String, String>),
    /// In a file.
    File(String),
}

impl Default for LabelMap {
    fn default() -> LabelMap {
        LabelMap::Here(BTreeMap::new())
    }
}

impl LabelMap {
    fn read(&self, root: &Path) -> Result<BTreeMap<String, String>, StepError> {
        let path = match self {
            LabelMap::Here(map) => return Ok(map.clone()),
            LabelMap::File(path) => root.join(path),
        };
        let text = std::fs::read_to_string(&path)
            .map_err(|error| StepError::io("reading", &path, &error))?;
        let map = if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            serde_json::from_str(&text).map_err(|error| error.to_string())
        } else {
            toml::from_str(&text).map_err(|error| error.to_string())
        };
        map.map_err(|error| {
            StepError::new(format!("reading {}: {}", path.display(), error.trim_end()))
        })
    }
}

fn labels() -> String {
    "labels".to_owned()
}

fn yes() -> bool {
    true
}

impl StepKind for MapLabels {
    const OP: &'static str = "map_labels";
    const VERSION: u32 = 1;
}

impl Step for MapLabels {
    fn inputs(&self) -> Vec<InputPort> {
        vec![InputPort::one("table", PortType::Table)]
    }

    fn outputs(&self) -> Vec<OutputPort> {
        vec![OutputPort::new("table", PortType::Table)]
    }

    fn check(&self, check: &mut Check) {
        check.require("column", "table", &self.column, ColumnType::Labels);
        if let LabelMap::Here(map) = &self.map {
            for name in mapped_to_nothing(map) {
                let message = format!("`{name}` is mapped to an empty label");
                check.problem(&format!("map.{name}"), message, Some(LEAVE_OUT.to_owned()));
            }
        }
        let field = Field::new(&self.column, columns::string_list_type(), true);
        check.output_like("table", "table", &[field]);
    }

    fn files(&self, root: &Path) -> Result<Vec<PathBuf>, Problem> {
        let LabelMap::File(path) = &self.map else {
            return Ok(Vec::new());
        };
        let problem = |message: String, help: &str| Problem {
            parameter: "map".to_owned(),
            message,
            help: Some(help.to_owned()),
        };
        let map = self.map.read(root).map_err(|error| {
            problem(
                error.to_string(),
                "each line of the file is a name in the data and its label: \"Dataset discussion\" = \"generic discussion\"",
            )
        })?;
        match mapped_to_nothing(&map).next() {
            Some(name) => {
                let message = format!("{path}: `{name}` is mapped to an empty label");
                Err(problem(message, LEAVE_OUT))
            }
            None => Ok(vec![root.join(path)]),
        }
    }

    fn run(&self, context: &Context<'_>) -> Result<(), StepError> {
        let table = context.table("table")?;
        let names = table.string_lists(&self.column)?;
        let map = self.map.read(context.root)?;
        let keep_unmapped = self.keep_unmapped.unwrap_or(map.is_empty());
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        let mut mapped: Vec<BTreeSet<&str>> = Vec::with_capacity(names.len());
        for row in names.rows() {
            let mut labels = BTreeSet::new();
            for name in row {
                *seen.entry(name).or_default() += 1;
                match map.get(name) {
                    Some(label) => labels.insert(label.as_str()),
                    None => keep_unmapped && labels.insert(name),
                };
            }
            mapped.push(labels);
        }
        context.check()?;
        let labelled = mapped.iter().filter(|labels| !labels.is_empty()).count();
        let column = columns::string_lists(mapped.iter().map(|labels| labels.iter()));
        let mut result = table.with_column(&self.column, column)?;
        if !self.keep_unlabeled {
            let mask = mapped.iter().map(|labels| Some(!labels.is_empty()));
            result = result.filter(&mask.collect::<BooleanArray>())?;
        }
        context.write_table("table", &result)?;
        context.note(format!(
            "{} of {} labelled",
            number(labelled),
            rows(table.num_rows())
        ));
        note_unmapped(&map, &seen, keep_unmapped, context);
        note_unused(&map, &seen, context);
        Ok(())
    }
}

/// What to do about a name that becomes an empty label.
const LEAVE_OUT: &str = "leave the name out of the map, and rows lose it";

fn mapped_to_nothing(map: &BTreeMap<String, String>) -> impl Iterator<Item = &str> {
    map.iter()
        .filter(|(_, label)| label.trim().is_empty())
        .map(|(name, _)| name.as_str())
}

fn note_unmapped(
    map: &BTreeMap<String, String>,
    seen: &BTreeMap<&str, usize>,
    kept: bool,
    context: &Context<'_>,
) {
    let mut unmapped: Vec<(&str, usize)> = seen
        .iter()
        .map(|(name, rows)| (*name, *rows))
        .filter(|(name, _)| !map.contains_key(*name))
        .collect();
    if map.is_empty() || unmapped.is_empty() {
        return;
    }
    unmapped.sort_by_key(|(name, rows)| (std::cmp::Reverse(*rows), *name));
    let words = unmapped
        .iter()
        .map(|(name, rows)| format!("{name} ({})", number(*rows)));
    let fate = if kept { "kept" } else { "left out" };
    context.note(format!(
        "not in the map and {fate}: {}",
        first(words, NAMES_LISTED)
    ));
}

/// A name that never occurs is probably misspelt.
fn note_unused(
    map: &BTreeMap<String, String>,
    seen: &BTreeMap<&str, usize>,
    context: &Context<'_>,
) {
    let unused = map.keys().filter(|name| !seen.contains_key(name.as_str()));
    let words: Vec<String> = unused
        .map(|name| {
            let unmapped = seen.keys().copied();
            let candidates = unmapped.filter(|name| !map.contains_key(*name));
            match near_miss(name, candidates) {
                Some(near) => format!("{name} (did you mean {near}?)"),
                None => name.clone(),
            }
        })
        .collect();
    if !words.is_empty() {
        context.note(format!(
            "in the map but not in the data: {}",
            first(words, NAMES_LISTED)
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::testing::{Trial, labelled};
    use serde_json::json;

    fn issues() -> table::Table {
        labelled(&[
            ("one", "bug wontfix"),
            ("two", "speech bug talk"),
            ("three", ""),
            ("four", "wontfix"),
        ])
    }

    #[test]
    fn names_become_sorted_labels_and_the_others_are_left_out_and_counted() {
        let map = json!({ "map": { "bug": "defect", "talk": "audio", "speech": "audio" } });
        let outcome = Trial::new::<MapLabels>(map).input("table", &issues()).run();
        let labels = outcome.labels("table", "labels");
        assert_eq!(labels[0], ["defect"]);
        assert_eq!(labels[1], ["audio", "defect"]);
        assert!(labels[2].is_empty() && labels[3].is_empty());
        assert_eq!(
            outcome.notes,
            [
                "2 of 4 rows labelled",
                "not in the map and left out: wontfix (2)"
            ]
        );
    }

    #[test]
    fn a_name_in_the_map_that_never_occurs_is_noted_with_the_near_miss() {
        let map = json!({ "map": { "bug": "bug", "wonfix": "none" }, "keep_unmapped": true });
        let outcome = Trial::new::<MapLabels>(map).input("table", &issues()).run();
        assert_eq!(outcome.labels("table", "labels")[0], ["bug", "wontfix"]);
        assert_eq!(
            outcome.notes[2],
            "in the map but not in the data: wonfix (did you mean wontfix?)"
        );
    }

    #[test]
    fn without_a_map_every_name_stays() {
        let outcome = Trial::new::<MapLabels>(json!({}))
            .input("table", &issues())
            .run();
        assert_eq!(
            outcome.labels("table", "labels")[1],
            ["bug", "speech", "talk"]
        );
        assert_eq!(outcome.notes, ["3 of 4 rows labelled"]);
    }

    #[test]
    fn unlabelled_rows_may_be_left_out() {
        let parameters = json!({ "map": { "bug": "bug" }, "keep_unlabeled": false });
        let outcome = Trial::new::<MapLabels>(parameters)
            .input("table", &issues())
            .run();
        assert_eq!(outcome.texts("table", "text"), ["one", "two"]);
    }

    #[test]
    fn a_text_column_holds_one_label_a_row() {
        let parameters = json!({ "column": "text", "map": { "one": "1", "two": "2" } });
        let outcome = Trial::new::<MapLabels>(parameters)
            .input("table", &issues())
            .run();
        assert_eq!(outcome.labels("table", "text")[1], ["2"]);
        assert!(outcome.labels("table", "text")[3].is_empty());
    }

    #[test]
    fn a_file_holds_the_map_as_toml_or_json() {
        let files = [
            ("map.toml", "bug = \"defect\"\n"),
            ("map.json", "{ \"bug\": \"defect\" }"),
        ];
        for (name, text) in files {
            let trial = Trial::new::<MapLabels>(json!({ "map": name })).input("table", &issues());
            std::fs::write(trial.root().join(name), text).unwrap();
            let files = trial.step().files(trial.root()).unwrap();
            assert_eq!(files, [trial.root().join(name)]);
            assert_eq!(trial.run().labels("table", "labels")[0], ["defect"]);
        }
    }

    #[test]
    fn a_missing_or_mistaken_file_is_found_before_anything_runs() {
        for (text, said) in [
            (None, "reading"),
            (Some("bug = 1"), "invalid type"),
            (Some("bug = ''"), "empty label"),
        ] {
            let trial = Trial::new::<MapLabels>(json!({ "map": "map.toml" }));
            if let Some(text) = text {
                std::fs::write(trial.root().join("map.toml"), text).unwrap();
            }
            let problem = trial.step().files(trial.root()).unwrap_err();
            assert!(problem.message.contains(said), "{}", problem.message);
            assert_eq!(problem.parameter, "map");
        }
    }

    #[test]
    fn a_missing_column_and_an_empty_label_are_found_before_anything_runs() {
        let parameters = json!({ "column": "label", "map": { "bug": " " } });
        let problems = Trial::new::<MapLabels>(parameters)
            .input("table", &issues())
            .problems();
        assert_eq!(problems.len(), 2);
        assert_eq!(problems[0].help.as_deref(), Some("did you mean `labels`?"));
        assert_eq!(problems[1].parameter, "map.bug");
    }
}
