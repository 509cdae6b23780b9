//! A network of two layers learns on both devices, always with the same bits, and in the memory of its third step.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{devices, gpu};
use tensor::{
    Activation, AttentionDropout, AttentionOptions, DType, Device, Offsets, RandomKey, Reduction,
    Result, Tensor, TensorError, no_grad,
};

/// Numbers between -1 and 1 that look random.
fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / u32::MAX as f32 * 2.0 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

struct Network {
    parameters: Vec<Tensor>,
}

impl Network {
    fn new(device: &Device) -> Result<Self> {
        let of = |shape: &[usize], seed| {
            let values = numbers(shape.iter().product(), seed);
            let scaled: Vec<f32> = values.iter().map(|value| value * 0.7).collect();
            Tensor::new(&scaled, shape, device)?.requires_grad()
        };
        Ok(Self {
            parameters: vec![
                of(&[16, 2], 1)?,
                of(&[16], 2)?,
                of(&[16], 3)?,
                of(&[16], 4)?,
                of(&[1, 16], 5)?,
            ],
        })
    }

    /// The probability of class 1 for each row.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let [first, bias, scale, shift, second] = &self.parameters[..] else {
            unreachable!("five parameters");
        };
        x.linear(first, Some(bias), Activation::Gelu)?
            .layer_norm(scale, shift, 1e-5)?
            .linear(second, None, Activation::Sigmoid)?
            .squeeze(1)
    }

    /// One step of gradient descent on the squared error; gives the loss.
    fn step(&mut self, x: &Tensor, y: &Tensor) -> Result<Tensor> {
        let loss = self.forward(x)?.sub(y)?.square()?.mean_all()?;
        let gradients = loss.backward()?;
        no_grad(|| {
            for parameter in &mut self.parameters {
                let gradient = gradients
                    .get(parameter)
                    .expect("every parameter has a gradient");
                *parameter = parameter
                    .sub(&gradient.affine(2.0, 0.0)?)?
                    .requires_grad()?;
            }
            Ok(loss.detach())
        })
    }
}

/// Points, and whether both coordinates have the same sign: no straight line tells these apart.
fn points(device: &Device) -> Result<(Tensor, Tensor)> {
    let x = numbers(128, 9);
    let y: Vec<f32> = x.chunks(2).map(|x| f32::from(x[0] * x[1] > 0.0)).collect();
    Ok((
        Tensor::new(&x, [64, 2], device)?,
        Tensor::new(&y, 64, device)?,
    ))
}

fn losses(device: &Device, steps: usize) -> Result<Vec<f32>> {
    let (x, y) = points(device)?;
    let mut network = Network::new(device)?;
    (0..steps).map(|_| network.step(&x, &y)?.item()).collect()
}

#[test]
fn a_network_learns_what_no_straight_line_tells_apart() -> Result<()> {
    for device in devices() {
        let losses = losses(&device, 150)?;
        assert!(losses[0] > 0.2, "{device}: {}", losses[0]);
        assert!(losses[149] < 0.05, "{device}: {}", losses[149]);
    }
    Ok(())
}

#[test]
fn both_devices_learn_alike() -> Result<()> {
    let all: Vec<Vec<f32>> = devices()
        .iter()
        .map(|device| losses(device, 20))
        .collect::<Result<_>>()?;
    for other in &all[1..] {
        for (step, (a, b)) in all[0].iter().zip(other).enumerate() {
            assert!((a - b).abs() < 1e-4, "step {step}: {a} and {b}");
        }
    }
    Ok(())
}

#[test]
fn training_twice_gives_the_same_bits_whatever_the_threads() -> Result<()> {
    for device in devices() {
        assert_eq!(losses(&device, 10)?, losses(&device, 10)?, "{device}");
    }
    assert_eq!(
        losses(&Device::cpu_with_threads(1), 10)?,
        losses(&Device::cpu_with_threads(3), 10)?
    );
    Ok(())
}

#[test]
fn step_100_takes_the_memory_of_step_3() -> Result<()> {
    // An adapter's memory is shared with the other tests of this process: nn's tests look at it in one of its own.
    let device = Device::cpu_with_threads(2);
    let (x, y) = points(&device)?;
    let mut network = Network::new(&device)?;
    let mut peaks = Vec::new();
    for _ in 0..100 {
        network.step(&x, &y)?.item()?;
        let memory = device.memory();
        peaks.push((memory.peak, memory.live));
    }
    assert_eq!(peaks[2], peaks[99]);
    Ok(())
}

