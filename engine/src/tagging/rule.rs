//! Which labels are predicted: what `evaluate` chose on validation rows, or thresholds by label.

use std::path::Path;

use serde_json::Value as Json;

use crate::steps::StepError;
use crate::steps::predict::Rule;

/// Reads a file of JSON: the metrics of `evaluate`, whose choice is taken, or a threshold for each label, `{"bug": 0.4, "docs": 0.25}`.
///
/// # Errors
/// Where the file cannot be read or is neither.
pub fn read_rule(path: &Path) -> Result<Rule, StepError> {
    let bytes = std::fs::read(path).map_err(|error| StepError::io("reading", path, &error))?;
    let json: Json = serde_json::from_slice(&bytes).map_err(|error| {
        StepError::new(format!("reading {}: {error}", path.display())).help(ADVICE)
    })?;
    rule(&json)
        .map_err(|reason| StepError::new(format!("{} {reason}", path.display())).help(ADVICE))
}

const ADVICE: &str = "name the metrics that `evaluate` writes (PIPELINE.toml:STEP.metrics, or a file), a file such as {\"bug\": 0.4, \"docs\": 0.25}, or a number";

fn rule(json: &Json) -> Result<Rule, String> {
    let Some(decision) = json.get("decision").filter(|found| found.is_object()) else {
        let entries = json.as_object().filter(|entries| !entries.is_empty());
        let entries = entries.ok_or("holds no thresholds")?;
        let pairs = entries.iter().map(|(label, value)| {
            let number = value.as_f64().filter(|number| (0.0..=1.0).contains(number));
            let number = number.ok_or_else(|| {
                format!("gives `{label}` the threshold {value}, which is no number from 0 to 1")
            })?;
            Ok((label.clone(), number))
        });
        return Ok(Rule::PerLabel(pairs.collect::<Result<_, String>>()?));
    };
    match decision.get("by").and_then(Json::as_str) {
        Some("as_predicted") => Ok(Rule::OfModel),
        Some("threshold") => {
            let threshold = decision.get("threshold").and_then(Json::as_f64);
            Ok(Rule::Threshold(threshold.ok_or("says no threshold")?))
        }
        Some("top_k") => {
            let k = decision.get("top_k").and_then(Json::as_u64);
            Ok(Rule::TopK(k.ok_or("says no number of labels")? as usize))
        }
        Some("threshold_per_label") => {
            let labels = json.get("labels").and_then(Json::as_object);
            let labels = labels.into_iter().flatten();
            let own = labels.filter_map(|(label, figures)| {
                Some((label.clone(), figures.get("threshold")?.as_f64()?))
            });
            let own: Vec<(String, f64)> = own.collect();
            match own.is_empty() {
                true => Err("says no threshold of any label".to_owned()),
                false => Ok(Rule::PerLabel(own)),
            }
        }
        _ => Err("does not say what decides".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_choice_of_an_evaluation_is_taken() {
        let evaluated = |decision: Json| {
            rule(&json!({
                "micro_f1": 0.5,
                "decision": decision,
                "labels": { "bug": { "f1": 0.5, "threshold": 0.31 }, "docs": { "f1": 0.2 } },
            }))
        };
        let threshold = evaluated(json!({ "by": "threshold", "threshold": 0.4 }));
        assert_eq!(threshold, Ok(Rule::Threshold(0.4)));
        let top_k = evaluated(json!({ "by": "top_k", "top_k": 2 }));
        assert_eq!(top_k, Ok(Rule::TopK(2)));
        let own = evaluated(json!({ "by": "threshold_per_label" }));
        assert_eq!(own, Ok(Rule::PerLabel(vec![("bug".to_owned(), 0.31)])));
        let none = evaluated(json!({ "by": "as_predicted" }));
        assert_eq!(none, Ok(Rule::OfModel));
    }

    #[test]
    fn thresholds_by_label_are_numbers_from_0_to_1() {
        let found = rule(&json!({ "bug": 0.25, "docs": 1 }));
        let expected = vec![("bug".to_owned(), 0.25), ("docs".to_owned(), 1.0)];
        assert_eq!(found, Ok(Rule::PerLabel(expected)));
        for wrong in [
            json!({ "bug": 2 }),
            json!({}),
            json!([0.5]),
            json!({ "bug": "x" }),
        ] {
            assert!(rule(&wrong).is_err(), "{wrong}");
        }
    }
}
