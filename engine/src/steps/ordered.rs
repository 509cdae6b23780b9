//! Tables of parameters whose order means something.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value as Json;

/// Names and values in the order of the file.
///
/// It is read from a table. Its canonical form, which it is read from too, is a list of tables of one entry each: a key sees the
/// order of a list, and none of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Ordered<T>(Vec<(String, T)>);

impl<T> Ordered<T> {
    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The values.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, value)| value)
    }

    /// Whether there is an entry of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.names().any(|other| other == name)
    }
}

impl<T> Default for Ordered<T> {
    fn default() -> Ordered<T> {
        Ordered(Vec::new())
    }
}

impl<T: Serialize> Serialize for Ordered<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for (name, value) in self.iter() {
            list.serialize_element(&std::collections::BTreeMap::from([(name, value)]))?;
        }
        list.end()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Ordered<T>, D::Error> {
        deserializer.deserialize_any(Entries(PhantomData))
    }
}

struct Entries<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
    type Value = Ordered<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered<T>, A::Error> {
        let mut entries = Vec::with_capacity(map.size_hint().unwrap_or(0));
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Ordered(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Ordered<T>, A::Error> {
        let mut entries = Vec::with_capacity(list.size_hint().unwrap_or(0));
        while let Some(Ordered(one)) = list.next_element::<Ordered<T>>()? {
            entries.extend(one);
        }
        Ok(Ordered(entries))
    }
}

/// The table that a canonical form stands for, or `None` where `json` is no such form.
pub fn as_table(json: &Json) -> Option<Json> {
    let Json::Array(items) = json else {
        return None;
    };
    let mut table = serde_json::Map::new();
    for item in items {
        let Json::Object(entry) = item else {
            return None;
        };
        let (1, Some((name, value))) = (entry.len(), entry.iter().next()) else {
            return None;
        };
        if table.insert(name.clone(), value.clone()).is_some() {
            return None;
        }
    }
    (!table.is_empty()).then_some(Json::Object(table))
}

impl<T: JsonSchema> JsonSchema for Ordered<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Table_of_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        std::collections::BTreeMap::<String, T>::json_schema(generator)
    }

    fn inline_schema() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_table_keeps_its_order_and_its_canonical_form_shows_it() {
        let parts: Ordered<f64> =
            serde_json::from_str(r#"{ "train": 0.5, "dev": 0.3, "a": 0.2 }"#).unwrap();
        assert_eq!(parts.names().collect::<Vec<_>>(), ["train", "dev", "a"]);
        let canonical = serde_json::to_value(&parts).unwrap();
        assert_eq!(
            canonical,
            json!([{ "train": 0.5 }, { "dev": 0.3 }, { "a": 0.2 }])
        );
        assert_eq!(
            serde_json::from_value::<Ordered<f64>>(canonical.clone()).unwrap(),
            parts
        );
        let table = as_table(&canonical).unwrap();
        assert_eq!(table.to_string(), r#"{"train":0.5,"dev":0.3,"a":0.2}"#);
    }

    #[test]
    fn other_lists_stand_for_no_table() {
        for list in [
            json!([]),
            json!(["a"]),
            json!([{ "a": 1, "b": 2 }]),
            json!([{ "a": 1 }, { "a": 2 }]),
            json!({ "a": 1 }),
        ] {
            assert_eq!(as_table(&list), None);
        }
    }
}
