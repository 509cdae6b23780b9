//! Canonical hashing against digests that an independent program made, and against itself.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::HashMap;

use cache::canonical::{Encoded, Hasher};
use cache::{Artifact, Blob, Digest};
use proptest::prelude::*;
use serde_json::Value;

#[derive(serde::Deserialize)]
struct Golden {
    json: String,
    digest: Digest,
}

fn hash(value: &Value) -> Digest {
    Hasher::new("test").json(value).finish()
}

#[test]
fn json_values_have_the_digests_of_the_documented_encoding() {
    let golden: Vec<Golden> =
        serde_json::from_str(include_str!("../../tests/fixtures/canonical_hash.json")).unwrap();
    assert_eq!(golden.len(), 27);
    let mut seen = HashMap::new();
    for Golden { json, digest } in golden {
        assert_eq!(
            hash(&serde_json::from_str(&json).unwrap()),
            digest,
            "{json}"
        );
        let value: Value = serde_json::from_str(&json).unwrap();
        let encoded = Encoded::of(&value);
        assert_eq!(Hasher::new("test").encoded(&encoded).finish(), digest);
        assert_eq!(encoded.to_json(), value);
        assert_eq!(seen.insert(digest, json), None);
    }
}

#[test]
fn the_order_of_an_objects_keys_does_not_matter() {
    let one: Value = serde_json::from_str(r#"{"a": 1, "b": {"c": 2, "d": 3}}"#).unwrap();
    let two: Value = serde_json::from_str(r#"{"b": {"d": 3, "c": 2}, "a": 1}"#).unwrap();
    assert_eq!(hash(&one), hash(&two));
}

#[test]
fn integers_hash_by_value_and_floats_by_bits_but_for_nan() {
    let hasher = || Hasher::new("test");
    assert_eq!(hasher().i64(7).finish(), hasher().u64(7).finish());
    assert_ne!(hasher().i64(-1).finish(), hasher().u64(u64::MAX).finish());
    assert_ne!(hasher().f64(1.0).finish(), hasher().u64(1).finish());
    assert_ne!(hasher().f64(0.0).finish(), hasher().f64(-0.0).finish());
    let other_nan = f64::from_bits(0xfff8_dead_beef_0000);
    assert_eq!(
        hasher().f64(f64::NAN).finish(),
        hasher().f64(other_nan).finish()
    );
}

#[test]
fn text_bytes_digests_and_domains_are_told_apart() {
    let bytes = [b'x'; 32];
    let text = "x".repeat(32);
    let digests = [
        Hasher::new("test").str(&text).finish(),
        Hasher::new("test").bytes(&bytes).finish(),
        Hasher::new("test").digest(&Digest(bytes)).finish(),
        Hasher::new("other").str(&text).finish(),
        Hasher::new("test").none().finish(),
        Hasher::new("test").bool(false).finish(),
        Hasher::new("test").list(0).finish(),
        Hasher::new("test").map(0).finish(),
    ];
    for (index, digest) in digests.iter().enumerate() {
        assert!(!digests[..index].contains(digest), "{index}");
    }
}

#[test]
fn a_folders_digest_depends_on_names_and_contents_alone() {
    let blob = |content: &[u8]| Blob {
        digest: Digest::of(content),
        size: content.len() as u64,
    };
    let folder = |files: &[(&str, &[u8])]| {
        Artifact::Folder(
            files
                .iter()
                .map(|(path, content)| ((*path).to_owned(), blob(content)))
                .collect(),
        )
        .digest()
    };
    let one = folder(&[("a", b"1"), ("b", b"2")]);
    assert_eq!(one, folder(&[("a", b"1"), ("b", b"2")]));
    assert_ne!(one, folder(&[("a", b"2"), ("b", b"1")]));
    assert_ne!(one, folder(&[("a", b"1"), ("c", b"2")]));
    assert_ne!(one, folder(&[("a", b"1")]));
    assert_ne!(folder(&[]), Artifact::File(blob(b"")).digest());
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-3..3_i64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[ab]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::hash_map("[ab]{0,2}", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn two_json_values_have_one_digest_exactly_if_they_are_equal(one in json(), two in json()) {
        // As text, since `==` takes 0.0 and -0.0 for equal.
        let texts = [one.to_string(), two.to_string()];
        prop_assert_eq!(hash(&one) == hash(&two), texts[0] == texts[1]);
    }
}

#[test]
fn a_long_sequence_is_hashed_as_one_stream_whatever_the_lengths_of_its_values() {
    for length in [0, 1, 500, 1023, 1024, 1025, 5000] {
        let text = "x".repeat(length);
        let mut stream = Vec::new();
        for value in ["test", "abc", text.as_str(), "d", text.as_str()] {
            stream.push(b's');
            stream.extend_from_slice(&(value.len() as u64).to_le_bytes());
            stream.extend_from_slice(value.as_bytes());
        }
        let mut hasher = Hasher::new("test");
        hasher.str("abc").str(&text).str("d").str(&text);
        assert_eq!(hasher.finish(), Digest::of(&stream), "{length}");
    }
}
