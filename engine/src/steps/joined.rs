//! Two structs of parameters whose keys stand side by side in one table of the file.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value as Json};

/// Parameters that several kinds share.
pub trait Shared: DeserializeOwned + Serialize + JsonSchema {
    /// Their keys.
    const FIELDS: &'static [&'static str];
}

/// `A` and `B` side by side: a key belongs to `A` if `A` knows it, else to `B`, and both refuse what they do not know. serde's
/// `flatten` cannot be combined with `deny_unknown_fields`.
#[derive(Debug, Serialize)]
pub struct Joined<A, B> {
    /// What several kinds share.
    #[serde(flatten)]
    pub shared: A,
    /// What is a kind's own.
    #[serde(flatten)]
    pub own: B,
}

impl<'de, A, B> Deserialize<'de> for Joined<A, B>
where
    A: Shared,
    B: DeserializeOwned,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Joined<A, B>, D::Error> {
        let (shared, own): (Map<String, Json>, Map<String, Json>) = Map::deserialize(deserializer)?
            .into_iter()
            .partition(|(name, _)| A::FIELDS.contains(&name.as_str()));
        Ok(Joined {
            shared: A::deserialize(Json::Object(shared)).map_err(D::Error::custom)?,
            own: B::deserialize(Json::Object(own)).map_err(D::Error::custom)?,
        })
    }
}

impl<A: JsonSchema, B: JsonSchema> JsonSchema for Joined<A, B> {
    fn schema_name() -> Cow<'static, str> {
        B::schema_name()
    }

    /// The schema of `B`, with the properties of `A` before its own.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let shared = A::json_schema(generator);
        let mut schema = B::json_schema(generator);
        let mut properties = Map::new();
        let mut required = Vec::new();
        for part in [&shared, &schema] {
            if let Some(Json::Object(part)) = part.get("properties") {
                properties.extend(part.clone());
            }
            if let Some(Json::Array(part)) = part.get("required") {
                required.extend(part.clone());
            }
        }
        schema.insert("properties".to_owned(), Json::Object(properties));
        if !required.is_empty() {
            schema.insert("required".to_owned(), Json::Array(required));
        }
        schema
    }
}

/// Fails unless the list of keys is that of the struct.
#[cfg(test)]
pub fn assert_fields<A: Shared>() {
    let schema = schemars::schema_for!(A);
    let properties = schema.get("properties").and_then(Json::as_object).unwrap();
    assert_eq!(properties.keys().collect::<Vec<_>>(), A::FIELDS);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    impl Shared for Rows {
        const FIELDS: &'static [&'static str] = &["text"];
    }

    #[derive(Debug, Serialize, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Rows {
        text: String,
    }

    #[derive(Debug, Serialize, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Own {
        #[serde(default)]
        epochs: u32,
    }

    #[test]
    fn keys_go_to_the_struct_that_knows_them() {
        let joined: Joined<Rows, Own> =
            serde_json::from_value(json!({ "epochs": 3, "text": "body" })).unwrap();
        assert_eq!(
            (joined.shared.text.as_str(), joined.own.epochs),
            ("body", 3)
        );
        assert_eq!(
            serde_json::to_value(&joined).unwrap(),
            json!({ "text": "body", "epochs": 3 })
        );
    }

    #[test]
    fn a_key_that_nobody_knows_is_refused() {
        let said = serde_json::from_value::<Joined<Rows, Own>>(json!({ "text": "a", "epoch": 3 }))
            .unwrap_err()
            .to_string();
        assert!(said.contains("unknown field `epoch`"), "{said}");
    }

    #[test]
    fn the_schema_has_the_keys_of_both() {
        let schema = schemars::schema_for!(Joined<Rows, Own>);
        let properties = schema.get("properties").and_then(Json::as_object).unwrap();
        assert_eq!(properties.keys().collect::<Vec<_>>(), ["text", "epochs"]);
        assert_eq!(schema.get("required"), Some(&json!(["text"])));
    }
}
