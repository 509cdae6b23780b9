//! Ports: what a step takes and what it gives.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What flows along an edge; each is a file or folder that other tools read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PortType {
    /// Rows and columns, as Parquet.
    Table,
    /// A fitted model: a folder.
    Model,
    /// A fitted vectorizer: a folder.
    Vectorizer,
    /// A vocabulary and how texts become tokens of it: a folder with tokenizer.json. A model's folder is one, too.
    Tokenizer,
    /// Vectors to search among: a folder with index.faiss and config.json.
    Index,
    /// Numbers, as JSON.
    Metrics,
    /// A figure, as SVG.
    Figure,
    /// Any file, as a command made it.
    File,
}

impl PortType {
    /// The word used in messages.
    pub fn name(self) -> &'static str {
        match self {
            PortType::Table => "table",
            PortType::Model => "model",
            PortType::Vectorizer => "vectorizer",
            PortType::Tokenizer => "tokenizer",
            PortType::Index => "index",
            PortType::Metrics => "metrics",
            PortType::Figure => "figure",
            PortType::File => "file",
        }
    }

    /// Whether an output of this type may feed an input of type `input`. Every artifact is a file, so `file` takes all, and a
    /// model brings its tokenizer.
    pub fn feeds(self, input: PortType) -> bool {
        self == input
            || input == PortType::File
            || (self, input) == (PortType::Model, PortType::Tokenizer)
    }
}

/// How many artifacts an input port takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// Exactly one; several tables are put together, with their coordinates as columns.
    One,
    /// One or none.
    Optional,
    /// One or more, each with its coordinates.
    Many,
    /// Any number, each with its coordinates.
    Any,
}

impl Arity {
    /// Whether several artifacts may feed the port, each seen by itself.
    pub fn takes_several(self) -> bool {
        matches!(self, Arity::Many | Arity::Any)
    }

    /// Whether the port may be left open.
    pub fn may_be_open(self) -> bool {
        matches!(self, Arity::Optional | Arity::Any)
    }
}

/// An input port.
#[derive(Clone, Debug)]
pub struct InputPort {
    /// Its name.
    pub name: String,
    /// What it takes.
    pub port_type: PortType,
    /// How many.
    pub arity: Arity,
}

impl InputPort {
    /// A port that takes exactly one artifact.
    pub fn one(name: impl Into<String>, port_type: PortType) -> InputPort {
        InputPort {
            name: name.into(),
            port_type,
            arity: Arity::One,
        }
    }

    /// A port that may be left open.
    pub fn optional(name: impl Into<String>, port_type: PortType) -> InputPort {
        InputPort {
            name: name.into(),
            port_type,
            arity: Arity::Optional,
        }
    }

    /// A port that takes any number of artifacts, none included.
    pub fn any(name: impl Into<String>, port_type: PortType) -> InputPort {
        InputPort {
            name: name.into(),
            port_type,
            arity: Arity::Any,
        }
    }

    /// A port that takes one or more artifacts.
    pub fn many(name: impl Into<String>, port_type: PortType) -> InputPort {
        InputPort {
            name: name.into(),
            port_type,
            arity: Arity::Many,
        }
    }
}

/// How an output is shown once the run is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// Only on demand, by `engine show`.
    OnDemand,
    /// In the report.
    InReport,
    /// In the report and at the end of the run on the terminal.
    Headline,
}

/// An output port.
#[derive(Clone, Debug)]
pub struct OutputPort {
    /// Its name.
    pub name: String,
    /// What it gives.
    pub port_type: PortType,
    /// Where it is shown.
    pub show: Show,
}

impl OutputPort {
    /// A port whose content is shown on demand only.
    pub fn new(name: impl Into<String>, port_type: PortType) -> OutputPort {
        OutputPort {
            name: name.into(),
            port_type,
            show: Show::OnDemand,
        }
    }

    /// The same port, shown in the report.
    pub fn in_report(self) -> OutputPort {
        OutputPort {
            show: Show::InReport,
            ..self
        }
    }

    /// The same port, shown in the report and on the terminal when the run ends.
    pub fn headline(self) -> OutputPort {
        OutputPort {
            show: Show::Headline,
            ..self
        }
    }
}
