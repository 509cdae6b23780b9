//! What holds for every drawing of a graph.

use std::time::Duration;

use proptest::prelude::*;
use roxmltree::Document;

use super::layout::{Extent, Input, Link, layout};
use super::*;

fn node(name: &str, kind: &str, count: usize, state: State) -> Node {
    Node {
        name: name.to_owned(),
        kind: kind.to_owned(),
        count,
        state,
        detail: String::new(),
    }
}

fn edge(from: usize, to: usize, label: &str) -> Edge {
    Edge {
        from,
        to,
        label: label.to_owned(),
    }
}

fn pipeline() -> Graph {
    Graph {
        nodes: vec![
            node("issues", "load", 1, State::Cached),
            node("split", "split", 1, State::Cached),
            node("slices", "slices", 1, State::Run),
            node("fit", "train", 18, State::Run),
            node("scores", "evaluate", 18, State::Failed),
            node("figure", "compare", 1, State::Skipped),
        ],
        edges: vec![
            edge(0, 1, ""),
            edge(1, 2, "train"),
            edge(2, 3, "train"),
            edge(1, 3, "valid"),
            edge(3, 4, ""),
            edge(1, 4, "test"),
            edge(4, 5, ""),
        ],
    }
}

/// A layered graph of `nodes` nodes with two edges each, some of them long.
fn large(nodes: usize) -> Graph {
    let mut state = 42u64;
    let mut draw = |limit: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % limit
    };
    let edges = (1..nodes).flat_map(|to| {
        let near = to - 1 - draw(to.min(60));
        let far = to - 1 - draw(to.min(150));
        [edge(near, to, ""), edge(far, to, "")]
    });
    let edges = edges.collect();
    Graph {
        nodes: (0..nodes)
            .map(|index| node(&format!("step_{index}"), "train", 1, State::Run))
            .collect(),
        edges,
    }
}

fn boxes(svg: &str) -> Vec<[f64; 4]> {
    let document = Document::parse(svg).expect("well-formed XML");
    let number =
        |node: roxmltree::Node<'_, '_>, name| node.attribute(name).unwrap().parse::<f64>().unwrap();
    document
        .descendants()
        .filter(|node| node.attribute("class") == Some("box"))
        .map(|node| ["x", "y", "width", "height"].map(|name| number(node, name)))
        .collect()
}

#[test]
fn a_matrix_step_is_one_node_with_its_count() {
    for orientation in [Orientation::LeftToRight, Orientation::TopToBottom] {
        let svg = pipeline().to_svg(orientation);
        assert_eq!(svg.matches("train · ×18").count(), 1);
        assert!(svg.contains("<title>fit (train), run, 18 instances</title>"));
        // Two of the six are stacks of cards.
        assert_eq!(boxes(&svg).len(), 8);
    }
}

#[test]
fn every_state_is_marked_and_explained() {
    let svg = pipeline().to_svg(Orientation::LeftToRight);
    for (state, key) in [
        ("cached", "2 cached"),
        ("run", "2 run"),
        ("failed", "1 failed"),
        ("skipped", "1 skipped"),
    ] {
        assert!(
            svg.contains(&format!("<g class=\"{state}\">"))
                && svg.contains(&format!(">{key}</text>")),
            "{state}"
        );
    }
    assert!(!svg.contains("planned</text>"));
}

#[test]
fn nodes_do_not_overlap_and_lie_within_the_drawing() {
    for graph in [pipeline(), large(150)] {
        for orientation in [Orientation::LeftToRight, Orientation::TopToBottom] {
            let svg = graph.to_svg(orientation);
            let document = Document::parse(&svg).unwrap();
            let side = |name| {
                document
                    .root_element()
                    .attribute(name)
                    .unwrap()
                    .parse::<f64>()
                    .unwrap()
            };
            let (width, height) = (side("width"), side("height"));
            let boxes = boxes(&svg);
            for (index, a) in boxes.iter().enumerate() {
                assert!(
                    a[0] >= 0.0 && a[1] >= 0.0 && a[0] + a[2] <= width && a[1] + a[3] <= height,
                    "{a:?}"
                );
                for b in &boxes[index + 1..] {
                    // Cards of one stack are 4 apart.
                    let card = [0, 1]
                        .iter()
                        .all(|&axis: &usize| ((a[axis] - b[axis]).abs() - 4.0).abs() < 0.01);
                    let apart = a[0] + a[2] <= b[0]
                        || b[0] + b[2] <= a[0]
                        || a[1] + a[3] <= b[1]
                        || b[1] + b[3] <= a[1];
                    assert!(card || apart, "{a:?} {b:?}");
                }
            }
        }
    }
}

