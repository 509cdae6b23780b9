use super::*;
use crate::report::graph::{Edge, Node};
use crate::report::plot::{Bar, BarChart};
use crate::report::table::Column;

fn page() -> Page {
    let instance = |coordinates: &str, state, why: &str| Instance {
        coordinates: coordinates.to_owned(),
        state,
        why: why.to_owned(),
        started: Duration::from_secs(1),
        wall: Duration::from_secs(2),
        peak_memory: Some(120_000_000),
        outputs: vec![Output {
            port: "model".to_owned(),
            bytes: 4_100,
            detail: "2 classes".to_owned(),
        }],
    };
    Page {
        pipeline: "issues".to_owned(),
        duration: Duration::from_secs(4),
        graph: Graph {
            nodes: ["load", "fit"]
                .map(|name| Node {
                    name: name.to_owned(),
                    ..Default::default()
                })
                .to_vec(),
            edges: vec![Edge {
                from: 0,
                to: 1,
                label: String::new(),
            }],
        },
        steps: vec![
            Step {
                name: "load".to_owned(),
                instances: vec![instance("", State::Cached, "")],
                ..Default::default()
            },
            Step {
                name: "fit".to_owned(),
                kind: "train".to_owned(),
                parameters: vec![("method".to_owned(), "naive_bayes".to_owned())],
                instances: vec![
                    instance("n = 8", State::Run, "slices.n: 4 → 8"),
                    instance("n = 16", State::Failed, "first run"),
                ],
            },
        ],
        ..Default::default()
    }
}

fn section<'a>(html: &'a str, id: &str) -> Option<&'a str> {
    let (_, rest) = html.split_once(&format!("<section id=\"{id}\""))?;
    rest.split_once("</section>").map(|(section, _)| section)
}

#[test]
fn each_section_is_there_if_it_has_something_to_say_and_the_navigation_names_it() {
    let html = page().render();
    for (id, there) in [
        ("graph", true),
        ("steps", true),
        ("figures", false),
        ("failures", false),
        ("source", false),
    ] {
        assert_eq!(section(&html, id).is_some(), there, "{id}");
        assert_eq!(
            html.contains(&format!("<li><a href=\"#{id}\">")),
            there,
            "{id}"
        );
    }
}

#[test]
fn a_step_says_what_its_instances_did_and_why() {
    let html = page().render();
    let steps = section(&html, "steps").unwrap();
    let fit = steps.split_once("id=\"step-fit\"").unwrap().1;
    for text in [
        "train ×2",
        "slices.n: 4 → 8 · first run",
        "1 failed",
        "1 run",
        "<td>n = 16</td>",
        "left:25.00%;width:50.00%",
        "naive_bayes",
        "120 MB",
        "8.2 kB",
        "4.00 s",
    ] {
        assert!(fit.contains(text), "{text}");
    }
    assert!(steps.contains("<details class=\"step failed\" id=\"step-fit\">"));
}

#[test]
fn a_node_of_the_graph_leads_to_its_step() {
    let html = page().render();
    assert_eq!(html.matches("<a href=\"#step-fit\">").count(), 2);
}

#[test]
fn the_style_of_drawings_is_there_once() {
    let mut page = page();
    let bars = vec![Bar {
        label: "bug".to_owned(),
        value: 710.0,
        ..Default::default()
    }];
    let svg = BarChart {
        bars,
        ..Default::default()
    }
    .to_svg();
    page.figures = vec![
        Figure {
            title: "a".to_owned(),
            note: String::new(),
            drawing: Drawing::Own(svg.clone()),
        },
        Figure {
            title: "b".to_owned(),
            note: String::new(),
            drawing: Drawing::Own(svg),
        },
    ];
    let html = page.render();
    assert_eq!(html.matches(style_element()).count(), 1);
    assert_eq!(
        section(&html, "figures")
            .unwrap()
            .matches("<svg xmlns")
            .count(),
        2
    );
}

#[test]
fn a_foreign_figure_is_an_image_and_cannot_run_its_script() {
    let mut page = page();
    let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
    page.figures = vec![Figure {
        title: "\"x\"".to_owned(),
        note: String::new(),
        drawing: Drawing::Foreign(svg.to_owned()),
    }];
    let html = page.render();
    assert!(html.contains("<img alt=\"&quot;x&quot;\" src=\"data:image/svg+xml,%3Csvg%20xmlns"));
    assert!(!html.contains("alert(1)"));
}

#[test]
fn markup_in_any_text_stays_text() {
    let evil = "</script><script>alert('x')</script>\"'><img src=x>";
    let text = || evil.to_owned();
    let mut page = page();
    page.pipeline = text();
    page.run_id = text();
    page.started = text();
    page.command = text();
    page.graph.nodes[0].name = text();
    page.graph.nodes[0].detail = text();
    page.graph.edges[0].label = text();
    page.steps[0].name = text();
    page.steps[0].kind = text();
    page.steps[1].parameters = vec![(text(), text())];
    page.steps[1].instances[0].coordinates = text();
    page.steps[1].instances[0].why = text();
    page.steps[0].instances[0].outputs[0] = Output {
        port: text(),
        bytes: 1,
        detail: text(),
    };
    page.parameters = vec![Parameter {
        name: text(),
        value: text(),
        overridden: true,
    }];
    page.metrics = vec![MetricGroup {
        title: text(),
        metrics: vec![Metric {
            name: text(),
            ..Default::default()
        }],
    }];
    let mut table = TextTable::new([Column::text(evil)]);
    table.rows.push(vec![text()]);
    page.tables = vec![Table {
        title: text(),
        note: text(),
        group: text(),
        content: table,
    }];
    page.figures = vec![Figure {
        title: text(),
        note: text(),
        drawing: Drawing::Foreign(text()),
    }];
    page.failures = vec![Failure {
        step: text(),
        coordinates: text(),
        message: text(),
        help: text(),
        output: text(),
    }];
    page.environment = vec![(text(), text())];
    page.source = Source {
        path: text(),
        text: text(),
    };
    let html = page.render();
    assert_eq!(html.matches("<script").count(), 1);
    assert!(!html.contains("<img src=x"));
}

#[test]
fn numbers_that_are_not_finite_are_dashes() {
    let mut page = page();
    let metric = Metric {
        name: "F1".to_owned(),
        value: f64::NAN,
        interval: Some((f64::NAN, f64::INFINITY)),
    };
    page.metrics = vec![MetricGroup {
        title: "scores".to_owned(),
        metrics: vec![metric],
    }];
    assert!(
        section(&page.render(), "metrics")
            .unwrap()
            .contains("<dd>–<small>– to –</small>")
    );
}

#[test]
fn instances_beyond_the_limit_are_counted() {
    let mut page = page();
    page.steps[1].instances = vec![Instance::default(); 1_203];
    let html = page.render();
    assert!(html.contains("… and 703 more instances"));
    assert!(html.contains("1,203 planned"));
}

#[test]
fn an_empty_page_is_still_a_page() {
    let html = Page::default().render();
    assert!(html.contains("<h1>unnamed<span class=\"status succeeded\">"));
    assert!(!html.contains("<section"));
}
