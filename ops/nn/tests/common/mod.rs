//! What tests against Hugging Face share: the fixtures that tests/peers/bert.py makes, and the devices.
#![allow(dead_code, reason = "each test uses a part")]

use std::fs;
use std::path::PathBuf;

use nn::bert::{BertConfig, Pretrained};
use nn::safetensors::Weights;
use nn::{Module, Packed, named_parameters};
use serde_json::Value;
use tensor::{CrossEntropy, Device, Gradients, RandomKey, Tensor};

pub fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/bert")
}

pub fn expected() -> Value {
    let text = fs::read_to_string(fixtures().join("expected.json")).expect("the fixtures");
    serde_json::from_str(&text).expect("JSON")
}

pub fn floats(value: &Value) -> Vec<f32> {
    let numbers = value.as_array().expect("numbers");
    numbers
        .iter()
        .map(|number| number.as_f64().expect("a number") as f32)
        .collect()
}

pub fn integers(value: &Value) -> Vec<u32> {
    let numbers = value.as_array().expect("numbers");
    numbers
        .iter()
        .map(|number| number.as_u64().expect("an integer") as u32)
        .collect()
}

pub fn rows(value: &Value) -> Vec<Vec<u32>> {
    value
        .as_array()
        .expect("rows")
        .iter()
        .map(integers)
        .collect()
}

/// The native device, and an adapter where there is one.
pub fn devices() -> Vec<Device> {
    let gpu = match Device::gpu(None) {
        Ok(gpu) => Some(gpu),
        Err(error) if std::env::var_os("ENGINE_REQUIRE_GPU").is_some_and(|value| value == "1") => {
            panic!("ENGINE_REQUIRE_GPU is set, but: {error}")
        }
        Err(error) => {
            eprintln!("only on the native device: {error}");
            None
        }
    };
    std::iter::once(Device::cpu()).chain(gpu).collect()
}

/// The fixtures' texts.
pub fn texts(expected: &Value, device: &Device) -> Packed {
    let types: Vec<u32> = rows(&expected["types"]).concat();
    let packed = Packed::new(&rows(&expected["ids"]), device).expect("texts");
    packed.with_token_types(&types).expect("types")
}

/// A model of the fixtures' configuration with the weights of a file.
pub fn model<M: Pretrained<Config = BertConfig>>(file: &str, device: &Device) -> M {
    let config = BertConfig::read(fixtures().join("config.json")).expect("a configuration");
    let key = RandomKey::new(0);
    let (model, report) =
        M::from_folder_with(fixtures().join(file), &config, key, device).expect("weights");
    assert_eq!(report, nn::LoadReport::default(), "{file}");
    model
}

pub fn weights(file: &str) -> Weights {
    Weights::open(fixtures().join(file)).expect("a file")
}

pub fn stored(weights: &Weights, name: &str) -> Vec<f32> {
    let view = weights
        .get(name)
        .unwrap_or_else(|| panic!("{name} is in no file"));
    view.tensor(&Device::cpu())
        .and_then(|tensor| Ok(tensor.to_f32_vec()?))
        .expect("a tensor")
}

/// Within `tolerance` of the largest expected value.
pub fn assert_close(found: &Tensor, expected: &[f32], tolerance: f32, what: &str) {
    let found = found.to_f32_vec().expect("values");
    assert_eq!(found.len(), expected.len(), "{what}: number of elements");
    let largest = expected
        .iter()
        .fold(0.0_f32, |largest, x| largest.max(x.abs()));
    for (place, (found, expected)) in found.iter().zip(expected).enumerate() {
        let difference = (found - expected).abs();
        assert!(
            difference <= tolerance * largest.max(1e-6),
            "{what}: element {place} is {found}, not {expected} (of at most {largest})"
        );
    }
}

/// The mean cross entropy of `[texts, labels]` and `[texts]`.
pub fn cross_entropy(logits: &Tensor, targets: &Tensor) -> tensor::Result<Tensor> {
    logits.cross_entropy(targets, &CrossEntropy::default())
}

/// The gradients of a model under the names that they are stored as.
pub fn named_gradients<M: Module>(model: &M, gradients: &Gradients) -> Vec<(String, Tensor)> {
    let mut all = Vec::new();
    let trained = named_parameters(model).into_iter();
    for (names, parameter) in trained.filter(|(_, parameter)| !parameter.is_fixed()) {
        let gradient = gradients
            .get(parameter.tensor())
            .unwrap_or_else(|| panic!("{names:?} has no gradient"));
        let gradient = parameter.as_stored(gradient).expect("as stored");
        let rows = gradient.shape()[0] / names.len();
        for (place, name) in names.into_iter().enumerate() {
            all.push((
                name,
                gradient.narrow(0, place * rows, rows).expect("a part"),
            ));
        }
    }
    all
}

pub fn assert_gradients<M: Module>(
    model: &M,
    gradients: &Gradients,
    expected: &Weights,
    what: &str,
) {
    let found = named_gradients(model, gradients);
    let stored_ones = expected
        .names()
        .filter(|name| name.starts_with("gradient."))
        .count();
    assert_eq!(found.len(), stored_ones, "{what}: number of parameters");
    // The gradient of a key's bias is 0 but for rounding: a shift of all scores of a query changes no weight.
    let keys = ["key.bias", "k_lin.bias", "k_proj.bias"];
    let is_zero = |name: &str| keys.iter().any(|end| name.ends_with(end));
    for (name, gradient) in found.iter().filter(|(name, _)| !is_zero(name)) {
        let expected = stored(expected, &format!("gradient.{name}"));
        assert_close(
            gradient,
            &expected,
            1e-4,
            &format!("{what}: gradient of {name}"),
        );
    }
}
