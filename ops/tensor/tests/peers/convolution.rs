//! Convolutions beside PyTorch's (`tests/peers/tensor_convolution.py`).

use tensor::{ConvOptions, Result};

use super::fixture::{along, check, fixture, size};

const LEAVES: [&str; 3] = ["x", "weight", "bias"];

fn options<const N: usize>(case: &serde_json::Value) -> ConvOptions<N> {
    ConvOptions {
        stride: along(&case["stride"]),
        padding: along(&case["padding"]),
        dilation: along(&case["dilation"]),
        groups: size(&case["groups"]),
    }
}

#[test]
fn convolution_of_sequences_is_pytorchs_with_stride_padding_dilation_and_groups() -> Result<()> {
    let cases = &fixture("tensor_convolution")["conv1d"];
    check(cases, &LEAVES, 5e-6, |case, x, _| {
        x[0].conv1d(&x[1], x.get(2), options(case))
    })
}

#[test]
fn convolution_of_images_is_pytorchs_with_stride_padding_dilation_and_groups() -> Result<()> {
    let cases = &fixture("tensor_convolution")["conv2d"];
    check(cases, &LEAVES, 5e-6, |case, x, _| {
        x[0].conv2d(&x[1], x.get(2), options(case))
    })
}
