//! Reports to look at: one with everything, and one of a single step.

mod figures;

use std::time::Duration;

use engine::report::graph::{Edge, Graph, Node, State};
use engine::report::page::{
    Failure, Instance, Metric, MetricGroup, Output, Page, Parameter, Source, Status, Step, Table,
};
use engine::report::table::{Column, TextTable};

const SOURCE: &str = r#"# Baselines: what works at 8, 16, 32, 64 and 128 labelled issues.
[pipeline]
name = "issues_baselines"
seed = 42

[vars]
data   = "pipelines/data/issues.jsonl"
labels = { bug = "bug", enhancement = "enhancement", "dataset request" = "dataset request" }

[steps.issues]
op     = "load"
source = "${vars.data}"
format = "github-issues"

[steps.unique]
op    = "dedupe"
input = "issues"
by    = "text"
near  = { threshold = 0.8, shingle = 5 }   # MinHash-LSH

[steps.fit]
op     = "train"
input  = { train = "slices.${matrix.n}", valid = "split.valid" }
method = "naive_bayes"
alpha  = 0.5
matrix = { n = [8, 16, 32, 64, 128, "all"], seed = [0, 1, 2] }

[steps.notes]
op  = "command"
run = """
python notes.py --in "$INPUT" \
  --out "$OUTPUT"
"""
"#;

fn text(value: &str) -> String {
    value.to_owned()
}

fn seconds(value: f64) -> Duration {
    Duration::from_secs_f64(value)
}

/// Everything that a report can hold, of a run with a failure.
pub fn rich() -> Page {
    Page {
        pipeline: text("issues_baselines"),
        run_id: text("20261123-140512-7f3a"),
        status: Status::Failed,
        started: text("2026-11-23 14:05:12 UTC"),
        duration: seconds(14.82),
        command: text(
            "engine run pipelines/issues_baselines.toml --set vars.data=../shared/data/datasets-issues.jsonl.gz --jobs 8 --keep-going",
        ),
        graph: graph(),
        steps: steps(),
        parameters: vec![
            Parameter {
                name: text("pipeline.seed"),
                value: text("42"),
                overridden: false,
            },
            Parameter {
                name: text("vars.data"),
                value: text("../shared/data/datasets-issues.jsonl.gz"),
                overridden: true,
            },
            Parameter {
                name: text("vars.min_words"),
                value: text("3"),
                overridden: false,
            },
        ],
        metrics: vec![
            MetricGroup {
                title: text("scores, logistic regression on all 828 rows"),
                metrics: [
                    ("micro F1", 0.816),
                    ("macro F1", 0.537),
                    ("weighted F1", 0.803),
                    ("samples F1", 0.811),
                    ("subset accuracy", 0.704),
                ]
                .map(|(name, value)| Metric {
                    name: text(name),
                    value,
                    interval: Some((value - 0.021, value + 0.019)),
                })
                .to_vec(),
            },
            MetricGroup {
                title: text("unique"),
                metrics: vec![Metric {
                    name: text("share of duplicates"),
                    value: 0.0098,
                    interval: None,
                }],
            },
        ],
        tables: vec![scores_table(), duplicates_table()],
        figures: figures::figures(),
        failures: vec![Failure {
            step: text("notes"),
            coordinates: String::new(),
            message: text("the command ended with exit code 1"),
            help: text(
                "run it by hand in the step's working directory, or leave the step out with --target compare",
            ),
            output: text(
                "Traceback (most recent call last):\n  File \"notes.py\", line 12, in <module>\n    rows = load(os.environ[\"INPUT\"])\n  File \"notes.py\", line 5, in load\n    return [json.loads(line) for line in open(path, encoding=\"utf-8\") if line.strip() and not line.startswith(\"#\")]\njson.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0) <script>alert('no')</script>\n",
            ),
        }],
        environment: [
            ("engine", "0.1.0 (release, x86_64-unknown-linux-gnu)"),
            ("commit", "faaad2e0c1d7, with local changes"),
            (
                "processor",
                "AMD EPYC 9254 24-Core Processor, 16 cores, 128 GB",
            ),
            ("device", "cpu"),
            ("system", "Linux 6.8.0"),
            ("cache", ".engine/cache, 1.2 GB of 20 GB"),
        ]
        .map(|(name, value)| (text(name), text(value)))
        .to_vec(),
        source: Source {
            path: text("pipelines/issues_baselines.toml"),
            text: text(SOURCE),
        },
    }
}

/// A run of one step that came from the cache.
pub fn tiny() -> Page {
    let step = Instance {
        state: State::Cached,
        ..Instance::default()
    };
    Page {
        pipeline: text("one"),
        run_id: text("1"),
        graph: Graph {
            nodes: vec![Node {
                name: text("issues"),
                kind: text("load"),
                count: 1,
                state: State::Cached,
                detail: String::new(),
            }],
            edges: Vec::new(),
        },
        steps: vec![Step {
            name: text("issues"),
            kind: text("load"),
            parameters: Vec::new(),
            instances: vec![step],
        }],
        ..Page::default()
    }
}

