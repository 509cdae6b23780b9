//! Walks every op: native code against double precision, shaders against the same, gradients against central
//! differences, on views with and without gaps and in every type of numbers.

mod array;
mod case;
mod lint;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

pub(crate) use array::{Array, coordinates};
pub(crate) use case::{Case, Input, between, indices, mask, numbers, these};

use self::case::Values;
use crate::{DType, Device, Result, Tensor};

/// The adapter that shaders are tested on; `None` where there is none and none is required.
pub(crate) fn gpu() -> Option<Device> {
    static GPU: OnceLock<Option<Device>> = OnceLock::new();
    GPU.get_or_init(|| match Device::gpu(None) {
        Ok(device) => Some(device),
        Err(error) if std::env::var_os("ENGINE_REQUIRE_GPU").is_some_and(|value| value == "1") => {
            panic!("ENGINE_REQUIRE_GPU is set, but: {error}")
        }
        Err(error) => {
            eprintln!("ignored: shaders need an adapter: {error}");
            None
        }
    })
    .clone()
}

/// How an input lies in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Memory {
    /// Without gaps.
    Whole,
    /// Dimensions stored in reverse.
    Reversed,
    /// Every dimension cut out of a larger one.
    Cut,
}

fn values_of(input: &Input, seed: u64) -> Array {
    let elements = input.shape.elements();
    let data = match &input.values {
        Values::These(values) => values.clone(),
        Values::Between(low, high) => (0..elements as u64)
            .map(|place| {
                let mut bits = (seed << 32 | place)
                    .wrapping_add(1)
                    .wrapping_mul(0x9E37_79B9_7F4A_7C15);
                bits = (bits ^ bits >> 31).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                let unit = (bits >> 40) as f64 / (1_u64 << 24) as f64;
                let value = low + (high - low) * unit;
                match input.dtype.is_float() {
                    // Exact in every type of numbers, so that all are checked on the same ones.
                    true => f64::from(half::bf16::from_f64(value).to_f32()),
                    false => value.floor(),
                }
            })
            .collect(),
    };
    Array::new(&input.shape, data)
}

fn tensor_of(array: &Array, dtype: DType, memory: Memory, device: &Device) -> Tensor {
    let shape = &array.shape;
    let whole = |array: &Array| {
        let tensor = match dtype {
            // Past 2^24 not every integer is a number of single precision.
            DType::U32 => {
                let integers: Vec<u32> = array.data.iter().map(|&x| x as u32).collect();
                Tensor::new(&integers, &array.shape, device)
            }
            _ => {
                let single: Vec<f32> = array.data.iter().map(|&x| x as f32).collect();
                Tensor::new(&single, &array.shape, device).and_then(|tensor| tensor.cast(dtype))
            }
        };
        tensor.expect("an input")
    };
    match memory {
        Memory::Whole => whole(array),
        Memory::Reversed => {
            let order: Vec<usize> = (0..shape.rank()).rev().collect();
            let reversed: Vec<usize> = shape.iter().rev().copied().collect();
            let turned = Array::from_fn(&reversed[..], |at| {
                array.at(&at.iter().rev().copied().collect::<Vec<_>>())
            });
            whole(&turned).permute(&order).expect("a permutation")
        }
        Memory::Cut => {
            let larger: Vec<usize> = shape.iter().map(|size| size + 3).collect();
            let padded = Array::from_fn(&larger[..], |at| {
                let inside = at
                    .iter()
                    .zip(shape.iter())
                    .all(|(&at, &size)| at >= 2 && at - 2 < size);
                let at: Vec<usize> = at.iter().map(|&at| at.wrapping_sub(2)).collect();
                if inside { array.at(&at) } else { 7.0 }
            });
            (0..shape.rank()).fold(whole(&padded), |tensor, axis| {
                tensor.narrow(axis, 2, shape[axis]).expect("a part")
            })
        }
    }
}

