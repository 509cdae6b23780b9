//! What a run was and how it ended, at a glance.

use super::{Page, Status};
use crate::report::graph::State;
use crate::report::markup::{escaped, push};
use crate::report::number;

pub(super) fn header(out: &mut String, page: &Page) {
    push(
        out,
        format_args!(
            "<header>\n<p class=\"kicker\">Pipeline run</p>\n<h1>{}<span class=\"status {}\">{}</span></h1>\n",
            escaped(if page.pipeline.is_empty() {
                "unnamed"
            } else {
                &page.pipeline
            }),
            page.status.name(),
            page.status.name(),
        ),
    );
    out.push_str("<dl class=\"facts\">");
    fact(out, "Run", &page.run_id);
    fact(out, "Started", &page.started);
    fact(out, "Duration", &number::duration(page.duration));
    fact(out, "Steps", &steps(page));
    let peak = page
        .steps
        .iter()
        .flat_map(|step| &step.instances)
        .filter_map(|instance| instance.peak_memory)
        .max();
    fact(
        out,
        "Peak memory",
        &peak.map(number::bytes).unwrap_or_default(),
    );
    out.push_str("</dl>\n");
    if !page.command.is_empty() {
        push(
            out,
            format_args!(
                "<div class=\"command\"><code>{}</code><button type=\"button\" class=\"copy\" hidden>Copy</button></div>\n",
                escaped(&page.command)
            ),
        );
    }
    summary(out, page);
    out.push_str("</header>\n");
}

fn fact(out: &mut String, name: &str, value: &str) {
    if !value.is_empty() {
        push(
            out,
            format_args!("<div><dt>{name}</dt><dd>{}</dd></div>", escaped(value)),
        );
    }
}

fn steps(page: &Page) -> String {
    let instances: usize = page.steps.iter().map(|step| step.instances.len()).sum();
    let steps = page.steps.len();
    if instances == steps {
        number::count(steps as u64)
    } else {
        format!(
            "{} in {} instances",
            number::count(steps as u64),
            number::count(instances as u64)
        )
    }
}

/// A bar of how many instances ran, came from the cache, failed and so on.
fn summary(out: &mut String, page: &Page) {
    let states = || {
        page.steps
            .iter()
            .flat_map(|step| &step.instances)
            .map(|instance| instance.state)
    };
    let total = states().count();
    if total == 0 {
        return;
    }
    let mut bar = String::new();
    let mut key = String::new();
    for state in State::ALL {
        let count = states().filter(|other| *other == state).count();
        if count > 0 {
            let (name, count) = (state.name(), number::count(count as u64));
            push(
                &mut bar,
                format_args!(
                    "<i class=\"{name}\" style=\"flex-grow:{}\"></i>",
                    count.replace(',', "")
                ),
            );
            push(
                &mut key,
                format_args!("<li class=\"state {name}\"><b>{count}</b> {name}</li>"),
            );
        }
    }
    let word = match page.status {
        Status::Succeeded => "Instances by state",
        Status::Failed | Status::Interrupted => "Instances by state when the run ended",
    };
    push(
        out,
        format_args!(
            "<div class=\"summary\"><div class=\"shares\" aria-hidden=\"true\">{bar}</div>\
             <ul aria-label=\"{word}\">{key}</ul></div>\n"
        ),
    );
}
