//! From texts to a table of scores with the real binary: vectorize, train, predict, evaluate and compare on the sample's
//! labelled issues, held against scikit-learn (tests/peers/steps_methods.py).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use table::{Table, parquet_file};
use tempfile::TempDir;

/// A project of its own, with the sample's labelled issues in three files.
struct Project {
    folder: TempDir,
}

impl Project {
    fn new() -> Project {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir(root.join(".git")).unwrap();
        type Belongs = fn(i64) -> bool;
        let parts: [(&str, Belongs); 3] = [
            ("train", |rest| rest < 2),
            ("valid", |rest| rest == 2),
            ("test", |rest| rest == 3),
        ];
        let issues = issues();
        for (part, belongs) in parts {
            let lines = issues
                .iter()
                .filter(|issue| belongs(issue["number"].as_i64().unwrap() % 4))
                .map(|issue| format!("{issue}\n"));
            fs::write(
                root.join(format!("{part}.jsonl")),
                lines.collect::<String>(),
            )
            .unwrap();
        }
        Project { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, steps: &str, arguments: &[&str]) -> Output {
        let file = self.path("pipeline.toml");
        let head = "[pipeline]\nname = \"test\"\nseed = 1\n";
        let loads = ["train", "valid", "test"]
            .map(|part| format!("[steps.{part}]\nop = \"load\"\nsource = \"{part}.jsonl\"\n"));
        fs::write(&file, format!("{head}{}{steps}", loads.concat())).unwrap();
        Command::new(env!("CARGO_BIN_EXE_engine"))
            .arg("run")
            .arg(&file)
            .args(arguments)
            .env_remove("ENGINE_CACHE")
            .output()
            .unwrap()
    }

    fn run_well(&self, steps: &str, arguments: &[&str]) -> String {
        let output = self.run(steps, arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        said
    }

    fn fail(&self, steps: &str) -> String {
        let output = self.run(steps, &[]);
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(name)).unwrap()).unwrap()
    }

