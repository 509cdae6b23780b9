use serde_json::{Value as Json, json};

use super::Compare;
use crate::steps::testing::Trial;

type Place<'a> = (Vec<(&'a str, Json)>, Json);

fn trial(parameters: Json, metrics: &[Place<'_>]) -> Trial {
    let mut trial = Trial::new::<Compare>(parameters);
    for (at, (coordinates, figures)) in metrics.iter().enumerate() {
        let path = trial.root().join(format!("{at}.json"));
        std::fs::write(&path, figures.to_string()).unwrap();
        trial = trial.artifact("metrics", &path, coordinates);
    }
    trial
}

fn figures(micro: f64, macro_: f64, training_rows: u32) -> Json {
    json!({ "micro_f1": micro, "macro_f1": macro_, "training_rows": training_rows, "method": "bayes" })
}

fn at(line: &str, n: Json, seed: u32, figures: Json) -> Place<'_> {
    (
        vec![("input", json!(line)), ("n", n), ("seed", json!(seed))],
        figures,
    )
}

#[test]
fn cells_hold_the_mean_and_the_sample_standard_deviation_over_the_band() {
    let outcome = trial(
        json!({}),
        &[
            at("one", json!("all"), 0, figures(0.8, 0.5, 830)),
            at("one", json!("all"), 1, figures(0.8, 0.5, 826)),
            at("one", json!(8), 0, figures(0.4, 0.25, 8)),
            at("one", json!(8), 1, figures(0.6, 0.25, 8)),
            at("two", json!(8), 0, figures(1.0, 0.125, 8)),
        ],
    )
    .run();
    let table = outcome.table("table");
    assert_eq!(
        table.column_names().collect::<Vec<_>>(),
        ["line", "metric", "8", "all (828)"]
    );
    assert_eq!(outcome.texts("table", "line"), ["one", "one", "two", "two"]);
    assert_eq!(
        outcome.texts("table", "8"),
        [".500±.141", ".250±.000", "1.000", ".125"]
    );
    assert_eq!(
        outcome.texts("table", "all (828)"),
        [".800±.000", ".500±.000", "", ""]
    );
    let scores = outcome.table("scores");
    assert_eq!(scores.num_rows(), 5);
    assert_eq!(scores.float_column("x").unwrap().value(0), 830.0);
    assert_eq!(outcome.texts("scores", "x_name")[0], "all");
    assert_eq!(outcome.texts("scores", "band"), ["0", "1", "0", "1", "0"]);
    assert_eq!(outcome.notes, ["5 evaluations, 2 lines"]);
    assert!(outcome.text("figure").contains("all (828)"));
}

#[test]
fn a_line_is_named_by_its_coordinate_else_its_input_else_its_method() {
    let name = |coordinates: Vec<(&str, Json)>| {
        let mut coordinates = coordinates;
        coordinates.push(("n", json!(8)));
        let outcome = trial(json!({}), &[(coordinates, figures(0.5, 0.5, 8))]).run();
        outcome.texts("scores", "line")[0].clone()
    };
    assert_eq!(
        name(vec![("method", json!("uda")), ("input", json!("x"))]),
        "uda"
    );
    assert_eq!(name(vec![("input", json!("x"))]), "x");
    assert_eq!(name(vec![]), "bayes");
}

#[test]
fn figures_of_labels_are_reached_by_dots() {
    let metrics = json!({ "labels": { "a.b": { "f1": 0.25 } } });
    let outcome = trial(
        json!({ "metrics": ["labels.a.b.f1"] }),
        &[(vec![("n", json!(8))], metrics)],
    )
    .run();
    assert_eq!(outcome.texts("table", "8"), [".250"]);
    assert_eq!(outcome.texts("table", "metric"), ["labels.a.b.f1"]);
}

