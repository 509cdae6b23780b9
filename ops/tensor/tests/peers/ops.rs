//! The ops that are neither losses nor attention nor convolutions beside PyTorch's (`tests/peers/tensor_ops.py`).

use serde_json::Value;
use tensor::{Activation, DType, Device, Result, Tensor};

use super::fixture::{bools, check, fixture, integers, size, sizes};

fn check_group(
    group: &str,
    run: impl Fn(&str, &Value, &[Tensor], &Device) -> Result<Tensor>,
) -> Result<()> {
    let cases = &fixture("tensor_ops")[group];
    check(cases, &["x0", "x1", "x2"], 5e-6, |case, x, device| {
        run(case["op"].as_str().expect("an op"), case, x, device)
    })
}

fn mask(case: &Value, device: &Device) -> Result<Tensor> {
    let shape = sizes(&case["mask_shape"]);
    Tensor::from_bools(&bools(&case["mask"]), &shape[..], device)
}

fn indices(case: &Value, device: &Device) -> Result<Tensor> {
    let values = integers(&case["indices"]);
    match &case["indices_shape"] {
        Value::Null => Tensor::new(&values, values.len(), device),
        shape => Tensor::new(&values, &sizes(shape)[..], device),
    }
}

#[test]
fn functions_of_one_number_are_pytorchs() -> Result<()> {
    check_group("unary", |op, _, x, _| match op {
        "exp" => x[0].exp(),
        "log" => x[0].log(),
        "sqrt" => x[0].sqrt(),
        "reciprocal" => x[0].reciprocal(),
        "abs" => x[0].abs(),
        "square" => x[0].square(),
        "sin" => x[0].sin(),
        "cos" => x[0].cos(),
        "tanh" => x[0].tanh(),
        "sigmoid" => x[0].sigmoid(),
        "relu" => x[0].relu(),
        "gelu" => x[0].gelu(),
        "gelu_tanh" => x[0].gelu_tanh(),
        "silu" => x[0].silu(),
        "neg" => x[0].neg(),
        "clamp" => x[0].clamp(-1.5, 0.7),
        "power 3" => x[0].power(3.0),
        "power 1.5" => x[0].power(1.5),
        "affine" => x[0].affine(2.5, -0.75),
        other => panic!("{other} is no case of this test"),
    })
}

#[test]
fn arithmetic_comparisons_and_choices_of_stretched_shapes_are_pytorchs() -> Result<()> {
    let truth = |x: &Tensor| x.ne(&x.full_like(0.0)?);
    check_group("binary", |op, case, x, device| match op {
        "add" => x[0].add(&x[1]),
        "sub" => x[0].sub(&x[1]),
        "mul" => x[0].mul(&x[1]),
        "div" => x[0].div(&x[1]),
        "maximum" => x[0].maximum(&x[1]),
        "minimum" => x[0].minimum(&x[1]),
        "eq" => x[0].eq(&x[1])?.cast(DType::F32),
        "ne" => x[0].ne(&x[1])?.cast(DType::F32),
        "lt" => x[0].lt(&x[1])?.cast(DType::F32),
        "le" => x[0].le(&x[1])?.cast(DType::F32),
        "gt" => x[0].gt(&x[1])?.cast(DType::F32),
        "ge" => x[0].ge(&x[1])?.cast(DType::F32),
        "logical_and" => truth(&x[0])?.and(&truth(&x[1])?)?.cast(DType::F32),
        "logical_or" => truth(&x[0])?.or(&truth(&x[1])?)?.cast(DType::F32),
        "logical_not" => truth(&x[0])?.not()?.cast(DType::F32),
        "where" => x[0].select(&mask(case, device)?, &x[1]),
        "masked_fill" => x[0].masked_fill(&mask(case, device)?, 7.0),
        other => panic!("{other} is no case of this test"),
    })
}

#[test]
fn reductions_are_pytorchs() -> Result<()> {
    check_group("reductions", |op, case, x, _| {
        let axes = || sizes(&case["axes"]);
        match op {
            "sum" => x[0].sum(&axes()),
            "mean" => x[0].mean(&axes()),
            "max" => x[0].max(&axes()),
            "min" => x[0].min(&axes()),
            "logsumexp" => x[0].logsumexp(&axes()),
            "norm" => x[0].norm(&axes()),
            "argmax" => x[0].argmax(size(&case["axis"]))?.cast(DType::F32),
            "argmin" => x[0].argmin(size(&case["axis"]))?.cast(DType::F32),
            other => panic!("{other} is no case of this test"),
        }
    })
}

#[test]
fn products_with_either_side_transposed_and_fused_activations_are_pytorchs() -> Result<()> {
    let turned = |x: &Tensor| x.transpose(x.rank() - 2, x.rank() - 1);
    check_group("products", |op, case, x, _| match op {
        "matmul" => x[0].matmul(&x[1]),
        "matmul transposed left" => turned(&x[0])?.matmul(&x[1]),
        "matmul transposed right" => x[0].matmul(&turned(&x[1])?),
        "matmul transposed both" => turned(&x[0])?.matmul(&turned(&x[1])?),
        "linear" => {
            let activation = match case["activation"].as_str() {
                Some("none") => Activation::None,
                Some("relu") => Activation::Relu,
                Some("gelu") => Activation::Gelu,
                Some("gelu_tanh") => Activation::GeluTanh,
                Some("tanh") => Activation::Tanh,
                Some("sigmoid") => Activation::Sigmoid,
                other => panic!("{other:?} is no activation"),
            };
            x[0].linear(&x[1], x.get(2), activation)
        }
        other => panic!("{other} is no case of this test"),
    })
}

#[test]
fn softmax_and_layer_norm_are_pytorchs() -> Result<()> {
    check_group("rows", |op, case, x, _| match op {
        "softmax" => x[0].softmax(size(&case["axis"])),
        "layer_norm" => x[0].layer_norm(&x[1], &x[2], 1e-5),
        other => panic!("{other} is no case of this test"),
    })
}

#[test]
fn indexing_and_moving_elements_is_pytorchs() -> Result<()> {
    check_group("indexing", |op, case, x, device| {
        let axis = || size(&case["axis"]);
        let all: Vec<&Tensor> = x.iter().collect();
        match op {
            "index_select" => x[0].index_select(axis(), &indices(case, device)?),
            "gather" => x[0].gather(axis(), &indices(case, device)?),
            "scatter_add" => x[0].scatter_add(axis(), &indices(case, device)?, &x[1]),
            "concat" => Tensor::concat(&all, axis()),
            "stack" => Tensor::stack(&all, axis()),
            "narrow" => x[0].narrow(axis(), size(&case["start"]), size(&case["count"])),
            "pad" => x[0].pad(axis(), size(&case["before"]), size(&case["after"]), 0.5),
            "permute" => x[0]
                .permute(&sizes(&case["axes"]))?
                .reshape(&sizes(&case["to"])[..]),
            "broadcast_to" => x[0].broadcast_to(&sizes(&case["to"])[..]),
            other => panic!("{other} is no case of this test"),
        }
    })
}

#[test]
fn conversions_round_as_pytorch_does() -> Result<()> {
    check_group("types", |op, _, x, _| match op {
        "cast f16" => x[0].cast(DType::F16)?.cast(DType::F32),
        "cast bf16" => x[0].cast(DType::BF16)?.cast(DType::F32),
        "cast i32" => x[0].cast(DType::I32)?.cast(DType::F32),
        other => panic!("{other} is no case of this test"),
    })
}