#[test]
fn edges_lead_forward_in_reading_direction() {
    let extent = Extent {
        along: 80.0,
        across: 40.0,
    };
    let graph = large(120);
    let none = Extent {
        along: 0.0,
        across: 0.0,
    };
    let links = graph.edges.iter().map(|edge| Link {
        from: edge.from,
        to: edge.to,
        bundle: edge.from,
        label: none,
    });
    let placed = layout(&Input {
        nodes: vec![extent; 120],
        edges: links.collect(),
        gap: 10.0,
    });
    assert_eq!(
        placed.ways.iter().filter(|way| way.edge.is_some()).count(),
        graph.edges.len()
    );
    for way in &placed.ways {
        assert!(way.points.windows(2).all(|pair| pair[0].0 <= pair[1].0));
    }
}

#[test]
fn names_cannot_break_out_of_any_format() {
    let name = "a\"]; <script>alert(1)</script> \\";
    let graph = Graph {
        nodes: vec![
            node(name, name, 1, State::Run),
            node("b", "load", 1, State::Run),
        ],
        edges: vec![edge(0, 1, name)],
    };
    let svg = graph.to_svg(Orientation::LeftToRight);
    Document::parse(&svg).unwrap();
    assert!(!svg.contains("<script"));
    let mermaid = graph.to_mermaid(Orientation::LeftToRight);
    assert!(!mermaid.contains("<script") && !mermaid.contains("\\"));
    assert!(
        mermaid.contains("n0[\"a#34;#93;#59; #60;script#62;alert#40;1#41;"),
        "{mermaid}"
    );
    let dot = graph.to_dot(Orientation::LeftToRight);
    assert!(
        dot.contains("label=\"a\\\"]; <script>alert(1)</script> \\\\\\na\\\"]"),
        "{dot}"
    );
}

#[test]
fn mermaid_and_dot_name_every_node_and_edge() {
    let mermaid = pipeline().to_mermaid(Orientation::TopToBottom);
    assert!(mermaid.starts_with("flowchart TB\n"));
    assert!(mermaid.contains("    n3[\"fit<br/>train ×18\"]:::run\n    n4"));
    assert!(mermaid.contains("    n1 -->|\"valid\"| n3\n    n3 --> n4\n"));
    assert!(mermaid.contains("    classDef failed "));
    let dot = pipeline().to_dot(Orientation::LeftToRight);
    assert!(dot.contains("rankdir=LR;"));
    assert!(dot.contains("    n3 [label=\"fit\\ntrain ×18\", "));
    assert!(dot.contains("    n1 -> n3 [label=\"valid\"];\n    n3 -> n4;\n"));
}

#[test]
fn a_graph_without_steps_says_so() {
    assert!(
        Graph::default()
            .to_svg(Orientation::LeftToRight)
            .contains("The pipeline has no steps.")
    );
}

#[test]
#[ignore = "prints a time; run it with --ignored --nocapture"]
fn layout_of_a_thousand_nodes() {
    let graph = large(1000);
    let mut times: Vec<Duration> = (0..11)
        .map(|_| {
            let start = std::time::Instant::now();
            assert!(graph.to_svg(Orientation::LeftToRight).len() > 1000);
            start.elapsed()
        })
        .collect();
    times.sort();
    println!(
        "1,000 nodes, {} edges: median {:?}, slowest {:?}",
        graph.edges.len(),
        times[5],
        times[10]
    );
}

proptest! {
    #[test]
    fn no_graph_can_break_the_drawing(
        nodes in 0usize..20,
        edges in prop::collection::vec((0usize..24, 0usize..24, "[a-z<&\"]{0,6}"), 0..60),
        name in any::<String>(),
    ) {
        let states = State::ALL;
        let graph = Graph {
            nodes: (0..nodes).map(|index| node(&name, "kind", index, states[index % 5])).collect(),
            edges: edges.iter().map(|(from, to, label)| edge(*from, *to, label)).collect(),
        };
        for orientation in [Orientation::LeftToRight, Orientation::TopToBottom] {
            let svg = graph.to_svg(orientation);
            Document::parse(&svg).unwrap();
            prop_assert!(!svg.contains("=\"NaN") && !svg.contains("=\"inf"));
            graph.to_mermaid(orientation);
            graph.to_dot(orientation);
        }
    }
}
