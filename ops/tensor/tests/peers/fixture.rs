//! Fixtures as tests read them: each case has leaves, a value, and the leaves' gradients for an upstream gradient.

use serde_json::Value;
use tensor::{Device, Result, Tensor};

use super::common::devices;

/// A file of `tests/fixtures/`.
pub fn fixture(name: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures");
    let text = std::fs::read_to_string(format!("{folder}/{name}.json")).expect("the fixture");
    serde_json::from_str(&text).expect("JSON")
}

pub fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

pub fn numbers(value: &Value) -> Vec<f32> {
    let items = list(value).iter();
    items
        .map(|item| item.as_f64().expect("a number") as f32)
        .collect()
}

pub fn integers(value: &Value) -> Vec<i32> {
    let items = list(value).iter();
    items
        .map(|item| item.as_i64().expect("an integer") as i32)
        .collect()
}

pub fn size(value: &Value) -> usize {
    value.as_u64().expect("a size") as usize
}

pub fn sizes(value: &Value) -> Vec<usize> {
    list(value).iter().map(size).collect()
}

pub fn bools(value: &Value) -> Vec<bool> {
    let items = list(value).iter();
    items
        .map(|item| item.as_bool().expect("true or false"))
        .collect()
}

/// One number for each of `N` dimensions.
pub fn along<const N: usize>(value: &Value) -> [usize; N] {
    sizes(value)
        .try_into()
        .expect("a number for each dimension")
}

/// Within `tolerance` of each value, relative to the larger ones.
pub fn assert_close(found: &Tensor, expected: &Value, tolerance: f32, what: &str) -> Result<()> {
    let (found, expected) = (found.to_f32_vec()?, numbers(expected));
    assert_eq!(found.len(), expected.len(), "{what}");
    for (place, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let close = (found - expected).abs() <= tolerance * expected.abs().max(1.0);
        assert!(close, "{what}: element {place} is {found}, not {expected}");
    }
    Ok(())
}

/// Runs every case on every device: `run` gets the leaves that the case has of `leaves`, in this order, and gives the value.
pub fn check(
    cases: &Value,
    leaves: &[&str],
    tolerance: f32,
    run: impl Fn(&Value, &[Tensor], &Device) -> Result<Tensor>,
) -> Result<()> {
    for device in devices() {
        for (number, case) in list(cases).iter().enumerate() {
            let name = case["op"].as_str().unwrap_or_default();
            let what = format!("case {number} {name} on {device}");
            let tracks = !case["upstream"].is_null();
            let present = leaves
                .iter()
                .filter(|&&leaf| !case["leaves"][leaf].is_null());
            let tensors = present
                .clone()
                .map(|leaf| {
                    let shape = sizes(&case["shapes"][leaf]);
                    let tensor = Tensor::new(&numbers(&case["leaves"][leaf]), &shape[..], &device)?;
                    match tracks {
                        true => tensor.requires_grad(),
                        false => Ok(tensor),
                    }
                })
                .collect::<Result<Vec<_>>>()?;
            let value = run(case, &tensors, &device)?;
            assert_close(&value, &case["value"], tolerance, &what)?;
            if !tracks {
                continue;
            }
            let upstream = Tensor::new(&numbers(&case["upstream"]), value.shape(), &device)?;
            let gradients = value.backward_from(&upstream)?;
            for (leaf, tensor) in present.zip(&tensors) {
                let found = gradients.get(tensor).expect("a gradient");
                let what = format!("gradient of {leaf} in {what}");
                assert_close(found, &case["gradients"][leaf], tolerance, &what)?;
            }
        }
    }
    Ok(())
}