    fn table(&self, name: &str) -> Table {
        parquet_file::read_parquet(&self.path(name), None).unwrap()
    }
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The sample's issues that have a label and a body: number, text, labels, and the first label.
fn issues() -> Vec<Value> {
    let sample = fs::read_to_string(repository().join("pipelines/data/issues.jsonl")).unwrap();
    let rows = sample
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.filter_map(|row| {
        let mut labels: Vec<&str> = row["labels"]
            .as_array()?
            .iter()
            .filter_map(|label| label["name"].as_str())
            .collect();
        labels.sort_unstable();
        let text = format!("{}\n\n{}", row["title"].as_str()?, row["body"].as_str()?);
        let label = *labels.first()?;
        Some(json!({ "number": row["number"], "text": text, "labels": labels, "label": label }))
    })
    .collect()
}

fn expected() -> Value {
    let path = repository().join("tests/fixtures/steps_methods.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The steps from a vectorizer to metrics, and a copy of what is asked for in the project's folder.
fn steps(method: &str, labels: &str) -> String {
    let (vectorize, train) = match method {
        "naive_bayes" => ("weighting = \"counts\"", ""),
        _ => (
            "weighting = \"tfidf\"\nsublinear_tf = true\nngrams = [1, 2]",
            "C = 10\nclass_weight = \"balanced\"",
        ),
    };
    format!(
        r#"
        [steps.features]
        op = "vectorize"
        input = "train"
        {vectorize}
        [steps.model]
        op = "train"
        method = "{method}"
        labels = "{labels}"
        input = {{ train = "train.table", vectorizer = "features" }}
        {train}
        [steps.predicted_valid]
        op = "predict"
        input = {{ model = "model", table = "valid.table" }}
        [steps.predicted_test]
        op = "predict"
        input = {{ model = "model", table = "test.table" }}
        [steps.as_predicted]
        op = "evaluate"
        labels = "{labels}"
        input = {{ test = "predicted_test", model = "model" }}
        [steps.chosen]
        op = "evaluate"
        labels = "{labels}"
        input = {{ test = "predicted_test", valid = "predicted_valid", model = "model" }}
        [steps.keep]
        op = "command"
        command = """
        cp "$INPUT_predicted" predicted; cp "$INPUT_as_predicted" as_predicted.json; cp "$INPUT_chosen" chosen.json
        cp "$INPUT_report" report; cp "$INPUT_vocabulary" vocabulary; rm -rf model; cp -r "$INPUT_model" model
        """
        [steps.keep.input]
        predicted = "predicted_test"
        as_predicted = "as_predicted"
        chosen = "chosen"
        report = "chosen.report"
        vocabulary = "features.vocabulary"
        model = "model"
        "#
    )
}

/// Every number of `expected` stands at the same place in `found`.
fn assert_numbers(found: &Value, expected: &Value, place: &str) {
    match expected {
        Value::Object(entries) => {
            for (name, value) in entries {
                assert_numbers(&found[name], value, &format!("{place}.{name}"));
            }
        }
        Value::Number(number) => {
            let (found, wanted) = (found.as_f64(), number.as_f64().unwrap());
            let difference = (found.unwrap_or(f64::NAN) - wanted).abs();
            assert!(
                difference < 1e-9,
                "{place}: {found:?}, scikit-learn has {wanted}"
            );
        }
        other => assert_eq!(found, other, "{place}"),
    }
}

/// `{ "number": labels }` of the predictions.
fn predictions(project: &Project) -> Value {
    let table = project.table("predicted");
    let numbers = table.int_column("number").unwrap();
    let lists = table.string_lists("predicted").unwrap().to_vecs();
    let rows = numbers
        .values()
        .iter()
        .zip(lists)
        .map(|(number, labels)| (number.to_string(), json!(labels)));
    Value::Object(rows.collect())
}

#[test]
fn several_labels_a_row_are_predicted_and_judged_as_by_scikit_learn() {
    let expected = expected();
    for method in ["naive_bayes", "logistic_regression"] {
        let expected = &expected[method]["multi_label"];
        let project = Project::new();
        project.run_well(&steps(method, "labels"), &[]);

        let vocabulary = project.table("vocabulary");
        assert_eq!(vocabulary.num_rows(), expected["terms"]);
        assert_eq!(predictions(&project), expected["predicted"], "{method}");
        let [as_predicted, chosen] = ["as_predicted", "chosen"].map(|name| {
            let metrics = project.json(&format!("{name}.json"));
            assert_numbers(&metrics, &expected[name], name);
            metrics
        });
        assert_eq!(as_predicted["decision"], json!({ "by": "as_predicted" }));
        assert_eq!(chosen["decision"]["threshold"], expected["threshold"]);
        assert_eq!(chosen["decision"]["chosen_on"], "valid");
        assert_eq!(chosen["method"], method);
        assert_eq!(chosen["task"], "multi_label");
        for figure in ["average_precision", "roc_auc"] {
            for (label, value) in expected[figure].as_object().unwrap() {
                assert_numbers(&chosen["labels"][label][figure], value, label);
            }
        }
        let [low, high] = [0, 1].map(|end| chosen["intervals"]["micro_f1"][end].as_f64().unwrap());
        let micro = chosen["micro_f1"].as_f64().unwrap();
        assert!(low < micro && micro < high, "{low} {micro} {high}");

        let config = project.json("model/config.json");
        assert_eq!(config["training_rows"], chosen["training_rows"]);
        assert_eq!(config["labels"], expected["labels"]);
        let report = project.table("report");
        let labels = expected["labels"].as_array().unwrap().len();
        assert_eq!(report.num_rows(), labels + 4);
        let micro_f1 = report.float_column("f1").unwrap().value(labels);
        assert_eq!(micro_f1, micro);
    }
}

#[test]
fn one_label_a_row_is_predicted_and_judged_as_by_scikit_learn() {
    let expected = expected();
    for method in ["naive_bayes", "logistic_regression"] {
        let expected = &expected[method]["multi_class"];
        let project = Project::new();
        project.run_well(&steps(method, "label"), &[]);
        let metrics = project.json("chosen.json");
        assert_eq!(metrics["task"], "multi_class");
        assert_eq!(metrics["decision"], json!({ "by": "as_predicted" }));
        let predicted = expected["predicted"].as_object().unwrap();
        let predicted = predicted
            .iter()
            .map(|(number, label)| (number.clone(), json!([label])));
        assert_eq!(predictions(&project), Value::Object(predicted.collect()));
        let mut figures = expected.clone();
        let figures = figures.as_object_mut().unwrap();
        figures.remove("predicted");
        for (name, value) in figures {
            assert_numbers(
                &metrics[if name == "accuracy" {
                    "subset_accuracy"
                } else {
                    name
                }],
                value,
                name,
            );
        }
    }
}

#[test]
fn the_same_rows_give_the_same_model_bytes_on_one_thread_and_on_two() {
    let models = ["1", "2"].map(|jobs| {
        let project = Project::new();
        let resources = format!("resources = {{ cores = {jobs} }}\n[steps.predicted_valid]");
        let steps = steps("logistic_regression", "labels");
        let steps = steps.replacen("[steps.predicted_valid]", &resources, 1);
        project.run_well(&steps, &["--jobs", jobs]);
        ["config.json", "model.safetensors", "vectorizer.json"]
            .map(|name| fs::read(project.path("model").join(name)).unwrap())
    });
    assert!(models[0] == models[1]);
}

/// Both methods over two sizes and two seeds.
const MATRIX: &str = r#"
    [steps.slices]
    op = "slices"
    input = "train.table"
    sizes = [16, "all"]
    matrix = { seed = [0, 1] }
    [steps.features]
    op = "vectorize"
    input = "slices.${matrix.n}"
    matrix = { n = [16, "all"], seed = [0, 1] }
    [steps.model]
    op = "train"
    method = "${matrix.method}"
    input = { train = "slices.${matrix.n}", vectorizer = "features" }
    matrix = { method = ["naive_bayes", "logistic_regression"], n = [16, "all"], seed = [0, 1] }
    [steps.predicted]
    op = "predict"
    input = { model = "model", table = "test.table" }
    matrix = "model"
    [steps.metrics]
    op = "evaluate"
    input = { test = "predicted", model = "model" }
    matrix = "model"
"#;

#[test]
fn learning_curves_have_a_line_for_each_method_and_a_band_over_seeds() {
    let project = Project::new();
    let compare = r#"
        [steps.compare]
        op = "compare"
        input = "metrics"
        [steps.keep]
        op = "command"
        command = 'cp "$INPUT_table" table; cp "$INPUT_scores" scores; cp "$INPUT_figure" figure.svg'
        input = { table = "compare.table", scores = "compare.scores", figure = "compare.figure" }
    "#;
    project.run_well(&format!("{MATRIX}{compare}"), &[]);

    let scores = project.table("scores");
    assert_eq!(
        scores.column_names().collect::<Vec<_>>(),
        ["line", "x", "x_name", "band", "micro_f1", "macro_f1"]
    );
    assert_eq!(scores.num_rows(), 8);
    let rows = fs::read_to_string(project.path("train.jsonl"))
        .unwrap()
        .lines()
        .count();
    let table = project.table("table");
    let all = format!("all ({rows})");
    assert_eq!(
        table.column_names().collect::<Vec<_>>(),
        ["line", "metric", "16", &all]
    );
    let column = |name: &str| -> Vec<String> {
        let column = table.text_column(name).unwrap();
        column.iter().map(|cell| cell.unwrap().to_owned()).collect()
    };
    assert_eq!(
        column("line"),
        [
            "naive_bayes",
            "naive_bayes",
            "logistic_regression",
            "logistic_regression"
        ]
    );
    assert_eq!(
        column("metric"),
        ["micro F1", "macro F1", "micro F1", "macro F1"]
    );
    // All rows are the same for every seed.
    assert!(column(&all).iter().all(|cell| cell.ends_with("±.000")));
    let figure = fs::read_to_string(project.path("figure.svg")).unwrap();
    for words in [
        "naive_bayes",
        "logistic_regression",
        "micro F1",
        "macro F1",
        &all,
    ] {
        assert!(figure.contains(words), "{words}");
    }
}

#[test]
fn metrics_at_the_same_place_are_refused_with_advice() {
    let project = Project::new();
    let compare = "[steps.compare]\nop = \"compare\"\ninput = \"metrics\"\nband = \"fold\"\n";
    let said = project.fail(&format!("{MATRIX}{compare}"));
    assert!(
        said.contains("two metrics stand at the same place"),
        "{said}"
    );
    assert!(
        said.contains("let `line` or `band` name the axis"),
        "{said}"
    );
}

#[test]
fn training_without_rows_or_labels_fails_with_what_to_do() {
    let project = Project::new();
    let rows = [
        ("", "has no rows"),
        (
            "{\"text\": \"one\", \"labels\": []}\n",
            "no row of the training table has a label",
        ),
    ];
    for (text, message) in rows {
        let text = format!("{{\"text\": \"zero word\", \"labels\": [\"a\"]}}\n{text}");
        fs::write(project.path("few.jsonl"), text).unwrap();
        let filter = if message.contains("rows") {
            "false"
        } else {
            "text == \"one\""
        };
        let steps = format!(
            r#"
            [steps.features]
            op = "vectorize"
            input = "train"
            [steps.few]
            op = "load"
            source = "few.jsonl"
            [steps.chosen]
            op = "select"
            input = "few.table"
            filter = '{filter}'
            [steps.model]
            op = "train"
            method = "naive_bayes"
            input = {{ train = "chosen", vectorizer = "features" }}
            "#
        );
        let said = project.fail(&steps);
        assert!(said.contains(message), "{said}");
    }
}
