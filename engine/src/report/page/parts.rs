//! The sections around the results: graph, parameters, environment and pipeline file.

use super::{Page, Section, toml};
use crate::report::graph::Orientation;
use crate::report::markup::{escaped, push};
use crate::report::number;
use crate::report::svg::{natural_width, style_element};

pub(super) fn graph(page: &Page) -> Section {
    let mut body = String::new();
    if !page.graph.nodes.is_empty() {
        for (class, orientation) in [
            ("across", Orientation::LeftToRight),
            ("down", Orientation::TopToBottom),
        ] {
            let svg = page.graph.to_linked_svg(orientation);
            push(
                &mut body,
                format_args!(
                    "<div class=\"graph {class} scroll\" style=\"--natural:{:.0}px\" tabindex=\"0\" role=\"region\" \
                     aria-label=\"Graph of the steps\">{}</div>\n",
                    natural_width(&svg),
                    svg.replacen(style_element(), "", 1)
                ),
            );
        }
    }
    Section {
        id: "graph",
        title: "Graph",
        body,
    }
}

pub(super) fn parameters(page: &Page) -> Section {
    let mut body = String::new();
    if !page.parameters.is_empty() {
        body.push_str("<dl class=\"pairs\">");
        for parameter in &page.parameters {
            let mark = if parameter.overridden {
                " <em>set on the command line</em>"
            } else {
                ""
            };
            push(
                &mut body,
                format_args!(
                    "<div><dt>{}</dt><dd><code>{}</code>{mark}</dd></div>",
                    escaped(&parameter.name),
                    escaped(&parameter.value)
                ),
            );
        }
        body.push_str("</dl>\n");
    }
    Section {
        id: "parameters",
        title: "Parameters",
        body,
    }
}

pub(super) fn environment(page: &Page) -> Section {
    let mut body = String::new();
    if !page.environment.is_empty() {
        body.push_str("<dl class=\"pairs\">");
        for (name, value) in &page.environment {
            push(
                &mut body,
                format_args!(
                    "<div><dt>{}</dt><dd>{}</dd></div>",
                    escaped(name),
                    escaped(value)
                ),
            );
        }
        body.push_str("</dl>\n");
    }
    Section {
        id: "environment",
        title: "Environment",
        body,
    }
}

pub(super) fn source(page: &Page) -> Section {
    let mut body = String::new();
    let text = page.source.text.trim_end();
    if !text.is_empty() {
        let lines = text.lines().count();
        push(
            &mut body,
            format_args!(
                "<p class=\"note\"><code>{}</code> · {} line{}</p>\n<pre class=\"source scroll\" tabindex=\"0\" \
                 role=\"region\" aria-label=\"Pipeline file\"><code>{}</code></pre>\n",
                escaped(&page.source.path),
                number::count(lines as u64),
                if lines == 1 { "" } else { "s" },
                toml::highlighted(text)
            ),
        );
    }
    Section {
        id: "source",
        title: "Pipeline file",
        body,
    }
}
