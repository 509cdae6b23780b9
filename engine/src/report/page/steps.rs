//! What each step did, why, and when.

use std::time::Duration;

use super::{Instance, Page, Section, Step};
use crate::report::graph::State;
use crate::report::markup::{escaped, push, step_anchor};
use crate::report::number::{self, MISSING};

/// Instances listed for one step; the rest is counted.
const LISTED: usize = 500;

pub(super) fn steps(page: &Page) -> Section {
    let mut body = String::new();
    if !page.steps.is_empty() {
        let span = span(page);
        push(
            &mut body,
            format_args!(
                "<div class=\"steps\">\n<div class=\"row head\" aria-hidden=\"true\"><span>Step</span><span>State</span>\
                 <span class=\"time\"><i>0</i><i>{}</i></span><span>Wall time</span><span>Peak memory</span>\
                 <span>Output</span></div>\n",
                number::duration(span)
            ),
        );
        page.steps
            .iter()
            .for_each(|step| push_step(&mut body, step, span));
        body.push_str("</div>\n");
    }
    Section {
        id: "steps",
        title: "Steps",
        body,
    }
}

/// The time that the timeline covers.
fn span(page: &Page) -> Duration {
    let ends = page
        .steps
        .iter()
        .flat_map(|step| &step.instances)
        .map(|instance| instance.started + instance.wall);
    ends.fold(page.duration, Duration::max)
}

fn push_step(out: &mut String, step: &Step, span: Duration) {
    let single = step.instances.len() == 1;
    push(
        out,
        format_args!(
            "<details class=\"step {}\" id=\"{}\"><summary class=\"row\"><span class=\"name\"><b>{}</b> <small>{}{}</small>",
            step.state().name(),
            step_anchor(&step.name),
            escaped(&step.name),
            escaped(&step.kind),
            if single {
                String::new()
            } else {
                format!(" ×{}", number::count(step.instances.len() as u64))
            },
        ),
    );
    let why = reasons(step);
    if !why.is_empty() {
        push(
            out,
            format_args!("<small class=\"why\">{}</small>", escaped(&why)),
        );
    }
    out.push_str("</span><span class=\"states\">");
    for (state, count) in counts(step) {
        let count = if single {
            String::new()
        } else {
            format!("{} ", number::count(count as u64))
        };
        push(
            out,
            format_args!("<span class=\"state {0}\">{count}{0}</span>", state.name()),
        );
    }
    out.push_str("</span>");
    push_track(out, &step.instances, span);
    let wall = step.instances.iter().map(|instance| instance.wall).sum();
    let peak = step
        .instances
        .iter()
        .filter_map(|instance| instance.peak_memory)
        .max();
    let bytes = step
        .instances
        .iter()
        .flat_map(|instance| &instance.outputs)
        .map(|output| output.bytes)
        .sum();
    push_figures(out, wall, peak, bytes, Cells::Row);
    out.push_str("</summary><div class=\"inside\">");
    push_inside(out, step, span);
    out.push_str("</div></details>\n");
}

/// The distinct reasons of the instances, at most two of them in full.
fn reasons(step: &Step) -> String {
    let mut distinct: Vec<&str> = Vec::new();
    for instance in step
        .instances
        .iter()
        .filter(|instance| !instance.why.is_empty())
    {
        if !distinct.contains(&instance.why.as_str()) {
            distinct.push(&instance.why);
        }
        if distinct.len() > 3 {
            break;
        }
    }
    match distinct.len() {
        0..=2 => distinct.join(" · "),
        3 => format!("{} · and another reason", distinct[..2].join(" · ")),
        _ => format!("{} · and other reasons", distinct[..2].join(" · ")),
    }
}

fn counts(step: &Step) -> Vec<(State, usize)> {
    if step.instances.is_empty() {
        return vec![(step.state(), 0)];
    }
    let count = |state| {
        step.instances
            .iter()
            .filter(|instance| instance.state == state)
            .count()
    };
    State::ALL
        .into_iter()
        .map(|state| (state, count(state)))
        .filter(|(_, count)| *count > 0)
        .collect()
}

