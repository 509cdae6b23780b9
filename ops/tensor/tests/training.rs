//! A network of two layers learns on both devices, always with the same bits, and in the memory of its third step.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::devices;
use tensor::{Activation, Device, Result, Tensor, TensorError, no_grad};

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
    for device in devices() {
        let (x, y) = points(&device)?;
        let mut network = Network::new(&device)?;
        let mut peaks = Vec::new();
        for _ in 0..100 {
            network.step(&x, &y)?.item()?;
            let memory = device.memory();
            peaks.push((memory.peak, memory.live));
        }
        // Other tests may use the same adapter at the same time: only the native device has memory of its own.
        if matches!(device, Device::Cpu(_)) {
            assert_eq!(peaks[2], peaks[99], "{device}");
        }
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
fn a_tensor_past_the_memory_is_an_error_with_advice() {
    let cpu = tensor::cpu::Cpu::new(1).with_memory(1_000_000);
    let device = Device::Cpu(std::sync::Arc::new(cpu));
    let error = Tensor::zeros([1000, 1000], &device).expect_err("it does not fit");
    assert!(
        matches!(
            error,
            TensorError::OutOfMemory {
                asked: 4_000_000,
                ..
            }
        ),
        "{error}"
    );
    assert!(
        error.to_string().contains("gradient checkpointing"),
        "{error}"
    );
}
