//! What holds for every chart.

use proptest::prelude::*;
use roxmltree::Document;

use super::*;

fn learning_curve() -> LineChart {
    let series = |name: &str, offset: f64| Series {
        name: name.to_owned(),
        points: [8.0, 16.0, 32.0, 64.0, 128.0, 828.0]
            .iter()
            .map(|&rows: &f64| {
                let score = offset + rows.log2() / 14.0;
                Point::repeated(rows, &[score - 0.02, score, score + 0.03], Spread::Range)
            })
            .collect(),
    };
    let all = || {
        vec![
            series("naive Bayes", 0.1),
            series("TF-IDF", 0.12),
            series("MiniLM", 0.05),
        ]
    };
    LineChart {
        title: "Learning curves".to_owned(),
        x_label: "labelled training rows".to_owned(),
        x_scale: Scale::Log2,
        x_ticks: [8.0, 16.0, 32.0, 64.0, 128.0]
            .map(Tick::plain)
            .into_iter()
            .chain([Tick {
                value: 828.0,
                label: "all (828)".to_owned(),
            }])
            .collect(),
        panels: vec![
            Panel {
                title: "micro F1".to_owned(),
                series: all(),
            },
            Panel {
                title: "macro F1".to_owned(),
                series: all(),
            },
        ],
        y_unit: Unit::Fraction,
        shared_y: true,
    }
}

fn bars(labels: &[&str]) -> BarChart {
    let bar = |label: &&str| Bar {
        label: (*label).to_owned(),
        value: label.len() as f64 / 10.0,
        interval: Some((0.1, 0.9)),
        note: "n = 24".to_owned(),
    };
    BarChart {
        title: "F1 by label".to_owned(),
        unit: Unit::Fraction,
        bars: labels.iter().map(bar).collect(),
    }
}

/// Parses `svg`, checks what every drawing promises, and gives its texts.
fn texts(svg: &str) -> Vec<String> {
    let document = Document::parse(svg).expect("well-formed XML");
    for node in document.descendants().filter(|node| node.is_element()) {
        for attribute in node.attributes() {
            let number = attribute.value().parse::<f64>();
            assert!(
                number.is_err() || number.is_ok_and(f64::is_finite),
                "{attribute:?}"
            );
            assert_ne!(
                attribute.name(),
                "id",
                "an id could clash on a page with several drawings"
            );
        }
    }
    for path in document
        .descendants()
        .filter_map(|node| node.attribute("d"))
    {
        assert!(!path.contains("NaN") && !path.contains("inf"), "{path}");
    }
    assert!(document.root_element().attribute("aria-label").is_some());
    assert_eq!(
        document
            .root_element()
            .first_element_child()
            .map(|node| node.tag_name().name()),
        Some("title")
    );
    document
        .descendants()
        .filter(|node| node.has_tag_name("text"))
        .filter_map(|node| node.text().map(str::to_owned))
        .collect()
}

#[test]
fn a_learning_curve_has_both_panels_one_legend_and_its_own_ticks() {
    let svg = learning_curve().to_svg();
    let texts = texts(&svg);
    // Each text is there twice: for a wide screen and for a phone.
    for (text, times) in [
        ("micro F1", 2),
        ("macro F1", 2),
        ("all (828)", 4),
        ("labelled training rows", 4),
    ] {
        assert_eq!(
            texts.iter().filter(|found| *found == text).count(),
            times,
            "{text}"
        );
    }
    assert_eq!(svg.matches(" fill band\"").count(), 2 * 2 * 3);
    assert!(
        svg.contains("<title>TF-IDF, all (828): 0.816 (0.792 to 0.842)</title>"),
        "{texts:?}"
    );
}

#[test]
fn a_gap_in_a_series_interrupts_its_line() {
    let mut chart = learning_curve();
    chart.panels.truncate(1);
    chart.panels[0].series.truncate(1);
    let whole = chart.to_svg().matches("stroke curve").count();
    chart.panels[0].series[0].points[2].y = f64::NAN;
    assert_eq!(chart.to_svg().matches("stroke curve").count(), 2 * whole);
}

#[test]
fn end_labels_keep_their_distance() {
    let mut chart = learning_curve();
    for panel in &mut chart.panels {
        for series in &mut panel.series {
            series
                .points
                .iter_mut()
                .for_each(|point| *point = Point::exact(point.x, 0.5));
        }
    }
    let svg = chart.to_svg();
    let document = Document::parse(&svg).unwrap();
    let mut levels: Vec<f64> = document
        .descendants()
        .filter(|node| node.has_tag_name("svg") && node.attribute("class") == Some("wide"))
        .flat_map(|wide| wide.children())
        .filter(|node| {
            node.attribute("class") == Some("small") && node.attribute("text-anchor").is_none()
        })
        .map(|node| node.attribute("y").unwrap().parse().unwrap())
        .collect();
    levels.truncate(3);
    levels.sort_by(f64::total_cmp);
    assert_eq!(levels.len(), 3);
    assert!(
        levels.windows(2).all(|pair| pair[1] - pair[0] >= 12.9),
        "{levels:?}"
    );
}

#[test]
fn charts_without_data_say_so() {
    let empty = [
        LineChart {
            title: "A".to_owned(),
            ..Default::default()
        }
        .to_svg(),
        BarChart::default().to_svg(),
        Histogram::of("", "", Scale::Linear, &[f64::NAN]).to_svg(),
        Histogram::of("", "", Scale::Log2, &[]).to_svg(),
        Heatmap {
            rows: vec!["1".to_owned()],
            columns: vec!["1".to_owned()],
            ..Default::default()
        }
        .to_svg(),
        SweepChart::default().to_svg(),
    ];
    for svg in empty {
        assert!(
            texts(&svg)
                .iter()
                .any(|text| text == "There is no data to draw.")
        );
    }
}

