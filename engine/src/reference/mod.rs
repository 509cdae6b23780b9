//! The reference of pipeline files, drawn from what the kinds of steps say of themselves: doc comments, JSON Schemas
//! and ports. Nothing is documented here that is documented there.

mod example;
mod file;
mod markdown;
mod parameter;
mod placeholder;
mod text;

pub use file::{Key, file_schema, pipeline_keys, step_keys};
pub use markdown::{section, to_markdown};
pub use parameter::{Choice, Parameter};
pub use text::{list, to_text};

use crate::steps::port::Show;
use crate::steps::{Arity, InputPort, Kind, OutputPort};

/// All that is said of a kind.
#[derive(Debug)]
pub struct Reference {
    /// `load`, `train.naive_bayes`.
    pub name: String,
    /// The value of `op`.
    pub op: &'static str,
    /// The value of `method`, if the op has several.
    pub method: Option<&'static str>,
    /// What it does, in paragraphs.
    pub description: String,
    /// What it can be told: first what it must be told.
    pub parameters: Vec<Parameter>,
    /// Its ports with the parameters of [`Ports::parameters`]; `None` where no example could be made.
    pub ports: Option<Ports>,
}

/// The ports of a kind. They may depend on its parameters.
#[derive(Debug)]
pub struct Ports {
    /// The parameters with which these are the ports, as lines of TOML.
    pub parameters: Vec<String>,
    /// What may feed it.
    pub inputs: Vec<InputPort>,
    /// What it writes.
    pub outputs: Vec<OutputPort>,
}

impl Ports {
    /// What the table of ports is about.
    pub fn title(&self) -> String {
        match self.parameters.as_slice() {
            [] => "Ports:".to_owned(),
            lines => format!("Ports, with `{}`:", lines.join("`, `")),
        }
    }

    /// A row a port: its name, its type, and what else there is to know.
    pub fn rows(&self) -> Vec<Vec<String>> {
        let inputs = self.inputs.iter().map(|port| {
            let arity = match port.arity {
                Arity::One => "input",
                Arity::Optional => "input, may be left open",
                Arity::Many => "input, one or more",
                Arity::Any => "input, any number",
            };
            [port.name.as_str(), port.port_type.name(), arity]
        });
        let outputs = self.outputs.iter().map(|port| {
            let show = match port.show {
                Show::OnDemand => "output",
                Show::InReport => "output, in the report",
                Show::Headline => "output, in the report and at the end of a run",
            };
            [port.name.as_str(), port.port_type.name(), show]
        });
        inputs
            .chain(outputs)
            .map(|row| row.map(str::to_owned).to_vec())
            .collect()
    }
}

impl Reference {
    /// The reference of a kind.
    pub fn of(kind: &Kind) -> Reference {
        let schema = kind.schema();
        let description = schema.get("description").and_then(|text| text.as_str());
        Reference {
            name: kind.name().into_owned(),
            op: kind.op,
            method: kind.method,
            description: description.unwrap_or_default().to_owned(),
            parameters: Parameter::all_of(schema),
            ports: example::ports(kind),
        }
    }

    /// The first sentence of its description, on one line.
    pub fn summary(&self) -> String {
        first_sentence(&self.description)
    }
}

/// The first sentence of a text, on one line.
pub fn first_sentence(text: &str) -> String {
    let paragraph: Vec<&str> = text
        .lines()
        .take_while(|line| !line.trim().is_empty())
        .map(str::trim)
        .collect();
    let paragraph = paragraph.join(" ");
    // A full stop ends a sentence where a capital follows; "e.g. this" goes on.
    let ends = paragraph.match_indices(". ").map(|(at, _)| at);
    let end = ends
        .filter(|&at| paragraph[at + 2..].starts_with(|c: char| !c.is_lowercase()))
        .min();
    end.map_or(paragraph.clone(), |at| paragraph[..=at].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_the_first_sentence() {
        assert_eq!(
            first_sentence("Reads files,\ne.g. of issues. More follows.\n\nAnd more."),
            "Reads files, e.g. of issues."
        );
        assert_eq!(first_sentence("No stop"), "No stop");
        assert_eq!(first_sentence(""), "");
    }
}
