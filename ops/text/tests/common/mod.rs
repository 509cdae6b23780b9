//! Reads the fixtures that the scripts in `tests/peers` make.

#![allow(clippy::panic, reason = "a missing fixture ends the test")]

use serde::de::DeserializeOwned;

/// The fixture `tests/fixtures/NAME.json`.
pub fn fixture<T: DeserializeOwned>(name: &str) -> T {
    let path = format!(
        "{}/../../tests/fixtures/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Fails unless two lists of numbers are equal up to `tolerance`, absolute and relative.
#[allow(dead_code, reason = "not every test file compares lists of numbers")]
pub fn assert_close(ours: &[f64], theirs: &[f64], tolerance: f64, what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert!(
            (a - b).abs() <= tolerance * (1.0 + b.abs()),
            "{what}: {a} against {b} at {i}"
        );
    }
}