#[test]
fn both_devices_drop_the_same_elements() -> Result<()> {
    let key = RandomKey::new(21).fold(5);
    // Queries and keys are zeros, and the values of key j are 1 in column j alone: results are the kept probabilities.
    let lengths = [5, 37, 1];
    let pass = |device: &Device| -> Result<[Vec<f32>; 3]> {
        let dropped = Tensor::full(1.0, [7, 301], DType::F32, device)?.dropout(0.3, key)?;
        let offsets = Offsets::of_lengths(&lengths, device)?;
        let tokens = offsets.tokens();
        let mut qkv = vec![0.0_f32; tokens * 3 * 2 * 40];
        for (first, length) in offsets.as_slice().iter().zip(lengths) {
            for key in 0..length {
                for head in 0..2 {
                    qkv[(((*first as usize + key) * 3 + 2) * 2 + head) * 40 + key] = 1.0;
                }
            }
        }
        let qkv = Tensor::new(&qkv, [tokens, 3, 2, 40], device)?.requires_grad()?;
        let options = AttentionOptions {
            dropout: Some(AttentionDropout {
                probability: 0.4,
                key,
            }),
            ..AttentionOptions::default()
        };
        let attended = qkv.attention(&offsets, &options)?;
        let gradients = attended.square()?.sum_all()?.backward()?;
        let gradient = gradients.get(&qkv).expect("a gradient").to_f32_vec()?;
        Ok([dropped.to_f32_vec()?, attended.to_f32_vec()?, gradient])
    };
    let zeros = |values: &[f32]| -> Vec<bool> { values.iter().map(|&x| x == 0.0).collect() };
    let all: Vec<_> = devices().iter().map(pass).collect::<Result<_>>()?;
    let [dropped, attended, gradient] = &all[0];
    let share = dropped.iter().filter(|&&x| x == 0.0).count() as f32 / dropped.len() as f32;
    assert!((share - 0.3).abs() < 0.04, "{share}");
    let seen: usize = lengths.iter().map(|length| length * length * 2).sum();
    let kept = attended.iter().filter(|&&x| x != 0.0).count() as f32 / seen as f32;
    assert!((kept - 0.6).abs() < 0.04, "{kept}");
    for [other_dropped, other_attended, other_gradient] in &all[1..] {
        assert_eq!(dropped, other_dropped);
        assert_eq!(zeros(attended), zeros(other_attended));
        assert_eq!(zeros(gradient), zeros(other_gradient));
    }
    Ok(())
}

#[test]
fn what_cannot_be_done_is_an_error_that_names_op_and_shapes() -> Result<()> {
    for device in devices() {
        let a = Tensor::zeros([2, 3], &device)?;
        let b = Tensor::zeros([4, 5], &device)?;
        let message = |result: Result<Tensor>| result.expect_err("it cannot be done").to_string();
        assert_eq!(
            message(a.matmul(&b)),
            "matmul: 3 columns meet 4 rows (shapes: [2, 3], [4, 5])"
        );
        assert_eq!(
            message(a.add(&b)),
            "add: the shapes do not broadcast (shapes: [2, 3], [4, 5])"
        );
        assert!(message(a.reshape([7])).starts_with("reshape: 6 elements do not fill"));
        let ids = Tensor::new(&[1_u32, 2], 2, &device)?;
        assert!(message(ids.softmax(0)).contains("softmax: takes floating-point numbers, not u32"));
        assert!(message(ids.add(&a)).contains("add: takes u32, not f32"));
        let targets = a.requires_grad()?;
        let error = message(a.bce_with_logits(&targets, None, Reduction::Mean));
        assert!(
            error.starts_with("bce_with_logits: has no gradient with respect to input 1"),
            "{error}"
        );
        let constant = a.sum_all()?;
        assert!(
            constant
                .backward()
                .is_err_and(|error| error.to_string().contains("requires_grad"))
        );
        let leaf = a.requires_grad()?;
        assert!(
            leaf.square()?
                .backward()
                .is_err_and(|error| error.to_string().contains("[2, 3]"))
        );
        let loss = leaf.square()?.sum_all()?;
        loss.backward()?;
        assert!(
            loss.backward()
                .is_err_and(|error| error.to_string().contains("differentiated before"))
        );
    }
    Ok(())
}

#[test]
fn a_tensor_past_the_memory_is_an_error_with_op_shapes_and_advice() -> Result<()> {
    let cpu = tensor::cpu::Cpu::new(1).with_memory(1_000_000);
    let small = Device::Cpu(std::sync::Arc::new(cpu));
    for device in std::iter::once(small).chain(gpu()) {
        // 4 TiB are more than any device has.
        let size = if matches!(device, Device::Cpu(_)) {
            1000
        } else {
            1 << 20
        };
        let (column, row) = (
            Tensor::zeros([size, 1], &device)?,
            Tensor::zeros([1, size], &device)?,
        );
        let error = column.matmul(&row).expect_err("it does not fit");
        assert!(
            matches!(error, TensorError::NoRoom { op: "matmul", .. }),
            "{error}"
        );
        let message = error.to_string();
        for shape in [format!("{size}, 1]"), format!("1, {size}]")] {
            assert!(message.contains(&shape), "{message}");
        }
        assert!(message.contains("smaller batches"), "{message}");
        let error = Tensor::zeros([size, size], &device).expect_err("it does not fit");
        assert!(matches!(error, TensorError::NoRoom { .. }), "{error}");
        // What fits goes on.
        assert_eq!(column.sum_all()?.item()?, 0.0);
    }
    Ok(())
}
