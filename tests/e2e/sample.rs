//! Reports to look at: one with everything, and one of a single step.

use std::time::Duration;

use engine::report::graph::{Edge, Graph, Node, State};
use engine::report::page::{
    Drawing, Failure, Figure, Instance, Metric, MetricGroup, Output, Page, Parameter, Source,
    Status, Step, Table,
};
use engine::report::plot::{
    Bar, BarChart, Choice, Heatmap, Histogram, LineChart, Mark, Panel, Point, Scale, Series,
    Spread, SweepChart, Tick, Unit,
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

const SIZES: [f64; 6] = [8.0, 16.0, 32.0, 64.0, 128.0, 828.0];

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
        figures: figures(),
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
        content,
    }
}

fn curve(name: &str, scores: [f64; 6], spread: f64) -> Series {
    let points = SIZES
        .iter()
        .zip(scores)
        .enumerate()
        .map(|(index, (&size, score))| {
            let spread = spread / (index + 1) as f64;
            Point::repeated(
                size,
                &[score - spread, score + 0.2 * spread, score + 0.8 * spread],
                Spread::Range,
            )
        });
    Series {
        name: text(name),
        points: points.collect(),
    }
}

pub fn learning_curves() -> LineChart {
    let micro = vec![
        curve(
            "naive Bayes",
            [0.495, 0.611, 0.580, 0.621, 0.657, 0.704],
            0.05,
        ),
        curve(
            "TF-IDF + logistic",
            [0.490, 0.597, 0.613, 0.680, 0.718, 0.816],
            0.05,
        ),
        curve(
            "MiniLM + logistic",
            [0.431, 0.523, 0.606, 0.643, 0.682, 0.717],
            0.06,
        ),
        curve(
            "MiniLM + k-NN",
            [0.516, 0.558, 0.577, 0.601, 0.633, 0.683],
            0.04,
        ),
    ];
    let macro_ = vec![
        curve(
            "naive Bayes",
            [0.120, 0.150, 0.161, 0.185, 0.212, 0.269],
            0.05,
        ),
        curve(
            "TF-IDF + logistic",
            [0.101, 0.135, 0.188, 0.243, 0.265, 0.537],
            0.05,
        ),
        curve(
            "MiniLM + logistic",
            [0.082, 0.143, 0.206, 0.240, 0.290, 0.511],
            0.06,
        ),
        curve(
            "MiniLM + k-NN",
            [0.120, 0.157, 0.166, 0.208, 0.225, 0.403],
            0.04,
        ),
    ];
    let mut x_ticks = SIZES[..5]
        .iter()
        .map(|&size| Tick::plain(size))
        .collect::<Vec<_>>();
    x_ticks.push(Tick {
        value: 828.0,
        label: text("all (828)"),
    });
    LineChart {
        title: text("Test F1 against training size"),
        x_label: text("labelled training rows"),
        x_scale: Scale::Log2,
        x_ticks,
        panels: vec![
            Panel {
                title: text("micro F1"),
                series: micro,
            },
            Panel {
                title: text("macro F1"),
                series: macro_,
            },
        ],
        y_unit: Unit::Fraction,
        shared_y: true,
    }
}

