//! `op = "train"`: one file a method.
//!
//! A method is a struct of its own parameters that implements [`Method`], in a file here, and a line `Kind::of::<Train<...>>()`
//! in the list of kinds. [`Train`] adds what all methods take.
//!
//! | file | what it holds |
//! |---|---|
//! | `naive_bayes` | `method = "naive_bayes"` |
//! | `logistic_regression` | `method = "logistic_regression"` |
//! | `examples` | the labelled rows: their parameters, and how they are read |
//! | `linear` | what methods share that learn weights of a vectorizer's features |

mod examples;
mod linear;
pub mod logistic_regression;
pub mod naive_bayes;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value as Json;

use super::{
    Check, Context, InputPort, OutputPort, PortType, Resources, Step, StepError, StepKind,
};
use examples::Examples;

/// A way to learn from labelled rows.
pub trait Method: DeserializeOwned + Serialize + JsonSchema + Send + Sync + 'static {
    /// The value of `method`.
    const NAME: &'static str;
    /// Raised whenever the same parameters and inputs give another model than before.
    const VERSION: u32;

    /// What feeds it beside the port `train`.
    fn inputs(&self) -> Vec<InputPort>;

    /// Checks its parameters and inputs.
    fn check(&self, _check: &mut Check) {}

    /// Whether it draws random numbers.
    fn seeded(&self) -> bool {
        false
    }

    /// What it needs while it runs.
    fn resources(&self) -> Resources {
        Resources::default()
    }

    /// Learns from the rows and writes the model's folder.
    fn train(&self, examples: &Examples, context: &Context<'_>) -> Result<(), StepError>;
}

/// A method with the rows that it learns from.
#[derive(Debug, Serialize)]
pub struct Train<M> {
    #[serde(flatten)]
    examples: Examples,
    #[serde(flatten)]
    method: M,
}

/// Every key belongs to the rows or else to the method, and both refuse what they do not know. serde's `flatten` cannot be
/// combined with `deny_unknown_fields`.
impl<'de, M: Method> Deserialize<'de> for Train<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Train<M>, D::Error> {
        let (examples, method): (serde_json::Map<String, Json>, _) =
            serde_json::Map::deserialize(deserializer)?
                .into_iter()
                .partition(|(name, _)| Examples::FIELDS.contains(&name.as_str()));
        Ok(Train {
            examples: Examples::deserialize(Json::Object(examples)).map_err(D::Error::custom)?,
            method: M::deserialize(Json::Object(method)).map_err(D::Error::custom)?,
        })
    }
}

impl<M: Method> JsonSchema for Train<M> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        M::schema_name()
    }

    /// The method's schema, with the properties of the rows before its own.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let examples = Examples::json_schema(generator);
        let mut schema = M::json_schema(generator);
        let mut properties = serde_json::Map::new();
        for part in [examples.get("properties"), schema.get("properties")] {
            if let Some(Json::Object(part)) = part {
                properties.extend(part.clone());
            }
        }
        schema.insert("properties".to_owned(), Json::Object(properties));
        schema
    }
}

impl<M: Method> StepKind for Train<M> {
    const OP: &'static str = "train";
    const METHOD: Option<&'static str> = Some(M::NAME);
    const VERSION: u32 = M::VERSION;
}

impl<M: Method> Step for Train<M> {
    fn inputs(&self) -> Vec<InputPort> {
        let mut inputs = vec![InputPort::one("train", PortType::Table)];
        inputs.extend(self.method.inputs());
        inputs
    }

    fn outputs(&self) -> Vec<OutputPort> {
        vec![OutputPort::new("model", PortType::Model)]
    }

    fn check(&self, check: &mut Check) {
        self.examples.check(check);
        self.method.check(check);
    }

    fn resources(&self) -> Resources {
        self.method.resources()
    }

    fn seeded(&self) -> bool {
        self.method.seeded()
    }

    fn run(&self, context: &Context<'_>) -> Result<(), StepError> {
        self.method.train(&self.examples, context)
    }
}

#[cfg(test)]
mod tests;
