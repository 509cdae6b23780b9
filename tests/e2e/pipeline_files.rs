//! What a pipeline file may say: every mistake is found, with its place and advice, and no text makes the engine panic.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use engine::pipeline::{Override, Pipeline};
use proptest::prelude::*;

const GOOD: &str = r#"
[pipeline]
name = "good"
seed = 3
env = ["ENGINE_TEST_LISTED"]

[vars]
word = "hello"
sizes = [1, 2]

[steps.first]
op = "command"
command = "echo ${vars.word}"

[steps.many]
op = "command"
input = "first"
command = "cat $INPUT; echo ${matrix.n} ${matrix.mode}"
outputs = { out = "file" }
matrix = { n = "${vars.sizes}", mode = ["a", "b"] }

[steps.same]
op = "command"
input = "many.out"
command = "cat $INPUT > $OUTPUT_x"
outputs = { x = "file" }
matrix = "many"
resources = { cores = 2, memory = "1 GB" }

[steps.last]
op = "command"
input = { x = "same", first = "first.stdout" }
command = "cat $INPUT_x"
"#;

fn parse(text: &str) -> Result<Pipeline, Vec<(String, String)>> {
    parse_with(text, &[])
}

fn parse_with(text: &str, overrides: &[&str]) -> Result<Pipeline, Vec<(String, String)>> {
    let overrides: Vec<Override> = overrides.iter().map(|text| text.parse().unwrap()).collect();
    Pipeline::parse(
        Path::new("test.toml"),
        Path::new("/"),
        text.to_owned(),
        &overrides,
    )
    .map_err(|invalid| {
        let said = |mistake: &engine::pipeline::mistake::Mistake| {
            (
                mistake.message().to_owned(),
                mistake.advice().unwrap_or_default().to_owned(),
            )
        };
        invalid.mistakes().map(said).collect()
    })
}

fn mistakes(text: &str) -> Vec<(String, String)> {
    parse(text).err().unwrap_or_default()
}

fn assert_mistake(text: &str, message: &str, advice: &str) {
    let found = mistakes(text);
    assert!(
        found
            .iter()
            .any(|(said, help)| said.contains(message) && help.contains(advice)),
        "expected `{message}` with `{advice}` among {found:#?}"
    );
}

#[test]
fn a_matrix_makes_an_instance_for_each_combination_and_links_them_by_shared_axes() {
    let pipeline = parse(GOOD).unwrap();
    let names: Vec<&str> = pipeline
        .instances
        .iter()
        .map(|instance| instance.name.as_str())
        .collect();
    assert_eq!(names.len(), 1 + 4 + 4 + 1);
    assert!(names.contains(&"many[n=2,mode=b]"));
    for instance in pipeline
        .instances
        .iter()
        .filter(|instance| instance.name.starts_with("same["))
    {
        assert_eq!(instance.links.len(), 1);
        let producer = &pipeline.instances[instance.links[0].producer];
        assert_eq!(producer.coordinates, instance.coordinates);
        assert!(instance.links[0].coordinates.is_empty());
    }
    let last = pipeline
        .instances
        .iter()
        .find(|instance| instance.name == "last")
        .unwrap();
    assert_eq!(last.links.len(), 5);
    assert_eq!(last.links[1].coordinates.to_string(), "n=1,mode=b,input=x");
}

#[test]
fn producers_come_before_consumers_whatever_the_order_of_the_file() {
    let pipeline = parse(GOOD).unwrap();
    for (index, instance) in pipeline.instances.iter().enumerate() {
        assert!(instance.links.iter().all(|link| link.producer < index));
    }
}

#[test]
fn variables_keep_their_types_and_overrides_replace_them() {
    let pipeline = parse_with(GOOD, &["vars.sizes=[5]", "vars.word=true"]).unwrap();
    assert_eq!(pipeline.instances.len(), 1 + 2 + 2 + 1);
    assert_eq!(
        pipeline.vars["word"], "true",
        "a variable declared as text stays text"
    );
}

#[test]
fn all_mistakes_of_a_file_are_reported_at_once() {
    let bad = GOOD
        .replace("name = \"good\"", "nam = \"good\"")
        .replace("${vars.word}", "${vars.wrd}")
        .replace("input = \"many.out\"", "input = \"many.ot\"")
        .replace("matrix = \"many\"", "matrix = \"mani\"")
        .replace(
            "op = \"command\"\ninput = { x",
            "op = \"comand\"\ninput = { x",
        )
        .replace("first.stdout", "firs");
    let found = mistakes(&bad);
    for message in [
        "needs a `name`",
        "no key `nam`",
        "unknown variable",
        "no output `ot`",
        "no step `mani`",
        "no op `comand`",
        "no step `firs`",
    ] {
        assert!(
            found.iter().any(|(said, _)| said.contains(message)),
            "`{message}` is not among {found:#?}"
        );
    }
}

