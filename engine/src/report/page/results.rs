//! What a run found: failures, figures, metrics and tables.

use super::{Drawing, Figure, Page, Section, Table};
use crate::report::markup::{escaped, push, step_anchor};
use crate::report::number;
use crate::report::svg::{natural_width, style_element};

/// Drawings wider than this take a row of their own.
const HALF_ROW: f64 = 700.0;

pub(super) fn failures(page: &Page) -> Section {
    let mut body = String::new();
    for failure in &page.failures {
        push(
            &mut body,
            format_args!(
                "<article class=\"failure\"><h3><a href=\"#{}\">{}</a>",
                step_anchor(&failure.step),
                escaped(&failure.step)
            ),
        );
        if !failure.coordinates.is_empty() {
            push(
                &mut body,
                format_args!(
                    " <span class=\"coordinates\">{}</span>",
                    escaped(&failure.coordinates)
                ),
            );
        }
        push(
            &mut body,
            format_args!(
                "</h3><p class=\"message\">{}</p>",
                escaped(&failure.message)
            ),
        );
        if !failure.help.is_empty() {
            push(
                &mut body,
                format_args!(
                    "<p class=\"help\"><b>Help</b> {}</p>",
                    escaped(&failure.help)
                ),
            );
        }
        if !failure.output.is_empty() {
            push(
                &mut body,
                format_args!(
                    "<pre class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Output of {}\">{}</pre>",
                    escaped(&failure.step),
                    escaped(failure.output.trim_end())
                ),
            );
        }
        body.push_str("</article>\n");
    }
    Section {
        id: "failures",
        title: "Failures",
        body,
    }
}

pub(super) fn figures(page: &Page) -> Section {
    let mut body = String::new();
    if !page.figures.is_empty() {
        body.push_str("<div class=\"figures\">\n");
        page.figures
            .iter()
            .for_each(|figure| push_figure(&mut body, figure));
        body.push_str("</div>\n");
    }
    Section {
        id: "figures",
        title: "Figures",
        body,
    }
}

fn push_figure(body: &mut String, figure: &Figure) {
    let (class, drawing) = match &figure.drawing {
        Drawing::Own(svg) => {
            let class = if natural_width(svg) > HALF_ROW {
                "figure full"
            } else {
                "figure"
            };
            (class, svg.replacen(style_element(), "", 1))
        }
        Drawing::Foreign(svg) => (
            "figure",
            format!(
                "<img alt=\"{}\" src=\"{}\">",
                escaped(&figure.title),
                data_uri(svg)
            ),
        ),
    };
    push(
        body,
        format_args!(
            "<figure class=\"{class}\">{drawing}<figcaption><b>{}</b>",
            escaped(&figure.title)
        ),
    );
    if !figure.note.is_empty() {
        push(body, format_args!(" {}", escaped(&figure.note)));
    }
    body.push_str("</figcaption></figure>\n");
}

fn data_uri(svg: &str) -> String {
    let mut uri = String::from("data:image/svg+xml,");
    for byte in svg.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            push(&mut uri, format_args!("%{byte:02X}"));
        }
    }
    uri
}

pub(super) fn metrics(page: &Page) -> Section {
    let mut body = String::new();
    for group in &page.metrics {
        push(
            &mut body,
            format_args!("<h3>{}</h3><dl class=\"metrics\">", escaped(&group.title)),
        );
        for metric in &group.metrics {
            push(
                &mut body,
                format_args!(
                    "<div><dt>{}</dt><dd>{}",
                    escaped(&metric.name),
                    number::fraction(metric.value)
                ),
            );
            if let Some((low, high)) = metric.interval {
                push(
                    &mut body,
                    format_args!(
                        "<small>{} to {}</small>",
                        number::fraction(low),
                        number::fraction(high)
                    ),
                );
            }
            body.push_str("</dd></div>");
        }
        body.push_str("</dl>\n");
    }
    Section {
        id: "metrics",
        title: "Metrics",
        body,
    }
}

pub(super) fn tables(page: &Page) -> Section {
    let mut body = String::new();
    for tables in page
        .tables
        .chunk_by(|a, b| !a.group.is_empty() && a.group == b.group)
    {
        let group = tables.first().map_or("", |table| table.group.as_str());
        if !group.is_empty() {
            push(
                &mut body,
                format_args!(
                    "<details class=\"group\"><summary>{}</summary><div class=\"inside\">\n",
                    escaped(group)
                ),
            );
        }
        tables.iter().for_each(|table| push_table(&mut body, table));
        if !group.is_empty() {
            body.push_str("</div></details>\n");
        }
    }
    Section {
        id: "tables",
        title: "Tables",
        body,
    }
}

fn push_table(body: &mut String, table: &Table) {
    push(
        body,
        format_args!("<div class=\"table\"><h3>{}</h3>", escaped(&table.title)),
    );
    if !table.note.is_empty() {
        push(
            body,
            format_args!("<p class=\"note\">{}</p>", escaped(&table.note)),
        );
    }
    push(
        body,
        format_args!(
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{}\">{}</div></div>\n",
            escaped(&table.title),
            table.content.to_html()
        ),
    );
}
