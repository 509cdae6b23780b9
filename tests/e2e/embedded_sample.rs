//! What the embedded sample, `pipelines/data/issues.jsonl`, must be.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value as Json};

/// Words of a sequence that ought to be one person's own.
const SEQUENCE: usize = 8;

fn issues() -> Vec<Map<String, Json>> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../pipelines/data/issues.jsonl"
    );
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn labels(issue: &Map<String, Json>) -> Vec<&str> {
    let labels = issue["labels"].as_array().unwrap().iter();
    labels
        .map(|label| label["name"].as_str().unwrap())
        .collect()
}

fn words(issue: &Map<String, Json>) -> Vec<String> {
    let parts = ["title", "body"].map(|key| issue[key].as_str().unwrap_or_default().to_lowercase());
    let text = parts.join(" ");
    text.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn it_has_at_least_400_issues_each_in_the_layout_of_github() {
    let issues = issues();
    assert!(issues.len() >= 400, "{}", issues.len());
    let mut numbers = BTreeSet::new();
    for issue in &issues {
        let number = issue["number"].as_u64().unwrap();
        assert!(
            numbers.insert(number),
            "two issues have the number {number}"
        );
        for key in [
            "title",
            "html_url",
            "state",
            "created_at",
            "updated_at",
            "author_association",
        ] {
            assert!(issue[key].is_string(), "{number}: {key}");
        }
        assert!(issue["user"]["login"].is_string(), "{number}");
        assert!(issue["comments"].is_u64(), "{number}");
        assert!(
            issue["body"].is_string() || issue["body"].is_null(),
            "{number}"
        );
        let is_open = issue["state"] == "open";
        assert_eq!(issue["closed_at"].is_null(), is_open, "{number}");
        assert!(is_open || issue["state"] == "closed", "{number}");
        if let Some(request) = issue.get("pull_request") {
            assert!(request.is_object(), "{number}");
        }
    }
    let count = |wanted: fn(&Map<String, Json>) -> bool| {
        issues.iter().filter(|issue| wanted(issue)).count()
    };
    assert!(count(|issue| issue["body"].is_null()) > 0);
    assert!(count(|issue| issue.contains_key("pull_request")) > 0);
}

#[test]
fn about_40_percent_carry_one_to_three_of_nine_unbalanced_labels() {
    let issues = issues();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut labelled = 0;
    for issue in &issues {
        let labels = labels(issue);
        assert!(labels.len() <= 3, "{labels:?}");
        assert_eq!(labels.iter().collect::<BTreeSet<_>>().len(), labels.len());
        labelled += usize::from(!labels.is_empty());
        for label in labels {
            *counts.entry(label).or_default() += 1;
        }
    }
    let share = labelled as f64 / issues.len() as f64;
    assert!((0.35..=0.45).contains(&share), "{share}");
    assert_eq!(counts.len(), 9, "{counts:?}");
    let most = counts.values().max().unwrap();
    let fewest = counts.values().min().unwrap();
    assert!(*most >= 3 * fewest && *fewest >= 10, "{counts:?}");
}

#[test]
fn fewer_than_2_percent_of_8_word_sequences_recur_across_issues() {
    let texts: Vec<Vec<String>> = issues().iter().map(words).collect();
    let mut issues_of: HashMap<&[String], BTreeSet<usize>> = HashMap::new();
    for (issue, words) in texts.iter().enumerate() {
        for sequence in words.windows(SEQUENCE) {
            issues_of.entry(sequence).or_default().insert(issue);
        }
    }
    let sequences = || texts.iter().flat_map(|words| words.windows(SEQUENCE));
    let recurring = sequences()
        .filter(|sequence| issues_of[sequence].len() > 1)
        .count();
    let share = recurring as f64 / sequences().count() as f64;
    assert!(share < 0.02, "{share}");
}

#[test]
fn short_and_long_texts_with_code_and_tracebacks_are_among_them() {
    let issues = issues();
    let lengths: Vec<usize> = issues.iter().map(|issue| words(issue).len()).collect();
    assert!(lengths.iter().any(|&words| words < 10));
    assert!(lengths.iter().any(|&words| words > 300));
    let with = |part: &str| {
        let bodies = issues.iter().filter_map(|issue| issue["body"].as_str());
        bodies.filter(|body| body.contains(part)).count()
    };
    assert!(with("```") >= 20);
    assert!(with("Traceback (most recent call last)") >= 5);
}
