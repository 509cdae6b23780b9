//! Tensors of random numbers, with which weights begin.

use crate::cpu::random::{self, Draw};
use crate::gpu::{Binding, Gpu, GpuBuffer, Kernel};
use crate::launch::{each_part, groups};
use crate::rng::threshold;
use crate::shape::MAX_RANK;
use crate::storage::{Memory, Storage};
use crate::{DType, Device, RandomKey, Result, Shape, Tensor, TensorError};

const KERNEL: Kernel = Kernel {
    label: "random",
    source: include_str!("../../../../shaders/random.wgsl"),
    entry: "main",
};

/// `values` are those that the kind of draw takes in the shader.
fn launch(
    gpu: &Gpu,
    buffer: &GpuBuffer,
    elements: usize,
    key: RandomKey,
    kind: &str,
    values: &[u32],
) -> Result<()> {
    let defines = [("KIND", kind.to_owned())];
    each_part(gpu, elements, |chunk| {
        let mut params = vec![chunk.rows as u32];
        params.extend(key.params());
        params.extend(values);
        params.resize(11, 0);
        // Four elements are of one block of random words.
        params.push((chunk.row / 4) as u32);
        let bindings = [Binding::read_write(buffer).part(chunk.row * 4, chunk.rows * 4)];
        let groups = groups(chunk.rows.div_ceil(4));
        gpu.launch(&KERNEL, &defines, &bindings, &params, groups)
    })
}

fn allocate(op: &'static str, shape: &Shape, device: &Device) -> Result<Storage> {
    if shape.rank() > MAX_RANK {
        return Err(TensorError::Shape {
            op,
            reason: format!("a tensor has at most {MAX_RANK} dimensions"),
            shapes: vec![shape.clone()],
        });
    }
    Storage::allocate(device, shape.elements() * DType::F32.size())
}

fn drawn(
    op: &'static str,
    shape: Shape,
    device: &Device,
    key: RandomKey,
    draw: Draw,
) -> Result<Tensor> {
    let mut storage = allocate(op, &shape, device)?;
    match (storage.memory_mut(), device) {
        (Memory::Cpu(buffer), Device::Cpu(cpu)) => {
            random::draw(cpu, bytemuck::cast_slice_mut(buffer.bytes_mut()), key, draw);
        }
        (Memory::Gpu(buffer), Device::Gpu(gpu)) => {
            let (kind, values) = match draw {
                Draw::Uniform { low, high } => ("uniform", vec![low, high]),
                Draw::Normal { mean, deviation } => ("normal", vec![mean, deviation]),
                Draw::Truncated {
                    mean,
                    deviation,
                    low,
                    high,
                    from,
                    to,
                } => ("truncated", vec![mean, deviation, low, high, from, to]),
            };
            let values: Vec<u32> = values.into_iter().map(f32::to_bits).collect();
            launch(gpu, buffer, shape.elements(), key, kind, &values)?;
        }
        _ => {}
    }
    Ok(Tensor::from_storage(storage, shape, DType::F32, device))
}

fn refused<T>(op: &'static str, reason: String) -> Result<T> {
    Err(TensorError::Argument { op, reason })
}

/// Of a standard normal number below `x`, twice the probability less 1: the error function of `x / √2`, by its Maclaurin
/// series near 0 and its continued fraction beyond (Abramowitz & Stegun 7.1.5 and 7.1.14).
fn twice_below_less_one(x: f64) -> f64 {
    let z = x.abs() / std::f64::consts::SQRT_2;
    let value = if z < 2.5 {
        let mut term = z;
        let mut sum = z;
        for n in 1..60 {
            let n = f64::from(n);
            term *= -z * z / n;
            sum += term / (2.0 * n + 1.0);
        }
        sum * std::f64::consts::FRAC_2_SQRT_PI
    } else {
        let fraction = (1..60)
            .rev()
            .fold(z, |rest, n| z + f64::from(n) / 2.0 / rest);
        1.0 - (-z * z).exp() / fraction / std::f64::consts::PI.sqrt()
    };
    value.copysign(x)
}

impl Tensor {
    /// Numbers drawn evenly from `low` to `high`. Element `i` comes from random word `i` of `key`: from 0 to 1 the same bits
    /// on every device, and within one rounding between other bounds.
    ///
    /// # Errors
    /// [`TensorError::Argument`] unless `low <= high`, both finite; [`TensorError::OutOfMemory`].
    pub fn rand_uniform(
        low: f32,
        high: f32,
        shape: impl Into<Shape>,
        device: &Device,
        key: RandomKey,
    ) -> Result<Self> {
        if !(low <= high && (high - low).is_finite()) {
            return refused(
                "rand_uniform",
                format!("there is no range from {low} to {high}"),
            );
        }
        drawn(
            "rand_uniform",
            shape.into(),
            device,
            key,
            Draw::Uniform { low, high },
        )
    }

