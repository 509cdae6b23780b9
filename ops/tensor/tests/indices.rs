//! Indices past the end are errors on both devices. In a process of its own: on a graphics adapter the error is told to
//! whoever reads next.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::gpu;
use tensor::{CrossEntropy, Device, Result, Tensor, TensorError};

/// The op, the index and the size that an error names.
fn named<T>(result: Result<T>) -> Option<(&'static str, i64, usize)> {
    match result.err()? {
        TensorError::Index { op, index, size } => Some((op, index, size)),
        _ => None,
    }
}

fn check(device: &Device) -> Result<()> {
    let read = |tensor: Result<Tensor>| named(tensor.and_then(|tensor| tensor.to_vec::<f32>()));
    let source = Tensor::new(&[1.0_f32, 2.0, 3.0], [3, 1], device)?;
    let past = Tensor::new(&[0_u32, 3], [2], device)?;
    assert_eq!(
        read(source.index_select(0, &past)),
        Some(("index_select", 3, 3))
    );
    let negative = Tensor::new(&[0_i32, -2], [2], device)?;
    let waited = source
        .embedding(&negative, None)
        .and_then(|_| device.synchronize());
    assert_eq!(named(waited), Some(("embedding", -2, 3)));
    let past = Tensor::new(&[7_u32], [1, 1], device)?;
    assert_eq!(read(source.gather(0, &past)), Some(("gather", 7, 3)));
    let one = Tensor::new(&[1.0_f32], [1, 1], device)?;
    assert_eq!(
        read(source.scatter_add(0, &past, &one)),
        Some(("scatter_add", 7, 3))
    );
    let logits = Tensor::zeros([1, 3], device)?;
    let class = Tensor::new(&[4_u32], [1], device)?;
    let loss = logits.cross_entropy(&class, &CrossEntropy::default());
    assert_eq!(read(loss), Some(("cross_entropy", 4, 3)));
    // It is told once.
    let inside = Tensor::new(&[1_u32, 2], [2], device)?;
    assert_eq!(
        source.index_select(0, &inside)?.to_vec::<f32>()?,
        [2.0, 3.0]
    );
    Ok(())
}

#[test]
fn an_index_past_the_end_is_an_error_with_op_index_and_size() -> Result<()> {
    check(&Device::cpu())?;
    gpu().as_ref().map_or(Ok(()), check)
}