/// When the instances ran, as bars along the duration of the run.
fn push_track(out: &mut String, instances: &[Instance], span: Duration) {
    let percent = |duration: Duration| {
        if span.is_zero() {
            0.0
        } else {
            duration.as_secs_f64() / span.as_secs_f64() * 100.0
        }
    };
    let ran = |instance: &&Instance| matches!(instance.state, State::Run | State::Failed);
    let class = if instances.iter().any(|instance| ran(&instance)) {
        "track"
    } else {
        "track missing"
    };
    push(
        out,
        format_args!("<span class=\"{class}\" aria-hidden=\"true\">"),
    );
    for instance in instances.iter().filter(ran).take(LISTED) {
        push(
            out,
            format_args!(
                "<i class=\"{}\" style=\"left:{:.2}%;width:{:.2}%\" title=\"{} to {}\"></i>",
                instance.state.name(),
                percent(instance.started),
                percent(instance.wall),
                number::duration(instance.started),
                number::duration(instance.started + instance.wall)
            ),
        );
    }
    out.push_str("</span>");
}

/// Wall time, peak memory and size of the outputs, as cells of a table or, with their names for where there is no
/// header, of a row.
fn push_figures(out: &mut String, wall: Duration, peak: Option<u64>, bytes: u64, cells: Cells) {
    let figures = [
        (
            "Wall time",
            (!wall.is_zero()).then(|| number::duration(wall)),
        ),
        ("Peak memory", peak.map(number::bytes)),
        ("Output", (bytes > 0).then(|| number::bytes(bytes))),
    ];
    for (label, figure) in figures {
        let class = if figure.is_some() {
            "number"
        } else {
            "number missing"
        };
        let value = figure.unwrap_or_else(|| MISSING.to_owned());
        match cells {
            Cells::Table => push(out, format_args!("<td class=\"{class}\">{value}</td>")),
            Cells::Row => push(
                out,
                format_args!(
                    "<span class=\"{class}\"><span class=\"label\">{label} </span>{value}</span>"
                ),
            ),
        }
    }
}

#[derive(Clone, Copy)]
enum Cells {
    Table,
    Row,
}

fn push_inside(out: &mut String, step: &Step, span: Duration) {
    if !step.parameters.is_empty() {
        out.push_str("<h4>Parameters</h4><dl class=\"pairs\">");
        for (name, value) in &step.parameters {
            push(
                out,
                format_args!(
                    "<div><dt>{}</dt><dd><code>{}</code></dd></div>",
                    escaped(name),
                    escaped(value)
                ),
            );
        }
        out.push_str("</dl>");
    }
    if let [instance] = step.instances.as_slice() {
        push_outputs(out, instance);
    } else if !step.instances.is_empty() {
        push_instances(out, step, span);
    }
}

fn push_outputs(out: &mut String, instance: &Instance) {
    if instance.outputs.is_empty() {
        out.push_str("<p class=\"note\">It has no outputs.</p>");
        return;
    }
    out.push_str("<h4>Outputs</h4><dl class=\"pairs\">");
    for output in &instance.outputs {
        push(
            out,
            format_args!(
                "<div><dt>{}</dt><dd>{}{}{}</dd></div>",
                escaped(&output.port),
                escaped(&output.detail),
                if output.detail.is_empty() { "" } else { " · " },
                number::bytes(output.bytes)
            ),
        );
    }
    out.push_str("</dl>");
}

fn push_instances(out: &mut String, step: &Step, span: Duration) {
    push(
        out,
        format_args!(
            "<h4>Instances</h4><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Instances of {}\">\
             <table class=\"instances\"><thead><tr><th scope=\"col\">Instance</th><th scope=\"col\">State</th>\
             <th scope=\"col\">Why it ran</th><th scope=\"col\">Timeline</th><th scope=\"col\" class=\"number\">Wall time</th>\
             <th scope=\"col\" class=\"number\">Peak memory</th><th scope=\"col\" class=\"number\">Output</th></tr></thead><tbody>",
            escaped(&step.name)
        ),
    );
    for instance in step.instances.iter().take(LISTED) {
        push(
            out,
            format_args!(
                "<tr><td>{}</td><td><span class=\"state {1}\">{1}</span></td><td>{2}</td><td>",
                escaped(&instance.coordinates),
                instance.state.name(),
                escaped(&instance.why)
            ),
        );
        push_track(out, std::slice::from_ref(instance), span);
        out.push_str("</td>");
        let bytes = instance.outputs.iter().map(|output| output.bytes).sum();
        push_figures(
            out,
            instance.wall,
            instance.peak_memory,
            bytes,
            Cells::Table,
        );
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>");
    if step.instances.len() > LISTED {
        let rest = number::count((step.instances.len() - LISTED) as u64);
        push(
            out,
            format_args!("<p class=\"note\">… and {rest} more instances</p>"),
        );
    }
}