fn figures() -> Vec<Figure> {
    let labels = [
        ("bug", 710),
        ("enhancement", 476),
        ("dataset request", 163),
        ("dataset viewer", 91),
        ("dataset contribution", 74),
        ("dataset bug", 74),
        ("documentation", 68),
        ("generic discussion", 35),
        ("question", 24),
        ("vision", 24),
        ("streaming", 22),
        ("speech", 20),
    ];
    let counts = BarChart {
        title: text("Rows by label"),
        unit: Unit::Count,
        bars: labels
            .map(|(label, rows)| Bar {
                label: text(label),
                value: f64::from(rows),
                ..Bar::default()
            })
            .to_vec(),
    };
    let scores = BarChart {
        title: text("F1 by label"),
        unit: Unit::Fraction,
        bars: labels
            .map(|(label, rows)| {
                let value = (f64::from(rows).log2() / 10.6).min(0.94)
                    - if label == "vision" { 0.43 } else { 0.0 };
                let half = 0.9 / f64::from(rows).sqrt();
                Bar {
                    label: text(label),
                    value,
                    interval: Some(((value - half).max(0.0), (value + half).min(1.0))),
                    note: format!("n = {}", rows / 4),
                }
            })
            .to_vec(),
    };
    let mut words = Histogram::of(
        "Words per text",
        "words (log scale)",
        Scale::Log2,
        &word_counts(),
    );
    words.marks = vec![
        Mark {
            value: 52.0,
            label: text("median 52"),
        },
        Mark {
            value: 256.0,
            label: text("90 % 256"),
        },
    ];
    let per_row = Histogram::of(
        "Confidence of the best label",
        "probability",
        Scale::Linear,
        &confidences(),
    );
    let heatmap = Heatmap {
        title: text("Validation F1 of k nearest neighbours"),
        column_label: text("m, votes needed"),
        columns: (1..=8).map(|m| m.to_string()).collect(),
        row_label: text("k"),
        rows: [1, 3, 5, 10, 20, 40].map(|k| k.to_string()).to_vec(),
        values: [1, 3, 5, 10, 20, 40]
            .map(|k| {
                (1..=8)
                    .map(|m| {
                        if m > k {
                            f64::NAN
                        } else {
                            0.66 - 0.05 * (f64::from(k) / 4.0 - f64::from(m)).abs().sqrt()
                                - 0.004 * f64::from(m)
                        }
                    })
                    .collect()
            })
            .to_vec(),
        unit: Unit::Fraction,
    };
    let thresholds = |peak: f64, top: f64| {
        (1..50).map(move |step| {
            let x = f64::from(step) / 50.0;
            Point::exact(
                x,
                (top - 1.3 * (x - peak).powi(2) - if x > peak { 0.3 * (x - peak) } else { 0.0 })
                    .max(0.0),
            )
        })
    };
    let sweep = SweepChart {
        title: text("Threshold on the validation part"),
        x_label: text("threshold"),
        series: vec![
            Series {
                name: text("micro F1"),
                points: thresholds(0.32, 0.82).collect(),
            },
            Series {
                name: text("macro F1"),
                points: thresholds(0.24, 0.55).collect(),
            },
        ],
        y_unit: Unit::Fraction,
        chosen: Some(Choice {
            x: 0.32,
            y: 0.82,
            label: text("0.32: micro F1 0.820"),
        }),
    };
    let foreign = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 300 120\"><rect width=\"300\" height=\"120\" fill=\"#dfe7ef\"/><text x=\"20\" y=\"65\">drawn by a command</text><script>console.log('no')</script></svg>";
    [
        (
            "compare.figure",
            "mean and range over 3 seeds",
            Drawing::Own(learning_curves().to_svg()),
        ),
        ("overview.labels", "", Drawing::Own(counts.to_svg())),
        (
            "scores_lr.labels",
            "95 % bootstrap intervals, 1,000 resamples",
            Drawing::Own(scores.to_svg()),
        ),
        ("overview.words", "", Drawing::Own(words.to_svg())),
        ("scores_lr.confidence", "", Drawing::Own(per_row.to_svg())),
        (
            "knn.sweep",
            "the best cell is outlined",
            Drawing::Own(heatmap.to_svg()),
        ),
        ("scores_lr.threshold", "", Drawing::Own(sweep.to_svg())),
        (
            "empty.figure",
            "",
            Drawing::Own(
                BarChart {
                    title: text("Nothing yet"),
                    ..BarChart::default()
                }
                .to_svg(),
            ),
        ),
        (
            "notes.figure",
            "from a command step",
            Drawing::Foreign(text(foreign)),
        ),
    ]
    .map(|(title, note, drawing)| Figure {
        title: text(title),
        note: text(note),
        drawing,
    })
    .to_vec()
}

fn word_counts() -> Vec<f64> {
    (0..5000)
        .map(|index| (f64::from(index * 7919 % 5000) / 5000.0 - 0.5) * 4.2)
        .map(|z| (52.0 * (z * z.abs().sqrt()).exp()).floor())
        .collect()
}

fn confidences() -> Vec<f64> {
    (0..2000)
        .map(|index| 1.0 - (f64::from(index * 271 % 2000) / 2000.0).powi(2) * 0.83)
        .collect()
}
