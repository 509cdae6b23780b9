//! A step kind: its name, its version, its reference, and how to build one from parameters.

use std::borrow::Cow;
use std::sync::OnceLock;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::Step;

/// What a struct of parameters adds to [`Step`] to become a kind that pipelines can name.
///
/// Fields that change only speed carry `#[serde(skip_serializing)]`, which keeps them out of keys, and
/// `#[schemars(extend("x-speed-only" = true))]`, which says so in the reference.
pub trait StepKind: Step + DeserializeOwned + Serialize + JsonSchema + 'static {
    /// The value of `op`.
    const OP: &'static str;
    /// The value of `method`, for ops that have several.
    const METHOD: Option<&'static str> = None;
    /// Whether the op means this method where a file names none.
    const DEFAULT_METHOD: bool = false;
    /// Raised whenever the same parameters and inputs give other bytes than before.
    const VERSION: u32;
}

/// One entry of the registry.
pub struct Kind {
    /// The value of `op`.
    pub op: &'static str,
    /// The value of `method`, if the op has several.
    pub method: Option<&'static str>,
    /// Whether the op means this method where a file names none.
    pub default_method: bool,
    /// The version that is part of every key.
    pub version: u32,
    schema: fn() -> Json,
    schema_once: OnceLock<Json>,
    build: fn(Json) -> Result<Built, serde_json::Error>,
}

/// A step built from its parameters.
pub struct Built {
    /// The step.
    pub step: Box<dyn Step>,
    /// Its parameters with every default filled in and what changes only speed left out.
    pub canonical: Json,
}

impl Kind {
    /// The registry entry of a kind.
    pub const fn of<K: StepKind>() -> Kind {
        Kind {
            op: K::OP,
            method: K::METHOD,
            default_method: K::DEFAULT_METHOD,
            version: K::VERSION,
            schema: || serde_json::to_value(schemars::schema_for!(K)).unwrap_or(Json::Bool(true)),
            schema_once: OnceLock::new(),
            build: |parameters| {
                let step: K = serde_json::from_value(parameters)?;
                let canonical = serde_json::to_value(&step)?;
                Ok(Built {
                    step: Box::new(step),
                    canonical,
                })
            },
        }
    }

    /// `op`, or `op method`: the name in messages and manifests.
    pub fn name(&self) -> Cow<'static, str> {
        match self.method {
            Some(method) => format!("{}.{method}", self.op).into(),
            None => self.op.into(),
        }
    }

    /// The JSON Schema of its parameters, with their doc comments.
    pub fn schema(&self) -> &Json {
        self.schema_once.get_or_init(self.schema)
    }

    /// Builds a step. The error is serde's: it knows no place in the file.
    pub fn build(&self, parameters: Json) -> Result<Built, serde_json::Error> {
        (self.build)(parameters)
    }
}
