//! Attention as its users meet it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use tensor::{AttentionDropout, AttentionOptions, Device, Offsets, RandomKey, Tensor};

fn numbers(count: usize) -> Vec<f32> {
    (0..count)
        .map(|place| (place as f32 * 0.618_034).fract() * 4.0 - 2.0)
        .collect()
}

fn bits(values: &Tensor) -> Vec<u32> {
    values
        .to_vec::<f32>()
        .unwrap()
        .into_iter()
        .map(f32::to_bits)
        .collect()
}

/// The result and the gradient.
fn pass(device: &Device, lengths: &[usize], options: &AttentionOptions) -> [Vec<u32>; 2] {
    let offsets = Offsets::of_lengths(lengths, device).unwrap();
    let shape = [offsets.tokens(), 3, 2, 24];
    let qkv = Tensor::new(&numbers(shape.iter().product()), shape, device).unwrap();
    let qkv = qkv.requires_grad().unwrap();
    let result = qkv.attention(&offsets, options).unwrap();
    let upstream = Tensor::new(&numbers(result.elements()), result.shape(), device).unwrap();
    let gradients = result.backward_from(&upstream).unwrap();
    [bits(&result), bits(gradients.get(&qkv).unwrap())]
}

#[test]
fn results_and_gradients_have_the_same_bits_on_any_number_of_threads() {
    let options = AttentionOptions {
        causal: true,
        dropout: Some(AttentionDropout {
            probability: 0.1,
            key: RandomKey::new(3),
        }),
        ..AttentionOptions::default()
    };
    let lengths = [300, 1, 17, 128];
    let one = pass(&Device::cpu_with_threads(1), &lengths, &options);
    for threads in [2, 3] {
        assert_eq!(
            one,
            pass(&Device::cpu_with_threads(threads), &lengths, &options),
            "{threads} threads"
        );
    }
}

#[test]
fn a_text_has_the_same_result_whatever_texts_lie_beside_it() {
    let device = Device::cpu_with_threads(2);
    let options = AttentionOptions::default();
    let [alone, _] = pass(&device, &[37], &options);
    let [beside, _] = pass(&device, &[37, 5, 90], &options);
    assert_eq!(alone, beside[..alone.len()]);
}

#[test]
fn a_bias_of_minus_infinity_hides_keys_and_a_query_without_keys_gets_zeros() {
    let device = Device::cpu_with_threads(1);
    let offsets = Offsets::of_lengths(&[2], &device).unwrap();
    // Queries and keys are zero; the values are 5 and 7.
    let qkv = Tensor::new(&[0.0, 0.0, 5.0, 0.0, 0.0, 7.0_f32], [2, 3, 1, 1], &device).unwrap();
    let hidden = f32::NEG_INFINITY;
    let bias = Tensor::new(&[0.0, hidden, hidden, hidden], [1, 2, 2], &device).unwrap();
    let options = AttentionOptions {
        bias: Some(bias),
        ..AttentionOptions::default()
    };
    let result = qkv.attention(&offsets, &options).unwrap();
    assert_eq!(result.to_vec::<f32>().unwrap(), [5.0, 0.0]);
}

#[test]
fn mistakes_are_named() {
    let device = Device::cpu_with_threads(1);
    let qkv = Tensor::zeros([4, 3, 2, 8], &device).unwrap();
    let message = |lengths: &[usize], options: AttentionOptions| {
        let offsets = Offsets::of_lengths(lengths, &device).unwrap();
        qkv.attention(&offsets, &options).unwrap_err().to_string()
    };
    let plain = AttentionOptions::default;
    assert!(message(&[5], plain()).contains("the offsets must end where the tokens do"));
    let bias = Tensor::zeros([2, 3, 3], &device).unwrap();
    let options = AttentionOptions {
        bias: Some(bias),
        ..plain()
    };
    assert!(message(&[4], options).contains("as long as the longest text"));
    let options = AttentionOptions {
        scale: Some(f32::NAN),
        ..plain()
    };
    assert!(message(&[4], options).contains("finite"));
    let key = RandomKey::new(0);
    let options = AttentionOptions {
        dropout: Some(AttentionDropout {
            probability: 1.5,
            key,
        }),
        ..plain()
    };
    assert!(message(&[4], options).contains("from 0 to 1"));
    let offsets = Offsets::of_lengths(&[4], &device).unwrap();
    let queries = Tensor::zeros([4, 3, 8], &device).unwrap();
    let keys = Tensor::zeros([4, 2, 8], &device).unwrap();
    let error = queries.attention_to([&keys, &keys], &offsets, &offsets, &plain());
    assert!(error.unwrap_err().to_string().contains("must divide"));
}