fn graph() -> Graph {
    use State::{Cached, Failed, Run, Skipped};
    let nodes = [
        ("issues", "load", 1, Cached, ""),
        ("fields", "select", 1, Cached, ""),
        ("unique", "dedupe", 1, Cached, ""),
        ("tags", "map_labels", 1, Cached, ""),
        ("overview", "stats", 1, Cached, ""),
        ("split", "split", 1, Cached, ""),
        ("slices", "slices", 1, Run, "41 ms"),
        ("counts", "vectorize", 18, Run, "0.9 s"),
        ("tfidf", "vectorize", 18, Run, "1.1 s"),
        ("fit_naive_bayes", "train", 18, Run, "0.3 s"),
        ("fit_logistic_regression", "train", 18, Run, "9.8 s"),
        ("scores_nb", "evaluate", 18, Run, "1.4 s"),
        ("scores_lr", "evaluate", 18, Run, "1.5 s"),
        ("compare", "compare", 1, Run, "12 ms"),
        ("notes", "command", 1, Failed, "exit code 1"),
        ("publish", "command", 1, Skipped, ""),
    ];
    let edges = [
        (0, 1, ""),
        (1, 2, ""),
        (2, 3, "unique"),
        (3, 4, ""),
        (3, 5, ""),
        (5, 6, "train"),
        (6, 7, ""),
        (6, 8, ""),
        (7, 9, "train"),
        (5, 9, "valid"),
        (8, 10, "train"),
        (5, 10, "valid"),
        (9, 11, "model"),
        (5, 11, "test"),
        (10, 12, "model"),
        (5, 12, "test"),
        (11, 13, ""),
        (12, 13, ""),
        (2, 14, "removed"),
        (14, 15, ""),
        (13, 15, "figure"),
    ];
    Graph {
        nodes: nodes
            .map(|(name, kind, count, state, detail)| Node {
                name: text(name),
                kind: text(kind),
                count,
                state,
                detail: text(detail),
            })
            .to_vec(),
        edges: edges
            .map(|(from, to, label)| Edge {
                from,
                to,
                label: text(label),
            })
            .to_vec(),
    }
}

fn steps() -> Vec<Step> {
    let graph = graph();
    let mut clock = 0.0;
    graph
        .nodes
        .iter()
        .map(|node| {
            let instances = (0..node.count)
                .map(|index| {
                    let ran = matches!(node.state, State::Run | State::Failed);
                    let cached = node.count > 1 && index < 6 && node.kind == "train";
                    let wall = if !ran || cached {
                        0.0
                    } else {
                        0.04 + 0.03
                            * (index % 6) as f64
                            * if node.kind == "train" { 4.0 } else { 1.0 }
                    };
                    let instance = Instance {
                        coordinates: if node.count > 1 {
                            format!(
                                "n = {}, seed = {}",
                                ["8", "16", "32", "64", "128", "all"][index % 6],
                                index / 6
                            )
                        } else {
                            String::new()
                        },
                        state: if cached { State::Cached } else { node.state },
                        why: if !ran || cached {
                            String::new()
                        } else if node.kind == "command" {
                            text("first run")
                        } else {
                            text("slices.sizes: [8, 16, 32, 64] → [8, 16, 32, 64, 128, \"all\"]")
                        },
                        started: seconds(clock),
                        wall: seconds(wall),
                        peak_memory: ran.then_some(48_000_000 + 9_000_000 * index as u64),
                        outputs: if node.state == State::Failed || node.state == State::Skipped {
                            Vec::new()
                        } else {
                            vec![Output {
                                port: text("table"),
                                bytes: 1_240_000 + 1000 * index as u64,
                                detail: text("1,656 rows × 12 columns"),
                            }]
                        },
                    };
                    clock += wall * 0.55;
                    instance
                })
                .collect();
            Step {
                name: node.name.clone(),
                kind: node.kind.clone(),
                parameters: vec![
                    (text("op"), node.kind.clone()),
                    (
                        text("input"),
                        text("{ train = \"slices.${matrix.n}\", valid = \"split.valid\" }"),
                    ),
                ],
                instances,
            }
        })
        .collect()
}

fn scores_table() -> Table {
    let mut content = TextTable::new([
        Column::text("method"),
        Column::number("training rows"),
        Column::number("micro F1"),
        Column::number("± micro"),
        Column::number("macro F1"),
        Column::number("± macro"),
        Column::number("threshold"),
        Column::number("seconds"),
    ]);
    for (method, offset) in [
        ("naive Bayes", 0.0),
        ("logistic regression", 0.04),
        ("k nearest neighbours", 0.01),
    ] {
        for (index, size) in ["8", "16", "32", "64", "128", "828"].iter().enumerate() {
            let score = 0.49 + offset + 0.05 * index as f64;
            let cells = [score, 0.021, score * 0.6, 0.034, 0.3 + 0.02 * index as f64]
                .map(|value| format!("{value:.3}"));
            let mut row = vec![text(method), text(size)];
            row.extend(cells);
            row.push(if index == 2 {
                text("–")
            } else {
                format!("{:.1}", 0.3 * (index + 1) as f64)
            });
            content.rows.push(row);
        }
    }
    Table {
        title: text("compare.table"),
        note: text("mean and standard deviation over 3 seeds"),
        group: String::new(),
        content,
    }
}

fn duplicates_table() -> Table {
    let mut content = TextTable::new([
        Column::number("removed"),
        Column::number("kept"),
        Column::number("Jaccard"),
        Column::text("title"),
    ]);
    for index in 0..5u32 {
        content.rows.push(vec![
            format!("{}", 2210 + index * 37),
            format!("{}", 1804 + index * 31),
            text("1.000"),
            text("load_dataset() raises FileNotFoundError when the cache directory is on a network drive with a long path and <angle> brackets"),
        ]);
    }
    Table {
        title: text("unique.removed"),
        note: text("the first 5 of 71 rows"),
        group: text("unique.removed, 1 instance"),
        content,
    }
}