#[test]
fn markup_in_names_stays_text() {
    let name = "<script>alert('&')</script>";
    let mut chart = learning_curve();
    chart.title = name.to_owned();
    chart.panels[0].series[0].name = name.to_owned();
    let heatmap = Heatmap {
        title: name.to_owned(),
        row_label: name.to_owned(),
        column_label: name.to_owned(),
        rows: vec![name.to_owned()],
        columns: vec![name.to_owned()],
        values: vec![vec![0.5]],
        unit: Unit::Fraction,
    };
    for svg in [chart.to_svg(), bars(&[name]).to_svg(), heatmap.to_svg()] {
        assert!(!svg.contains("<script"));
        assert!(texts(&svg).iter().any(|text| text.starts_with("<script>")));
    }
}

#[test]
fn bars_beyond_the_limit_are_counted() {
    let labels: Vec<String> = (0..100).map(|index| format!("label {index}")).collect();
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    assert!(
        texts(&bars(&labels).to_svg())
            .iter()
            .any(|text| text == "… and 20 more")
    );
}

#[test]
fn a_histogram_counts_every_value_once() {
    let values: Vec<f64> = (0..1000)
        .map(|index| f64::from(index * index % 977))
        .collect();
    for scale in [Scale::Linear, Scale::Log2] {
        let histogram = Histogram::of("words", "words", scale, &values);
        assert_eq!(
            histogram.bins.iter().map(|bin| bin.count).sum::<u64>(),
            1000
        );
        assert!(
            histogram
                .bins
                .windows(2)
                .all(|pair| pair[0].to == pair[1].from)
        );
        texts(&histogram.to_svg());
    }
    let doublings = Histogram::of("", "", Scale::Log2, &[0.0, 1.0, 2.0, 3.0, 4.0]);
    assert_eq!(
        doublings
            .bins
            .iter()
            .map(|bin| bin.count)
            .collect::<Vec<_>>(),
        [1, 1, 2, 1]
    );
    let single = Histogram::of("", "", Scale::Linear, &[7.0]);
    assert_eq!(single.bins.iter().map(|bin| bin.count).sum::<u64>(), 1);
}

#[test]
fn the_best_cell_of_a_heat_map_is_outlined_and_gaps_are_marked() {
    let heatmap = Heatmap {
        rows: vec!["1".to_owned(), "5".to_owned()],
        columns: vec!["1".to_owned(), "2".to_owned()],
        values: vec![vec![0.25, f64::NAN], vec![0.75]],
        unit: Unit::Fraction,
        ..Default::default()
    };
    let svg = heatmap.to_svg();
    assert_eq!(svg.matches("class=\"best\"").count(), 2);
    assert_eq!(texts(&svg).iter().filter(|text| *text == "–").count(), 4);
}

#[test]
fn a_sweep_marks_its_choice() {
    let points = (0..=20).map(|step| {
        let x = f64::from(step) / 20.0;
        Point::exact(x, 1.0 - (x - 0.3).abs())
    });
    let chart = SweepChart {
        title: "Threshold".to_owned(),
        x_label: "threshold".to_owned(),
        series: vec![Series {
            name: "micro F1".to_owned(),
            points: points.collect(),
        }],
        y_unit: Unit::Fraction,
        chosen: Some(Choice {
            x: 0.3,
            y: 1.0,
            label: "0.30: micro F1 1.000".to_owned(),
        }),
    };
    let svg = chart.to_svg();
    assert_eq!(svg.matches("class=\"choice\"").count(), 2);
    assert!(
        texts(&svg)
            .iter()
            .any(|text| text == "0.30: micro F1 1.000")
    );
}

proptest! {
    #[test]
    fn no_number_can_break_a_chart(
        values in prop::collection::vec((any::<f64>(), any::<f64>(), any::<f64>(), any::<f64>()), 0..12),
        log in any::<bool>(),
        name in any::<String>(),
    ) {
        let scale = if log { Scale::Log2 } else { Scale::Linear };
        let points: Vec<Point> = values.iter().map(|&(x, y, low, high)| Point { x, y, low, high }).collect();
        let series = vec![Series { name: name.clone(), points }];
        let panels = vec![Panel { title: name.clone(), series: series.clone() }; 2];
        let line = LineChart { title: name.clone(), x_scale: scale, panels, ..Default::default() };
        texts(&line.to_svg());
        let chosen = values.first().map(|&(x, y, ..)| Choice { x, y, label: name.clone() });
        texts(&SweepChart { title: name.clone(), series, chosen, ..Default::default() }.to_svg());
        let ys: Vec<f64> = values.iter().map(|value| value.1).collect();
        let mut histogram = Histogram::of(&name, &name, scale, &ys);
        histogram.marks.extend(ys.iter().map(|&value| Mark { value, label: name.clone() }));
        texts(&histogram.to_svg());
        let bars = values.iter().map(|&(value, low, high, _)| Bar {
            label: name.clone(), value, interval: Some((low, high)), note: String::new(),
        });
        texts(&BarChart { title: name.clone(), unit: Unit::Fraction, bars: bars.collect() }.to_svg());
        let names = vec![name.clone(); ys.len()];
        let heatmap = Heatmap { columns: names, rows: vec![name], values: vec![ys], ..Default::default() };
        texts(&heatmap.to_svg());
    }
}
