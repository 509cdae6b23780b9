//! `matrix = { n = [8, 16], seed = [0, 1] }`: one step, an instance for each combination.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::mistake::{Mistake, Mistakes};
use super::value::{Data, Value};

/// The axes of a matrix, in the order of the file, each with its values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Axes(Vec<(String, Vec<Json>)>);

impl Axes {
    /// Reads a `matrix` table whose `${vars...}` are filled in.
    pub fn from_value(value: &Value, mistakes: &mut Mistakes) -> Axes {
        let mut axes = Vec::new();
        for (key, values) in value.entries() {
            let Data::Array(items) = &values.data else {
                let message = format!(
                    "the axis `{}` must be an array of values, not {}",
                    key.name,
                    values.type_name()
                );
                mistakes.push(
                    Mistake::new(values.span.clone(), message).help("write `n = [8, 16, 32]`"),
                );
                continue;
            };
            if items.is_empty() {
                let message = format!(
                    "the axis `{}` has no values, so the step would never run",
                    key.name
                );
                mistakes.push(Mistake::new(values.span.clone(), message));
            }
            let mut seen: Vec<Json> = Vec::with_capacity(items.len());
            for item in items {
                let json = item.to_json();
                if json.is_array() || json.is_object() {
                    let message = format!(
                        "the axis `{}` holds {}; only strings, numbers and booleans can be coordinates",
                        key.name,
                        item.type_name()
                    );
                    mistakes.push(Mistake::new(item.span.clone(), message));
                } else if seen.contains(&json) {
                    let message = format!("the axis `{}` holds {json} twice", key.name);
                    mistakes.push(Mistake::new(item.span.clone(), message));
                } else {
                    seen.push(json);
                }
            }
            axes.push((key.name.clone(), seen));
        }
        Axes(axes)
    }

    /// Every combination; the last axis turns fastest. One empty combination where there are no axes.
    pub fn combinations(&self) -> Vec<Coordinates> {
        let mut combinations = vec![Coordinates::default()];
        for (name, values) in &self.0 {
            combinations = combinations
                .iter()
                .flat_map(|so_far| values.iter().map(|value| so_far.with(name, value.clone())))
                .collect();
        }
        combinations
    }

    /// The names of the axes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Whether there is no matrix.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Where an instance stands in its matrix: a value for each axis.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Coordinates(Vec<(String, Json)>);

impl Coordinates {
    /// These coordinates and one more.
    pub fn with(&self, name: &str, value: Json) -> Coordinates {
        let mut longer = self.clone();
        longer.0.push((name.to_owned(), value));
        longer
    }

    /// The value on an axis.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.0
            .iter()
            .find(|(axis, _)| axis == name)
            .map(|(_, value)| value)
    }

    /// The names of the axes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Axis and value, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the two agree on every axis that both have.
    pub fn agrees_with(&self, other: &Coordinates) -> bool {
        self.iter()
            .all(|(name, value)| other.get(name).is_none_or(|same| same == value))
    }

    /// These coordinates without the axes of `other`.
    pub fn without_axes_of(&self, other: &Coordinates) -> Coordinates {
        let kept = self.0.iter().filter(|(name, _)| other.get(name).is_none());
        Coordinates(kept.cloned().collect())
    }
}

impl fmt::Display for Coordinates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, value)) in self.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            match value {
                Json::String(text) => write!(f, "{comma}{name}={text}")?,
                other => write!(f, "{comma}{name}={other}")?,
            }
        }
        Ok(())
    }
}