    /// Normal numbers (Box & Muller 1958): elements `2i` and `2i + 1` come from these random words of `key`. Devices agree
    /// within 1e-5 standard deviations.
    ///
    /// # Errors
    /// [`TensorError::Argument`] unless both are finite and the deviation is not negative; [`TensorError::OutOfMemory`].
    pub fn rand_normal(
        mean: f32,
        deviation: f32,
        shape: impl Into<Shape>,
        device: &Device,
        key: RandomKey,
    ) -> Result<Self> {
        if !(mean.is_finite() && deviation.is_finite() && deviation >= 0.0) {
            return refused(
                "rand_normal",
                format!("no distribution has mean {mean} and deviation {deviation}"),
            );
        }
        drawn(
            "rand_normal",
            shape.into(),
            device,
            key,
            Draw::Normal { mean, deviation },
        )
    }

    /// Normal numbers that lie from `low` to `high`, by the inverse of the distribution function, as
    /// `torch.nn.init.trunc_normal_` draws them: element `i` comes from random word `i` of `key`.
    ///
    /// # Errors
    /// As [`Tensor::rand_normal`]; [`TensorError::Argument`] unless `low < high`, and for a range that is more than
    /// five deviations to one side of the mean, which single precision does not resolve.
    pub fn rand_truncated_normal(
        mean: f32,
        deviation: f32,
        [low, high]: [f32; 2],
        shape: impl Into<Shape>,
        device: &Device,
        key: RandomKey,
    ) -> Result<Self> {
        const OP: &str = "rand_truncated_normal";
        if !(mean.is_finite() && deviation.is_finite() && deviation > 0.0) {
            return refused(
                OP,
                format!("no distribution has mean {mean} and deviation {deviation}"),
            );
        }
        let [from, to] =
            [low, high].map(|bound| (f64::from(bound) - f64::from(mean)) / f64::from(deviation));
        if from.partial_cmp(&to) != Some(std::cmp::Ordering::Less) {
            return refused(OP, format!("there is no range from {low} to {high}"));
        }
        if from > 5.0 || to < -5.0 {
            return refused(
                OP,
                format!("{low} to {high} is more than five deviations from the mean"),
            );
        }
        let draw = Draw::Truncated {
            mean,
            deviation,
            low,
            high,
            from: twice_below_less_one(from) as f32,
            to: twice_below_less_one(to) as f32,
        };
        drawn(OP, shape.into(), device, key, draw)
    }

    /// A mask that is true with probability `p`: the same on every device. Element `i` comes from random word `i` of `key`.
    ///
    /// # Errors
    /// [`TensorError::Argument`] unless `p` is from 0 to 1; [`TensorError::OutOfMemory`].
    pub fn rand_bernoulli(
        p: f32,
        shape: impl Into<Shape>,
        device: &Device,
        key: RandomKey,
    ) -> Result<Self> {
        const OP: &str = "rand_bernoulli";
        if !(0.0..=1.0).contains(&p) {
            return refused(OP, format!("{p} is no probability; it must be from 0 to 1"));
        }
        let shape = shape.into();
        let mut storage = allocate(OP, &shape, device)?;
        match (storage.memory_mut(), device) {
            (Memory::Cpu(buffer), Device::Cpu(cpu)) => {
                random::bernoulli(
                    cpu,
                    bytemuck::cast_slice_mut(buffer.bytes_mut()),
                    key,
                    threshold(p),
                );
            }
            (Memory::Gpu(buffer), Device::Gpu(gpu)) => {
                let values = [
                    threshold(p).unwrap_or(u32::MAX),
                    u32::from(threshold(p).is_none()),
                ];
                launch(gpu, buffer, shape.elements(), key, "bernoulli", &values)?;
            }
            _ => {}
        }
        Ok(Self::from_storage(storage, shape, DType::Bool, device))
    }
}