/// Inputs as tensors: the values of the case, in `dtype` where they are numbers.
fn inputs_of(
    case: &Case,
    arrays: &[Array],
    dtype: DType,
    memory: Memory,
    device: &Device,
) -> Vec<Tensor> {
    let tensors = case.inputs.iter().zip(arrays).map(|(input, array)| {
        let dtype = if input.dtype == DType::F32 {
            dtype
        } else {
            input.dtype
        };
        let tensor = tensor_of(array, dtype, memory, device);
        match input.has_gradient {
            true => tensor.requires_grad().expect("a leaf"),
            false => tensor,
        }
    });
    tensors.collect()
}

fn tolerance_of(case: &Case, dtype: DType) -> f64 {
    match dtype {
        DType::F16 => 4e-3,
        DType::BF16 => 3e-2,
        _ => case.tolerance,
    }
}

fn assert_close(found: &[f32], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}: number of elements");
    for (place, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        let found = f64::from(found);
        let same = found == expected || (found.is_nan() && expected.is_nan());
        let close = (found - expected).abs() <= tolerance * expected.abs().max(1.0);
        assert!(
            same || close,
            "{what}: element {place} is {found}, not {expected}"
        );
    }
}

fn check_values(case: &Case, device: &Device, dtype: DType, memory: Memory) {
    let what = format!("{} ({dtype}, {memory:?}, {device})", case.name);
    let arrays: Vec<Array> = (case.inputs.iter().zip(1..))
        .map(|(input, seed)| values_of(input, seed))
        .collect();
    let expected = (case.reference)(&arrays);
    let inputs = inputs_of(case, &arrays, dtype, memory, device);
    let found = (case.run)(&inputs).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(found.len(), expected.len(), "{what}: number of outputs");
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found.shape(), &expected.shape, "{what}: shape");
        let values = found.to_f32_vec().expect("values");
        assert_close(&values, &expected.data, tolerance_of(case, dtype), &what);
    }
}

/// Gradients of a weighted sum of all outputs, against central differences of the reference.
fn check_gradients(case: &Case, device: &Device, memory: Memory) {
    let what = format!("gradient of {} ({memory:?}, {device})", case.name);
    let arrays: Vec<Array> = (case.inputs.iter().zip(1..))
        .map(|(input, seed)| values_of(input, seed))
        .collect();
    let weights: Vec<Array> = ((case.reference)(&arrays).iter().zip(100..))
        .map(|(output, seed)| values_of(&numbers(&output.shape), seed))
        .collect();
    let weighted = |arrays: &[Array]| -> f64 {
        let outputs = (case.reference)(arrays);
        let products = outputs
            .iter()
            .zip(&weights)
            .flat_map(|(output, weight)| output.data.iter().zip(&weight.data).map(|(y, w)| y * w));
        products.sum()
    };
    let inputs = inputs_of(case, &arrays, DType::F32, memory, device);
    let gradients = (|| -> Result<_> {
        let outputs = (case.run)(&inputs)?;
        let mut gradients = crate::Gradients::default();
        for (output, weight) in outputs.iter().zip(&weights) {
            if output.is_tracked() {
                let upstream = tensor_of(weight, output.dtype(), memory, device);
                gradients.accumulate(output.backward_from(&upstream)?)?;
            }
        }
        Ok(gradients)
    })()
    .unwrap_or_else(|error| panic!("{what}: {error}"));
    for (place, input) in case.inputs.iter().enumerate() {
        if !input.has_gradient || input.shape.elements() == 0 {
            continue;
        }
        let found = gradients
            .get(&inputs[place])
            .unwrap_or_else(|| panic!("{what}: input {place} has none"));
        assert_eq!(
            found.shape(),
            &input.shape,
            "{what}: shape of input {place}'s"
        );
        let step = 1e-5;
        let expected: Vec<f64> = (0..input.shape.elements())
            .map(|element| {
                let at = |step: f64| {
                    let mut moved = arrays.clone();
                    moved[place].data[element] += step;
                    weighted(&moved)
                };
                (at(step) - at(-step)) / (2.0 * step)
            })
            .collect();
        let found = found.to_f32_vec().expect("values");
        let tolerance = (case.tolerance * 20.0).max(5e-5);
        assert_close(
            &found,
            &expected,
            tolerance,
            &format!("{what}, input {place}"),
        );
    }
}

