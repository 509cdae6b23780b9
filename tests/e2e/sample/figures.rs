//! One figure of every kind.

use engine::report::page::{Drawing, Figure};
use engine::report::plot::{
    Bar, BarChart, Choice, Heatmap, Histogram, LineChart, Mark, Panel, Point, Scale, Series,
    Spread, SweepChart, Tick, Unit,
};

use super::text;

const SIZES: [f64; 6] = [8.0, 16.0, 32.0, 64.0, 128.0, 828.0];

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

fn learning_curves() -> LineChart {
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

pub fn figures() -> Vec<Figure> {
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