#[cfg(test)]
pub(crate) fn cases() -> Vec<crate::conformance::Case> {
    use crate::conformance::{Array, Case, numbers};
    use crate::rng::unit;
    type Draws = fn(&[usize], &Device, RandomKey) -> Result<Tensor>;
    let key = RandomKey {
        seed: 11,
        counter: 5,
    };
    type Drawn = fn(RandomKey, u64) -> f64;
    let kinds: [(&str, Draws, Drawn); 4] = [
        (
            "even",
            |shape, device, key| Tensor::rand_uniform(-1.0, 3.0, shape, device, key),
            |key, i| -1.0 + 4.0 * f64::from(unit(key.word(i))),
        ),
        (
            "normal",
            |shape, device, key| Tensor::rand_normal(1.0, 0.5, shape, device, key),
            |key, i| {
                let [a, b] =
                    [i & !1, i | 1].map(|i| f64::from(key.word(i) >> 8) / 2.0_f64.powi(24));
                let radius = (-2.0 * (a + 2.0_f64.powi(-24)).ln()).sqrt();
                let angle = std::f64::consts::TAU * b;
                1.0 + 0.5 * radius * if i % 2 == 0 { angle.cos() } else { angle.sin() }
            },
        ),
        (
            "truncated normal",
            |shape, device, key| {
                Tensor::rand_truncated_normal(0.5, 2.0, [-3.5, 4.5], shape, device, key)
            },
            |key, i| {
                // From two deviations below to two above, where bisection finds what has the drawn probability below.
                let bound = twice_below_less_one(2.0);
                let share = -bound + 2.0 * bound * f64::from(unit(key.word(i)));
                let (mut low, mut high) = (-2.0, 2.0);
                for _ in 0..60 {
                    let middle = (low + high) / 2.0;
                    if twice_below_less_one(middle) < share {
                        low = middle
                    } else {
                        high = middle
                    }
                }
                0.5 + 2.0 * low
            },
        ),
        (
            "true or false",
            |shape, device, key| Tensor::rand_bernoulli(0.7, shape, device, key)?.cast(DType::F32),
            |key, i| f64::from(u8::from(f64::from(key.word(i)) < 0.7 * 2.0_f64.powi(32))),
        ),
    ];
    let shapes: [&[usize]; 4] = [&[3, 50], &[1], &[0, 2], &[67]];
    let mut cases = Vec::new();
    for (name, run, reference) in kinds {
        for shape in shapes {
            cases.push(
                Case::new(
                    format!("{name} random numbers, {shape:?}, added"),
                    [numbers(shape)],
                    move |x| x[0].add(&run(x[0].shape(), x[0].device(), key)?.cast(x[0].dtype())?),
                    move |x| {
                        let sums = (0..).zip(&x[0].data).map(|(i, x)| x + reference(key, i));
                        Array::new(&x[0].shape, sums.collect())
                    },
                )
                .tolerance(4e-6),
            );
        }
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_function_is_that_of_tables() {
        // Abramowitz & Stegun, table 7.1, at x = √2 z.
        for (z, expected) in [
            (0.5, 0.5204998778),
            (1.0, 0.8427007929),
            (2.0, 0.9953222650),
            (3.0, 0.9999779095),
        ] {
            let found = twice_below_less_one(z * std::f64::consts::SQRT_2);
            assert!((found - expected).abs() < 1e-10);
            assert!((twice_below_less_one(-z * std::f64::consts::SQRT_2) + expected).abs() < 1e-10);
        }
    }

    #[test]
    fn what_is_drawn_has_the_moments_that_were_asked_for() -> Result<()> {
        let device = Device::cpu();
        let moments = |tensor: Tensor| -> Result<(f64, f64)> {
            let x: Vec<f64> = tensor.to_vec::<f32>()?.into_iter().map(f64::from).collect();
            let mean = x.iter().sum::<f64>() / x.len() as f64;
            let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len() as f64;
            Ok((mean, variance.sqrt()))
        };
        let close = |(mean, deviation): (f64, f64), expected: [f64; 2]| {
            assert!((mean - expected[0]).abs() < 0.02 && (deviation - expected[1]).abs() < 0.02);
        };
        let shape = [400, 501];
        close(
            moments(Tensor::rand_uniform(
                -1.0,
                3.0,
                shape,
                &device,
                RandomKey::new(1),
            )?)?,
            [1.0, 4.0 / 12.0_f64.sqrt()],
        );
        close(
            moments(Tensor::rand_normal(
                1.0,
                2.0,
                shape,
                &device,
                RandomKey::new(2),
            )?)?,
            [1.0, 2.0],
        );
        // A standard normal number within two deviations has deviation 0.87962566 (closed form).
        let truncated = Tensor::rand_truncated_normal(
            0.0,
            1.0,
            [-2.0, 2.0],
            shape,
            &device,
            RandomKey::new(3),
        )?;
        assert!(truncated.to_vec::<f32>()?.iter().all(|x| x.abs() <= 2.0));
        close(moments(truncated)?, [0.0, 0.879_625_66]);
        Ok(())
    }

    #[test]
    fn what_is_drawn_on_both_devices_is_the_same() -> Result<()> {
        let Some(gpu) = crate::conformance::gpu() else {
            return Ok(());
        };
        let key = RandomKey::new(9);
        let uniform = |device: &Device| {
            Tensor::rand_uniform(0.0, 1.0, [70, 31], device, key)?.to_vec::<f32>()
        };
        assert_eq!(uniform(&Device::cpu())?, uniform(&gpu)?);
        for p in [0.0, 0.2, 1.0] {
            let mask =
                |device: &Device| Tensor::rand_bernoulli(p, [70, 31], device, key)?.to_bools();
            assert_eq!(mask(&Device::cpu())?, mask(&gpu)?);
        }
        Ok(())
    }

    #[test]
    fn distributions_that_do_not_exist_are_refused() {
        let (device, key) = (Device::cpu(), RandomKey::new(0));
        let refused = |tensor: Result<Tensor>| matches!(tensor, Err(TensorError::Argument { .. }));
        assert!(refused(Tensor::rand_uniform(2.0, 1.0, [3], &device, key)));
        assert!(refused(Tensor::rand_normal(0.0, -1.0, [3], &device, key)));
        assert!(refused(Tensor::rand_truncated_normal(
            0.0,
            1.0,
            [7.0, 8.0],
            [3],
            &device,
            key
        )));
        assert!(refused(Tensor::rand_truncated_normal(
            0.0,
            0.0,
            [-1.0, 1.0],
            [3],
            &device,
            key
        )));
        assert!(refused(Tensor::rand_bernoulli(1.1, [3], &device, key)));
    }
}