#[test]
fn what_cannot_be_placed_is_refused_with_advice() {
    let eight = || at("one", json!(8), 0, figures(0.5, 0.5, 8));
    let cases: [(Json, Vec<Place<'_>>, &str); 4] = [
        (
            json!({}),
            vec![eight(), eight()],
            "two metrics stand at the same place: line `one`, n = 8, seed = 0",
        ),
        (
            json!({ "x": "rows" }),
            vec![eight()],
            "no coordinate `rows`",
        ),
        (
            json!({ "metrics": ["macro"] }),
            vec![eight()],
            "have no number `macro`",
        ),
        (
            json!({}),
            vec![(
                vec![("n", json!("all"))],
                json!({ "micro_f1": 1, "macro_f1": 1 }),
            )],
            "no `training_rows`",
        ),
    ];
    for (parameters, metrics, message) in cases {
        let said = trial(parameters, &metrics).fails();
        assert!(said.contains(message), "{said}");
    }
}

#[test]
fn metrics_that_would_share_a_column_are_problems() {
    for metrics in [json!([]), json!(["micro_f1", "micro_f1"]), json!(["x"])] {
        let problems = Trial::new::<Compare>(json!({ "metrics": metrics })).problems();
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].parameter, "metrics");
    }
}

/// The columns of the table after `line` and `metric`, and the last note.
fn places(metrics: &[Place<'_>]) -> (Vec<String>, Vec<String>) {
    let outcome = trial(json!({ "metrics": ["micro_f1"] }), metrics).run();
    let table = outcome.table("table");
    let columns = table.column_names().skip(2).map(str::to_owned).collect();
    (columns, outcome.notes[1..].to_vec())
}

#[test]
fn a_slice_that_could_not_be_filled_repeats_all_and_is_left_out() {
    let of = |seed: u32, rows: u32| {
        vec![
            at("one", json!(64), seed, figures(0.5, 0.5, 64)),
            at("one", json!(128), seed, figures(0.6, 0.5, rows)),
            at("one", json!(256), seed, figures(0.6, 0.5, rows)),
            at("one", json!("all"), seed, figures(0.6, 0.5, rows)),
        ]
    };
    let (columns, notes) = places(&[of(0, 95), of(1, 96)].concat());
    assert_eq!(columns, ["64", "all (96)"]);
    assert_eq!(
        notes,
        [
            "n = 128 asks for more rows than there are and repeats all: left out",
            "n = 256 asks for more rows than there are and repeats all: left out"
        ]
    );
}

#[test]
fn of_slices_that_could_not_be_filled_the_first_stays_where_its_rows_are() {
    let (columns, notes) = places(&[
        at("one", json!(256), 0, figures(0.6, 0.5, 95)),
        at("one", json!(64), 0, figures(0.5, 0.5, 64)),
        at("one", json!(128), 0, figures(0.6, 0.5, 95)),
    ]);
    assert_eq!(columns, ["64", "128 (95)"]);
    assert_eq!(
        notes,
        ["n = 256 asks for more rows than there are and repeats 128: left out"]
    );
}

#[test]
fn a_slice_that_some_seeds_fill_is_kept() {
    let (columns, notes) = places(&[
        at("one", json!(128), 0, figures(0.6, 0.5, 128)),
        at("one", json!("all"), 0, figures(0.7, 0.5, 130)),
        at("one", json!(128), 1, figures(0.6, 0.5, 127)),
        at("one", json!("all"), 1, figures(0.6, 0.5, 127)),
    ]);
    assert_eq!(columns, ["128", "all (129)"]);
    assert!(notes.is_empty());
}

#[test]
fn numbers_that_are_no_rows_stay_what_they_are() {
    let (columns, notes) = places(&[
        at("one", json!(1), 0, figures(0.6, 0.5, 95)),
        at("one", json!(200), 0, figures(0.6, 0.5, 95)),
    ]);
    assert_eq!(columns, ["1", "200"]);
    assert!(notes.is_empty());
}
