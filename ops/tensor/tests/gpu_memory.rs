//! Memory and loss of the device: alone in a process, since both concern the whole device.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use tensor::TensorError;
use tensor::gpu::{AdapterKind, Binding, Gpu, Kernel};

const AFFINE: Kernel = Kernel {
    label: "affine",
    source: include_str!("../../../shaders/probe.wgsl"),
    entry: "affine",
};

fn round(gpu: &Gpu, size: usize) -> Vec<u8> {
    let from = gpu.upload(&vec![1; size]).unwrap();
    let between = gpu.allocate(2 * size).unwrap();
    gpu.launch(
        &AFFINE,
        &[],
        &[Binding::read(&from), Binding::read_write(&between)],
        &[1000, 1, 1],
        [16, 1, 1],
    )
    .unwrap();
    drop(from);
    let to = gpu.allocate(size).unwrap();
    gpu.launch(
        &AFFINE,
        &[],
        &[Binding::read(&between), Binding::read_write(&to)],
        &[1000, 1, 1],
        [16, 1, 1],
    )
    .unwrap();
    gpu.download(&to, 0, 4).unwrap()
}

#[test]
fn memory_stays_and_a_lost_device_is_an_error_from_then_on() {
    let Some(gpu) = common::adapter() else {
        return;
    };

    // The same work a hundred times takes what it took after three.
    for _ in 0..3 {
        assert_eq!(round(&gpu, 3_000_000), [3, 1, 1, 1]);
    }
    let third = gpu.memory();
    assert_eq!(third.live, 0);
    for _ in 3..100 {
        assert_eq!(round(&gpu, 3_000_000), [3, 1, 1, 1]);
    }
    assert_eq!(gpu.memory(), third);

    // Work of ever other sizes keeps within a quarter of the peak and a constant.
    for step in 0..60 {
        round(&gpu, 3_000_000 + step * 517_000);
        let memory = gpu.memory();
        assert!(
            memory.live + memory.pooled <= memory.peak + memory.peak / 4 + (32 << 20),
            "{memory:?}"
        );
    }
    gpu.trim();
    assert_eq!((gpu.memory().live, gpu.memory().pooled), (0, 0));

    // An allocation that fails leaves a device that works.
    let mut held = Vec::new();
    let huge = usize::try_from(gpu.limits().max_buffer_bytes).unwrap() & !3;
    let error = (0..4096).find_map(|_| match gpu.allocate(huge) {
        Ok(buffer) => {
            held.push(buffer);
            None
        }
        Err(error) => Some(error),
    });
    println!("{} buffers of {huge} bytes, then {error:?}", held.len());
    drop(held);
    gpu.trim();
    if gpu.adapter().kind == AdapterKind::Software && cfg!(target_os = "linux") {
        assert!(error.is_some(), "the host's memory is the limit");
    }
    if let Some(error) = error {
        assert!(
            matches!(error, TensorError::OutOfDeviceMemory { .. }),
            "{error}"
        );
        assert_eq!(round(&gpu, 3_000_000), [3, 1, 1, 1]);
    }

    let kept = gpu.upload(&[1; 256]).unwrap();
    gpu.close();
    let errors = [
        gpu.upload(&[1; 256]).map(drop).unwrap_err(),
        gpu.download(&kept, 0, 4).map(drop).unwrap_err(),
        gpu.write(&kept, 0, &[1; 4]).unwrap_err(),
        gpu.launch(&AFFINE, &[], &[Binding::read_write(&kept)], &[], [1, 1, 1])
            .unwrap_err(),
        gpu.flush().unwrap_err(),
        gpu.wait().unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, TensorError::DeviceLost { .. }), "{error}");
    }
    assert!(Gpu::open(None).unwrap().flush().is_err(), "it stays lost");
}