/// What a case gives natively.
fn outputs_of(case: &Case) -> Vec<Tensor> {
    let seeds = case.inputs.iter().zip(1..);
    let arrays: Vec<Array> = seeds.map(|(input, seed)| values_of(input, seed)).collect();
    let inputs = inputs_of(case, &arrays, DType::F32, Memory::Whole, &Device::cpu());
    (case.run)(&inputs).unwrap_or_else(|error| panic!("{}: {error}", case.name))
}

fn check(case: &Case, device: &Device) {
    for memory in [Memory::Whole, Memory::Reversed, Memory::Cut] {
        check_values(case, device, DType::F32, memory);
        if case.inputs.iter().any(|input| input.has_gradient) {
            check_gradients(case, device, memory);
        }
    }
    if case.in_half && case.inputs.iter().any(|input| input.dtype == DType::F32) {
        check_values(case, device, DType::F16, Memory::Whole);
        check_values(case, device, DType::BF16, Memory::Cut);
    }
}

/// Checks all cases, and gives the room and the message of all that fail.
fn failures(device: &Device, fits: impl Fn(&Case) -> bool) -> Vec<(&'static str, String)> {
    let mut failures = Vec::new();
    for (room, cases) in crate::ops::ROOMS.iter().chain(crate::in_place::ROOMS) {
        for case in cases().into_iter().filter(&fits) {
            let checked = catch_unwind(AssertUnwindSafe(|| check(&case, device)));
            if let Err(payload) = checked {
                let message = payload.downcast_ref::<String>().cloned();
                failures.push((*room, message.unwrap_or(case.name)));
            }
        }
    }
    failures
}

/// Checks all cases, and tells of all that fail.
fn check_all(device: &Device) {
    let failures: Vec<String> = failures(device, |_| true)
        .into_iter()
        .map(|(_, message)| message)
        .collect();
    assert!(
        failures.is_empty(),
        "{} cases fail:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn native_code_equals_double_precision_and_central_differences() {
    check_all(&Device::cpu_with_threads(2));
}

#[test]
fn shaders_equal_double_precision_and_central_differences() {
    let Some(gpu) = gpu() else { return };
    check_all(&gpu);
    lint::every_entry_point_ran(&gpu);
}

/// What has cases that do not go in pieces of 4 kB: attention; images, columns and blocks that are larger each.
const WHOLE: [&str; 5] = [
    "attention",
    "conv2d",
    "matmul",
    "scatter_add",
    "square_sums",
];

#[test]
fn tensors_past_what_a_kernel_may_bind_go_in_pieces_and_no_kernel_has_more_than_eight_buffers() {
    if gpu().is_none() {
        return;
    }
    let limited = crate::gpu::Gpu::open_limited(None, 8, 4096).expect("a smaller device");
    let limited = Device::Gpu(limited);
    // Thousands of pieces show no more than some dozen.
    let fits = |case: &Case| {
        let elements = case.inputs.iter().map(|input| input.shape.elements());
        elements.max() <= Some(50_000)
    };
    let refused = |message: &str| {
        message.contains("is past the 4096 that") && message.contains("use smaller batches")
    };
    let (refused, failed): (Vec<_>, Vec<_>) = failures(&limited, fits)
        .into_iter()
        .partition(|(_, message)| refused(message));
    let failed: Vec<String> = failed.into_iter().map(|(_, message)| message).collect();
    assert!(
        failed.is_empty(),
        "{} cases fail:\n{}",
        failed.len(),
        failed.join("\n")
    );
    let rooms: std::collections::BTreeSet<&str> = refused.iter().map(|(room, _)| *room).collect();
    assert!(
        rooms.iter().all(|room| WHOLE.contains(room)),
        "{refused:#?}"
    );
}