#[test]
fn a_near_miss_is_named() {
    assert_mistake(
        &GOOD.replace("[vars]", "[var]"),
        "unknown table `var`",
        "did you mean `vars`?",
    );
    assert_mistake(
        &GOOD.replace("resources = { cores", "resources = { core"),
        "no key `core`",
        "did you mean `cores`?",
    );
    assert_mistake(
        &GOOD.replace("outputs = { x", "output = { x"),
        "no parameter `output`",
        "did you mean `outputs`?",
    );
    assert_mistake(
        &GOOD.replace("x = \"file\"", "x = \"fil\""),
        "cannot be `fil`",
        "did you mean `file`?",
    );
}

#[test]
fn a_ring_of_steps_is_named() {
    let ring = GOOD.replace(
        "command = \"echo ${vars.word}\"",
        "command = \"true\"\ninput = \"last\"",
    );
    assert_mistake(
        &ring,
        "feed each other in a ring",
        "take one of these inputs away",
    );
    let own = GOOD.replace(
        "command = \"echo ${vars.word}\"",
        "command = \"true\"\ninput = \"first\"",
    );
    assert_mistake(&own, "the step `first` feeds itself", "");
}

#[test]
fn an_environment_variable_must_be_listed_and_its_value_stays_out_of_the_parameters() {
    let unlisted = GOOD.replace("${vars.word}", "${env.ENGINE_TEST_UNLISTED}");
    assert_mistake(
        &unlisted,
        "`ENGINE_TEST_UNLISTED` is not listed",
        "env = [\"ENGINE_TEST_UNLISTED\"]",
    );
    let unset = GOOD.replace("${vars.word}", "${env.ENGINE_TEST_LISTED}");
    assert_mistake(
        &unset,
        "`ENGINE_TEST_LISTED` is not set",
        "ENGINE_TEST_LISTED=",
    );
    let path = GOOD
        .replace("ENGINE_TEST_LISTED", "PATH")
        .replace("${vars.word}", "${env.PATH}");
    let pipeline = parse(&path).unwrap();
    let parameters = pipeline.instances[0].parameters.to_json().to_string();
    assert!(parameters.contains("env:PATH:"), "{parameters}");
    assert!(!parameters.contains(&std::env::var("PATH").unwrap()));
}

#[test]
fn axes_hold_distinct_scalars() {
    assert_mistake(&GOOD.replace("[\"a\", \"b\"]", "[]"), "has no values", "");
    assert_mistake(
        &GOOD.replace("[\"a\", \"b\"]", "[\"a\", \"a\"]"),
        "holds \"a\" twice",
        "",
    );
    assert_mistake(
        &GOOD.replace("[\"a\", \"b\"]", "[[1]]"),
        "only strings, numbers and booleans",
        "",
    );
    assert_mistake(
        &GOOD.replace("[\"a\", \"b\"]", "3"),
        "must be an array of values",
        "write `n = [8, 16, 32]`",
    );
}

#[test]
fn a_literal_dollar_brace_is_written_with_two_dollars() {
    let pipeline = parse(&GOOD.replace("echo ${vars.word}", "echo $${HOME} ${vars.word}")).unwrap();
    let first = pipeline
        .instances
        .iter()
        .find(|instance| instance.name == "first")
        .unwrap();
    assert_eq!(first.parameters.to_json()["command"], "echo ${HOME} hello");
}

#[test]
fn broken_toml_is_placed() {
    let found = mistakes(&GOOD.replace("seed = 3", "seed = = 3"));
    assert!(!found.is_empty());
    let twice = GOOD.replace("[steps.last]", "[steps.first]");
    assert!(
        mistakes(&twice)
            .iter()
            .any(|(said, _)| said.contains("duplicate key")),
        "{:?}",
        mistakes(&twice)
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,200}") {
        let _ = parse(&text);
    }

    #[test]
    fn no_mutation_of_a_good_file_makes_it_panic(at in 0..GOOD.len(), length in 0usize..40, put in "[\\[\\]{}=\"$.,\\n a-z0-9]{0,12}") {
        let end = (at + length).min(GOOD.len());
        if GOOD.is_char_boundary(at) && GOOD.is_char_boundary(end) {
            let text = format!("{}{put}{}", &GOOD[..at], &GOOD[end..]);
            if let Err(found) = parse(&text) {
                prop_assert!(!found.is_empty());
                prop_assert!(found.iter().all(|(said, _)| !said.is_empty()));
            }
        }
    }
}
