//! Attention beside `scaled_dot_product_attention` of each text (`tests/peers/tensor_attention.py`).

use serde_json::Value;
use tensor::{AttentionOptions, Offsets, Result, Tensor};

use super::fixture::{check, fixture, list, sizes};

fn options(case: &Value, leaves: &[Tensor]) -> AttentionOptions {
    AttentionOptions {
        causal: case["causal"].as_bool().expect("true or false"),
        scale: case["scale"].as_f64().map(|scale| scale as f32),
        bias: leaves.get(3).cloned(),
        dropout: None,
    }
}

#[test]
fn attention_is_pytorchs_when_causal_or_scaled_with_biases_and_with_grouped_queries() -> Result<()>
{
    let cases = fixture("tensor_attention");
    let leaves = ["q", "k", "v", "bias"];
    check(&cases["attention"], &leaves, 5e-6, |case, x, device| {
        let [queries, keys] =
            ["queries", "keys"].map(|lengths| Offsets::of_lengths(&sizes(&case[lengths]), device));
        x[0].attention_to([&x[1], &x[2]], &queries?, &keys?, &options(case, x))
    })
}

#[test]
fn attention_of_projections_in_one_tensor_is_the_same() -> Result<()> {
    let cases = fixture("tensor_attention");
    let shared = list(&cases["attention"])
        .iter()
        .filter(|case| case["queries"] == case["keys"] && case["heads"] == case["key_heads"]);
    let shared: Value = shared.cloned().collect();
    assert!(list(&shared).len() >= 5);
    let leaves = ["q", "k", "v", "bias"];
    check(&shared, &leaves, 5e-6, |case, x, device| {
        let offsets = Offsets::of_lengths(&sizes(&case["queries"]), device)?;
        Tensor::stack(&[&x[0], &x[1], &x[2]], 1)?.attention(&offsets, &options(case, x))
    })
}
