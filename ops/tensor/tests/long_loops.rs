//! Sums of more terms than Mesa's software driver lets an invocation add: after 65,535 turns of loops it leaves them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::devices;
use tensor::{AttentionOptions, ConvOptions, DType, Device, Offsets, Result, Tensor};

const MANY: usize = 70_001;

fn ones(shape: &[usize], device: &Device) -> Result<Tensor> {
    Tensor::full(1.0, shape, DType::F32, device)
}

#[test]
fn reductions_see_every_element_of_long_rows_and_columns() -> Result<()> {
    for device in devices() {
        for shape in [[MANY, 1], [MANY, 3]] {
            let x = ones(&shape, &device)?;
            let rows = x.transpose(0, 1)?.contiguous()?;
            for (x, axis) in [(&x, 0), (&rows, 1)] {
                let all = |value: f32| vec![value; shape[1]];
                assert_eq!(x.sum(&[axis])?.to_f32_vec()?, all(MANY as f32), "{device}");
                assert_eq!(x.mean(&[axis])?.to_f32_vec()?, all(1.0), "{device}");
                let norm = x.norm(&[axis])?.to_f32_vec()?[0];
                assert!(
                    (norm - (MANY as f32).sqrt()).abs() < 1e-3,
                    "{device}: {norm}"
                );
                let logsumexp = x.logsumexp(&[axis])?.to_f32_vec()?[0];
                let expected = 1.0 + (MANY as f32).ln();
                assert!((logsumexp - expected).abs() < 1e-4, "{device}: {logsumexp}");
            }
        }
        let rising: Vec<f32> = (0..2 * MANY).map(|place| place as f32).collect();
        let rising = Tensor::new(&rising, [MANY, 2], &device)?;
        let last = MANY as u32 - 1;
        assert_eq!(rising.argmax(0)?.to_vec::<u32>()?, [last; 2], "{device}");
        let largest = rising.max(&[0])?.to_f32_vec()?;
        assert_eq!(largest, [2.0 * last as f32, 2.0 * last as f32 + 1.0]);
        let (_, places) = rising.reshape([2 * MANY])?.top_k(400, 0)?;
        let expected: Vec<u32> = (0..400).map(|place| 2 * MANY as u32 - 1 - place).collect();
        assert_eq!(places.to_vec::<u32>()?, expected, "{device}");
    }
    Ok(())
}

#[test]
fn all_that_goes_to_one_place_arrives_there() -> Result<()> {
    let total = MANY as f32;
    for device in devices() {
        let same = Tensor::new(&vec![1_u32; MANY], MANY, &device)?;
        let table = ones(&[3, 2], &device)?.requires_grad()?;
        let gradients = table.embedding(&same, None)?.sum_all()?.backward()?;
        let found = gradients.get(&table).unwrap().to_f32_vec()?;
        assert_eq!(found, [0.0, 0.0, total, total, 0.0, 0.0], "{device}");

        let sums = Tensor::zeros([3], &device)?;
        let sums = sums.scatter_add(0, &same, &ones(&[MANY], &device)?)?;
        assert_eq!(sums.to_f32_vec()?, [0.0, total, 0.0], "{device}");
        // A result that is too large for sums of several blocks.
        let sums = Tensor::zeros([17_000_000], &device)?;
        let sums = sums.scatter_add(0, &same, &ones(&[MANY], &device)?)?;
        let first = sums.narrow(0, 0, 3)?.to_f32_vec()?;
        assert_eq!(first, [0.0, total, 0.0], "{device}");
    }
    Ok(())
}

#[test]
fn gradients_of_parameters_are_sums_over_all_rows_positions_and_texts() -> Result<()> {
    let total = MANY as f32;
    let mut of_biases = Vec::new();
    for device in devices() {
        // Rows of -1 and 1 are their own normal form.
        let x: Vec<f32> = [-1.0, 1.0].repeat(MANY);
        let x = Tensor::new(&x, [MANY, 2], &device)?;
        let weight = ones(&[2], &device)?.requires_grad()?;
        let bias = Tensor::zeros([2], &device)?.requires_grad()?;
        let loss = x.layer_norm(&weight, &bias, 0.0)?.sum_all()?;
        let gradients = loss.backward()?;
        let found = |leaf: &Tensor| gradients.get(leaf).unwrap().to_f32_vec();
        assert_eq!(found(&bias)?, [total; 2], "{device}");
        assert_eq!(found(&weight)?, [-total, total], "{device}");

        let x = ones(&[1, 1, MANY], &device)?;
        let filter = ones(&[1, 1, 1], &device)?.requires_grad()?;
        let result = x.conv1d(&filter, None, ConvOptions::default())?;
        let gradients = result.sum_all()?.backward()?;
        assert_eq!(
            gradients.get(&filter).unwrap().to_f32_vec()?,
            [total],
            "{device}"
        );

        let texts = 2000;
        let offsets = Offsets::of_lengths(&vec![2; texts], &device)?;
        let numbers: Vec<f32> = (0..2 * texts * 3 * 40)
            .map(|place| (place as f32 * 0.618_034).fract() - 0.5)
            .collect();
        let qkv = Tensor::new(&numbers, [2 * texts, 3, 1, 40], &device)?;
        let bias = Tensor::zeros([1, 2, 2], &device)?.requires_grad()?;
        let options = AttentionOptions {
            bias: Some(bias.clone()),
            ..AttentionOptions::default()
        };
        let result = qkv.attention(&offsets, &options)?;
        let gradients = result.square()?.sum_all()?.backward()?;
        of_biases.push(gradients.get(&bias).unwrap().to_f32_vec()?);
    }
    for other in &of_biases[1..] {
        for (native, found) in of_biases[0].iter().zip(other) {
            let close = (native - found).abs() <= 1e-3 * native.abs().max(1.0);
            assert!(close, "{native} and {found}");
        }
    }
    Ok(())
}
