//! The reference as a Markdown page.

use std::fmt::Write;

use super::{Key, Parameter, Ports, Reference, pipeline_keys, step_keys};
use crate::report::table::{Column, TextTable};

/// A page about `references`: the keys of a pipeline file, and a section a kind.
pub fn to_markdown(references: &[Reference]) -> String {
    let mut page = String::from(
        "# Reference\n\n\
         Made by `engine ops --markdown` from the engine itself; `engine ops KIND` shows a section in the terminal, and \
         `engine schema` gives all of it as a JSON Schema for editors.\n",
    );
    keys(&mut page, "The table `[pipeline]`", &pipeline_keys());
    keys(&mut page, "Keys of every step", &step_keys());
    page.push_str("\n## Kinds of steps\n\n");
    for reference in references {
        let anchor = reference.name.replace('.', "");
        push(
            &mut page,
            format_args!(
                "- [`{}`](#{anchor}): {}\n",
                reference.name,
                reference.summary()
            ),
        );
    }
    for reference in references {
        page.push('\n');
        page.push_str(&section(reference));
    }
    page
}

fn keys(page: &mut String, title: &str, keys: &[Key]) {
    push(
        page,
        format_args!("\n## {title}\n\n| key | meaning |\n| :-- | :-- |\n"),
    );
    for key in keys {
        push(
            page,
            format_args!("| `{}` | {} |\n", key.name, cell(key.description)),
        );
    }
}

/// The section about a kind.
pub fn section(reference: &Reference) -> String {
    let description = reference.description.trim();
    let mut section = format!("### {}\n\n{description}\n", reference.name);
    if !reference.parameters.is_empty() {
        section
            .push_str("\n| parameter | takes | default | meaning |\n| :-- | :-- | :-- | :-- |\n");
        rows(&mut section, "", &reference.parameters);
    }
    if let Some(ports) = &reference.ports {
        section.push_str(&ports_table(ports));
    }
    section
}

fn rows(page: &mut String, path: &str, parameters: &[Parameter]) {
    for parameter in parameters {
        let name = match path {
            "" => parameter.name.clone(),
            path => format!("{path}.{}", parameter.name),
        };
        let default = match (&parameter.default, parameter.is_required) {
            (_, true) => "must be given".to_owned(),
            (Some(default), false) => format!("`{}`", default.replace('|', "\\|")),
            (None, false) => "none".to_owned(),
        };
        let mut meaning = cell(&parameter.description);
        if parameter.is_speed_only {
            meaning.push_str(" *Changes only speed.*");
        }
        for choice in parameter
            .choices
            .iter()
            .filter(|choice| !choice.description.is_empty())
        {
            push(
                &mut meaning,
                format_args!("<br>`{}`: {}", choice.value, cell(&choice.description)),
            );
        }
        let takes = cell(&parameter.takes);
        push(
            page,
            format_args!("| `{name}` | {takes} | {default} | {} |\n", meaning.trim()),
        );
        rows(page, &name, &parameter.entries);
    }
}

fn ports_table(ports: &Ports) -> String {
    let mut text = format!("\n{}\n\n", ports.title());
    let mut table = TextTable::new([Column::text("port"), Column::text("type"), Column::text("")]);
    table.rows = ports.rows();
    text.push_str(&table.to_markdown());
    text
}

/// A text in a cell: on one line, its paragraphs kept apart.
fn cell(text: &str) -> String {
    let paragraphs = text.trim().split("\n\n");
    let lines: Vec<String> = paragraphs
        .map(|paragraph| paragraph.replace('\n', " ").replace('|', "\\|"))
        .collect();
    lines.join("<br>")
}

fn push(page: &mut String, words: std::fmt::Arguments<'_>) {
    let _infallible = page.write_fmt(words);
}
