//! The reference in a terminal.

use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

use super::{Parameter, Reference};
use crate::report::table::{Column, TextTable};

/// Lines are no longer than this, however wide the terminal is: people read columns.
const WIDEST: usize = 100;

/// A line a kind: its name and the first sentence of its description.
pub fn list(references: &[&Reference], width: Option<usize>) -> String {
    let names = references.iter().map(|reference| reference.name.width());
    let name_width = names.max().unwrap_or(0);
    let mut text = String::new();
    for reference in references {
        let summary = wrapped(&reference.summary(), name_width + 2, limit(width));
        let _infallible = writeln!(
            text,
            "{:name_width$}  {}",
            reference.name,
            summary.trim_start()
        );
    }
    text
}

/// All that is said of a kind.
pub fn to_text(reference: &Reference, width: Option<usize>) -> String {
    let limit = limit(width);
    let mut text = format!(
        "{}\n\n{}\n",
        reference.name,
        wrapped(&reference.description, 0, limit)
    );
    if !reference.parameters.is_empty() {
        text.push_str("\nparameters\n");
        for parameter in &reference.parameters {
            describe(&mut text, parameter, 2, limit);
        }
    }
    if let Some(ports) = &reference.ports {
        let _infallible = write!(text, "\n{}\n\n", wrapped(&ports.title(), 0, limit));
        let mut table =
            TextTable::new([Column::text("port"), Column::text("type"), Column::text("")]);
        table.rows = ports.rows();
        text.push_str(&table.to_text(width));
    }
    text
}

fn describe(text: &mut String, parameter: &Parameter, indent: usize, limit: usize) {
    let mut facts = vec![parameter.takes.clone()];
    match (&parameter.default, parameter.is_required) {
        (_, true) => facts.push("must be given".to_owned()),
        (Some(default), false) => facts.push(format!("default {default}")),
        (None, false) => {}
    }
    if parameter.is_speed_only {
        facts.push("changes only speed".to_owned());
    }
    let head = wrapped(
        &format!("{}: {}", parameter.name, facts.join("; ")),
        indent,
        limit,
    );
    let _infallible = writeln!(text, "{head}");
    if !parameter.description.is_empty() {
        let _infallible = writeln!(
            text,
            "{}",
            wrapped(&parameter.description, indent + 4, limit)
        );
    }
    for choice in parameter
        .choices
        .iter()
        .filter(|choice| !choice.description.is_empty())
    {
        let line = format!("{}: {}", choice.value, choice.description);
        let _infallible = writeln!(text, "{}", wrapped(&line, indent + 4, limit));
    }
    for entry in &parameter.entries {
        describe(text, entry, indent + 4, limit);
    }
}

fn limit(width: Option<usize>) -> usize {
    width.unwrap_or(WIDEST).min(WIDEST)
}

/// A text broken into lines of at most `limit` characters, each behind `indent` spaces. Paragraphs, items of lists and
/// code keep their own lines.
fn wrapped(text: &str, indent: usize, limit: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut open = false;
    let mut is_code = false;
    for line in text.trim().lines() {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        if is_code || is_fence || line.starts_with("    ") {
            if !is_fence {
                lines.push(line.trim_end().to_owned());
            }
            open = false;
            continue;
        }
        let words = line.trim();
        let is_item = words.starts_with("- ") || words.starts_with("* ") || words.starts_with("| ");
        if words.is_empty() || is_item {
            open = false;
        }
        if words.is_empty() {
            lines.push(String::new());
            continue;
        }
        for word in words.split(' ').filter(|word| !word.is_empty()) {
            match lines.last_mut() {
                Some(last) if open && indent + last.width() + 1 + word.width() <= limit => {
                    last.push(' ');
                    last.push_str(word);
                }
                _ => lines.push(word.to_owned()),
            }
            open = true;
        }
    }
    let lines = lines.iter().map(|line| match line.is_empty() {
        true => String::new(),
        false => format!("{}{line}", " ".repeat(indent)),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_filled_and_lists_and_code_keep_their_lines() {
        let text = "One two three\nfour five.\n\n- six seven eight nine ten\n- b\n\n```\nlet x;   // code\n```";
        assert_eq!(
            wrapped(text, 2, 20),
            "  One two three four\n  five.\n\n  - six seven eight\n  nine ten\n  - b\n\n  let x;   // code"
        );
    }

    #[test]
    fn a_word_longer_than_the_line_stands_alone() {
        assert_eq!(wrapped("a bbbbbbbbbb c", 0, 5), "a\nbbbbbbbbbb\nc");
    }
}
