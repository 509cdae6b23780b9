//! Losses, embedding, top-k and their gradients beside PyTorch's (`tests/peers/tensor_losses.py`).

use serde_json::Value;
use tensor::{CrossEntropy, Device, Reduction, Result, Tensor};

use super::fixture::{fixture, integers, numbers, sizes};

fn reduction(case: &Value) -> Reduction {
    match case["reduction"].as_str() {
        Some("mean") => Reduction::Mean,
        Some("sum") => Reduction::Sum,
        Some("batchmean") => Reduction::BatchMean,
        Some("none") => Reduction::None,
        other => panic!("{other:?} is no reduction"),
    }
}

fn check(
    name: &str,
    leaves: &[&str],
    run: impl Fn(&Value, &[Tensor], &Device) -> Result<Tensor>,
) -> Result<()> {
    super::fixture::check(&fixture("tensor_losses")[name], leaves, 5e-6, run)
}

fn weights(case: &Value, device: &Device) -> Result<Option<Tensor>> {
    match &case["weights"] {
        Value::Null => Ok(None),
        weights => {
            let weights = numbers(weights);
            Tensor::new(&weights, weights.len(), device).map(Some)
        }
    }
}

#[test]
fn cross_entropy_is_pytorchs_with_ignored_rows_smoothing_and_weights() -> Result<()> {
    check("cross_entropy", &["logits"], |case, leaves, device| {
        let targets = integers(&case["targets"]);
        let weights = weights(case, device)?;
        let options = CrossEntropy {
            ignore_index: Some(-100),
            label_smoothing: case["smoothing"].as_f64().expect("a number") as f32,
            class_weights: weights.as_ref(),
            reduction: reduction(case),
        };
        leaves[0].cross_entropy(&Tensor::new(&targets, targets.len(), device)?, &options)
    })
}

#[test]
fn cross_entropy_of_a_linear_layer_is_pytorchs_of_its_logits() -> Result<()> {
    // With the identity as the layer's weight the logits are the hidden states.
    check("cross_entropy", &["logits"], |case, leaves, device| {
        let targets = integers(&case["targets"]);
        let classes = leaves[0].shape()[1];
        let identity: Vec<f32> = (0..classes * classes)
            .map(|place| f32::from(u8::from(place / classes == place % classes)))
            .collect();
        let identity = Tensor::new(&identity, [classes, classes], device)?;
        let targets = Tensor::new(&targets, targets.len(), device)?;
        let weights = weights(case, device)?;
        let options = CrossEntropy {
            ignore_index: Some(-100),
            label_smoothing: case["smoothing"].as_f64().expect("a number") as f32,
            class_weights: weights.as_ref(),
            reduction: reduction(case),
        };
        match options.reduction {
            Reduction::None => leaves[0].cross_entropy(&targets, &options),
            _ => leaves[0].linear_cross_entropy(&identity, None, &targets, &options),
        }
    })
}

#[test]
fn binary_cross_entropy_is_pytorchs_with_positive_weights() -> Result<()> {
    check("bce_with_logits", &["logits"], |case, leaves, device| {
        let targets = Tensor::new(&numbers(&case["targets"]), leaves[0].shape(), device)?;
        let weights = weights(case, device)?;
        leaves[0].bce_with_logits(&targets, weights.as_ref(), reduction(case))
    })
}

#[test]
fn divergence_is_pytorchs_for_both_its_sides() -> Result<()> {
    check("kl_div", &["x", "y"], |case, leaves, _| {
        let log_target = case["log_target"].as_bool().expect("true or false");
        let target = match log_target {
            true => leaves[1].log_softmax(1)?,
            false => leaves[1].softmax(1)?,
        };
        leaves[0]
            .log_softmax(1)?
            .kl_div(&target, log_target, reduction(case))
    })
}

#[test]
fn embedding_is_pytorchs_with_padding() -> Result<()> {
    check("embedding", &["table"], |case, leaves, device| {
        let ids = Tensor::new(
            &integers(&case["ids"]),
            &sizes(&case["ids_shape"])[..],
            device,
        )?;
        let padding = case["padding"].as_u64().map(|row| row as u32);
        leaves[0].embedding(&ids, padding)
    })
}

#[test]
fn top_k_is_pytorchs() -> Result<()> {
    check("top_k", &["x"], |case, leaves, _| {
        let [k, axis] = ["k", "axis"].map(|name| case[name].as_u64().expect("a size") as usize);
        let (values, indices) = leaves[0].top_k(k, axis)?;
        let expected: Vec<u32> = sizes(&case["indices"])
            .iter()
            .map(|&index| index as u32)
            .collect();
        assert_eq!(indices.to_vec::<u32>()?, expected);
        Ok(values)
    })
}

#[test]
fn log_softmax_is_pytorchs() -> Result<()> {
    check("log_softmax", &["x"], |case, leaves, _| {
        leaves[0].log_softmax(case["axis"].as_u64().expect("a dimension") as usize)
    })
}
