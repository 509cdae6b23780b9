//! The names of labels, and the phrases that stand for them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::Check;

/// Labels.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Labels {
    /// Names that stand for themselves.
    Names(Vec<String>),
    /// Names and what stands for each.
    Phrases(BTreeMap<String, Phrases>),
}

/// What stands for a label.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Phrases {
    /// One phrase.
    One(String),
    /// Several, of which the best one counts.
    Several(Vec<String>),
}

impl Labels {
    /// The phrases of each label, by its name.
    pub fn phrases(&self) -> BTreeMap<&str, Vec<&str>> {
        match self {
            Labels::Names(names) => (names.iter())
                .map(|name| (name.as_str(), vec![name.as_str()]))
                .collect(),
            Labels::Phrases(phrases) => (phrases.iter())
                .map(|(name, phrases)| {
                    let phrases = match phrases {
                        Phrases::One(phrase) => std::slice::from_ref(phrase),
                        Phrases::Several(phrases) => phrases,
                    };
                    (name.as_str(), phrases.iter().map(String::as_str).collect())
                })
                .collect(),
        }
    }

    /// Notes what makes no labels.
    pub fn check(&self, check: &mut Check) {
        let mut problem = |message: String, help: &str| {
            check.problem("labels", message, Some(help.to_owned()));
        };
        let phrases = self.phrases();
        if phrases.is_empty() {
            problem(
                "no label is named".to_owned(),
                "name those that texts may get, such as [\"bug\", \"question\"]",
            );
        }
        if let Labels::Names(names) = self {
            let repeated = (1..names.len()).find(|&at| names[..at].contains(&names[at]));
            if let Some(at) = repeated {
                problem(
                    format!("the label `{}` is named twice", names[at]),
                    "leave one of them out",
                );
            }
        }
        for (name, phrases) in &phrases {
            if name.trim().is_empty() {
                problem("a label has no name".to_owned(), "give it one");
            } else if phrases.is_empty() || phrases.iter().any(|phrase| phrase.trim().is_empty()) {
                problem(
                    format!("nothing stands for the label `{name}`"),
                    "give it one or more phrases that fit into `hypothesis`",
                );
            }
        }
    }
}
