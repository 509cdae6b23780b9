//! The GPU runtime on whatever adapter there is; with `ENGINE_REQUIRE_GPU=1` there has to be one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::sync::Arc;

use common::adapter as gpu;
use tensor::TensorError;
use tensor::gpu::{Binding, Kernel, row_chunks};

const PROBE: &str = include_str!("../../../shaders/probe.wgsl");
const AFFINE: Kernel = Kernel {
    label: "affine",
    source: PROBE,
    entry: "affine",
};
const COUNT: Kernel = Kernel {
    label: "count",
    source: PROBE,
    entry: "count",
};
const PLACE: Kernel = Kernel {
    label: "grid",
    source: PROBE,
    entry: "grid",
};
const MULTIPLY_ADD: Kernel = Kernel {
    label: "multiply and add",
    source: PROBE,
    entry: "multiply_add",
};

fn words(bytes: &[u8]) -> Vec<u32> {
    bytes
        .chunks_exact(4)
        .map(|word| u32::from_le_bytes(word.try_into().unwrap()))
        .collect()
}

#[test]
fn what_measures_arithmetic_makes_as_many_multiply_adds_as_are_counted() {
    let Some(gpu) = gpu() else { return };
    let from = gpu
        .upload(bytemuck::cast_slice(&[1.0_f32, 0.5]))
        .expect("uploaded");
    let to = gpu.upload(&[0; 4 * 300]).expect("uploaded");
    let bindings = [Binding::read(&from), Binding::read_write(&to)];
    gpu.launch(&MULTIPLY_ADD, &[], &bindings, &[299, 5], [2, 1, 1])
        .expect("launched");
    let found = words(&gpu.download(&to, 0, 1200).expect("downloaded"));
    // 32 numbers from 0 to 31, to each of which one half is added twice in each of 5 turns.
    let expected = (0..32).sum::<u32>() as f32 + 32.0 * 5.0;
    assert!(
        found[..299]
            .iter()
            .all(|&word| f32::from_bits(word) == expected)
    );
    assert_eq!(found[299], 0);
    assert!(gpu.peak_gflops().expect("measured") > 0.0);
}

#[test]
fn a_kernel_reads_its_bindings_and_parameters() {
    let Some(gpu) = gpu() else { return };
    let source: Vec<u32> = (0..1000).collect();
    let from = gpu.upload(bytemuck::cast_slice(&source)).unwrap();
    let to = gpu.allocate(4000).unwrap();
    gpu.launch(
        &AFFINE,
        &[],
        &[Binding::read(&from), Binding::read_write(&to)],
        &[1000, 3, 7],
        [16, 1, 1],
    )
    .unwrap();
    let result = words(&gpu.download(&to, 0, 4000).unwrap());
    assert!(
        result
            .iter()
            .zip(0u32..)
            .all(|(&value, i)| value == 3 * i + 7)
    );
}

#[test]
fn transfers_of_odd_sizes_keep_every_byte() {
    let Some(gpu) = gpu() else { return };
    for size in [1usize, 2, 3, 4, 5, 255, 256, 257, 100_003] {
        let bytes: Vec<u8> = (0..size).map(|i| (i * 31 % 251) as u8).collect();
        let buffer = gpu.upload(&bytes).unwrap();
        assert_eq!(buffer.bytes(), size.next_multiple_of(4));
        assert_eq!(gpu.download(&buffer, 0, size).unwrap(), bytes);
        for (offset, length) in [
            (1, size.saturating_sub(2)),
            (size / 2, size - size / 2),
            (size, 0),
        ] {
            assert_eq!(
                gpu.download(&buffer, offset.min(size), length).unwrap(),
                bytes[offset.min(size)..][..length]
            );
        }
    }
    assert_eq!(
        gpu.download(&gpu.upload(&[]).unwrap(), 0, 0).unwrap(),
        Vec::<u8>::new()
    );
}

#[test]
fn a_write_comes_after_what_was_recorded_before_it() {
    let Some(gpu) = gpu() else { return };
    let from = gpu.upload(bytemuck::cast_slice(&[5u32; 64])).unwrap();
    let to = gpu.allocate(256).unwrap();
    gpu.launch(
        &AFFINE,
        &[],
        &[Binding::read(&from), Binding::read_write(&to)],
        &[64, 1, 0],
        [1, 1, 1],
    )
    .unwrap();
    gpu.write(&from, 0, bytemuck::cast_slice(&[9u32; 64]))
        .unwrap();
    assert_eq!(words(&gpu.download(&to, 0, 256).unwrap()), [5; 64]);
    assert_eq!(words(&gpu.download(&from, 0, 256).unwrap()), [9; 64]);
}

#[test]
fn copies_and_clears_are_ordered_with_launches() {
    let Some(gpu) = gpu() else { return };
    let source: Vec<u32> = (0..256).collect();
    let from = gpu.upload(bytemuck::cast_slice(&source)).unwrap();
    let to = gpu.allocate(1024).unwrap();
    gpu.clear(&to, 0, 1024).unwrap();
    gpu.copy(&from, 512, &to, 256, 256).unwrap();
    gpu.launch(
        &COUNT,
        &[],
        &[Binding::read(&from).part(0, 4), Binding::read_write(&to)],
        &[256],
        [4, 1, 1],
    )
    .unwrap();
    gpu.copy(&to, 256, &to, 0, 16).unwrap();
    let result = words(&gpu.download(&to, 0, 1024).unwrap());
    let expected: Vec<u32> = (0..256)
        .map(|i| match i {
            0..4 => 129 + i,
            64..128 => 129 + i - 64,
            _ => 1,
        })
        .collect();
    assert_eq!(result, expected);
}

#[test]
fn a_thousand_launches_run_in_their_order() {
    let Some(gpu) = gpu() else { return };
    let zero = gpu.upload(&[0; 4]).unwrap();
    let counter = gpu.upload(&[0; 256]).unwrap();
    for i in 0..1000u32 {
        // 3 x + i keeps a trace of the order in all bits.
        let copy = gpu.allocate(256).unwrap();
        gpu.copy(&counter, 0, &copy, 0, 256).unwrap();
        gpu.launch(
            &AFFINE,
            &[],
            &[Binding::read(&copy), Binding::read_write(&counter)],
            &[64, 3, i],
            [1, 1, 1],
        )
        .unwrap();
        gpu.launch(
            &COUNT,
            &[],
            &[Binding::read(&zero), Binding::read_write(&counter)],
            &[64],
            [1, 1, 1],
        )
        .unwrap();
    }
    let expected = (0..1000u32).fold(0u32, |x, i| {
        x.wrapping_mul(3).wrapping_add(i).wrapping_add(1)
    });
    assert_eq!(
        words(&gpu.download(&counter, 0, 256).unwrap()),
        [expected; 64]
    );
}

#[test]
fn grids_past_the_limit_reach_every_place_once() {
    let Some(gpu) = gpu() else { return };
    let zero = gpu.upload(&[0; 4]).unwrap();
    for grid in [
        [70_001u32, 1, 1],
        [3, 65_536, 1],
        [2, 3, 66_000],
        [131_073, 2, 1],
        [65_535, 2, 1],
    ] {
        let count = grid.iter().product::<u32>() as usize;
        let to = gpu.allocate(count * 4).unwrap();
        gpu.clear(&to, 0, count * 4).unwrap();
        gpu.launch(
            &PLACE,
            &[],
            &[Binding::read(&zero), Binding::read_write(&to)],
            &[grid[0], grid[1]],
            grid,
        )
        .unwrap();
        let result = words(&gpu.download(&to, 0, count * 4).unwrap());
        let wrong = result.iter().zip(0u32..).find(|&(&value, i)| value != i);
        assert_eq!(wrong, None, "{grid:?}");
    }
    // One dimension, with more than 65,535 groups of 64 threads.
    let count = 65_535 * 64 + 129u32;
    let to = gpu.allocate(count as usize * 4).unwrap();
    gpu.clear(&to, 0, count as usize * 4).unwrap();
    gpu.launch(
        &COUNT,
        &[],
        &[Binding::read(&zero), Binding::read_write(&to)],
        &[count],
        [count.div_ceil(64), 1, 1],
    )
    .unwrap();
    assert!(
        words(&gpu.download(&to, 0, count as usize * 4).unwrap())
            .iter()
            .all(|&value| value == 1)
    );
    // No groups, no work, whatever the bindings.
    gpu.launch(&COUNT, &[], &[], &[], [0, 1, 1]).unwrap();
}

#[test]
fn two_threads_launch_at_once() {
    let Some(gpu) = gpu() else { return };
    let threads: Vec<_> = (0..2u32)
        .map(|thread| {
            let gpu = Arc::clone(&gpu);
            std::thread::spawn(move || {
                for round in 0..50u32 {
                    let source: Vec<u32> = (0..512).map(|i| i + thread * 1000 + round).collect();
                    let from = gpu.upload(bytemuck::cast_slice(&source)).unwrap();
                    let to = gpu.allocate(2048).unwrap();
                    let bindings = [Binding::read(&from), Binding::read_write(&to)];
                    gpu.launch(&AFFINE, &[], &bindings, &[512, 5, thread], [8, 1, 1])
                        .unwrap();
                    let result = words(&gpu.download(&to, 0, 2048).unwrap());
                    assert!(
                        result
                            .iter()
                            .zip(&source)
                            .all(|(&value, &x)| value == 5 * x + thread)
                    );
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn a_faulty_shader_is_an_error_that_names_it_and_the_device_goes_on() {
    let Some(gpu) = gpu() else { return };
    let buffer = gpu.allocate(256).unwrap();
    let kernel = Kernel {
        label: "broken",
        source: "@compute @workgroup_size(1) fn main() { oops(); }",
        entry: "main",
    };
    let error = gpu
        .launch(&kernel, &[], &[Binding::read(&buffer)], &[], [1, 1, 1])
        .unwrap_err();
    let TensorError::Kernel { kernel, reason } = &error else {
        panic!("{error}")
    };
    assert_eq!(kernel, "broken");
    assert!(reason.contains("oops"), "{reason}");

    let missing = Kernel {
        label: "no_entry",
        source: PROBE,
        entry: "absent",
    };
    let bindings = [Binding::read(&buffer)];
    assert!(matches!(
        gpu.launch(&missing, &[], &bindings, &[], [1, 1, 1]),
        Err(TensorError::Kernel { .. })
    ));

    let undefined = Kernel {
        label: "undefined",
        source: "const X = {{WIDTH}}; @compute @workgroup_size(1) fn main() {}",
        entry: "main",
    };
    let error = gpu
        .launch(&undefined, &[], &bindings, &[], [1, 1, 1])
        .unwrap_err()
        .to_string();
    assert!(error.contains("WIDTH"), "{error}");

    // A binding that the shader writes and the launch calls read-only.
    let other = gpu.allocate(256).unwrap();
    let error = gpu
        .launch(
            &COUNT,
            &[],
            &[Binding::read(&buffer), Binding::read(&other)],
            &[64],
            [1, 1, 1],
        )
        .unwrap_err();
    assert!(matches!(error, TensorError::Kernel { .. }), "{error}");
    gpu.wait().unwrap();
}

#[test]
fn bindings_that_cannot_be_are_errors_before_anything_is_recorded() {
    let Some(gpu) = gpu() else { return };
    let small = gpu.allocate(256).unwrap();
    let large = gpu.allocate(4096).unwrap();
    let fails = |bindings: &[Binding<'_>], word: &str| {
        let error = gpu
            .launch(&COUNT, &[], bindings, &[1], [1, 1, 1])
            .unwrap_err()
            .to_string();
        assert!(error.contains("`count`") && error.contains(word), "{error}");
    };
    fails(
        &[Binding::read(&small), Binding::read_write(&small)],
        "bind it once",
    );
    fails(
        &[
            Binding::read_write(&large).part(0, 1024),
            Binding::read_write(&large).part(512, 1024),
        ],
        "bind it once",
    );
    fails(
        &[
            Binding::read(&small),
            Binding::read_write(&large).part(4096, 4),
        ],
        "does not fit",
    );
    fails(
        &[
            Binding::read(&small),
            Binding::read_write(&large).part(usize::MAX - 2, 4),
        ],
        "does not fit",
    );
    if gpu.binding_alignment() > 4 {
        fails(
            &[
                Binding::read(&small),
                Binding::read_write(&large).part(4, 4),
            ],
            "multiple",
        );
    }
    let error = gpu
        .launch(&COUNT, &[], &[Binding::read(&small)], &[0; 61], [1, 1, 1])
        .unwrap_err()
        .to_string();
    assert!(error.contains("61 parameters"), "{error}");
    // Parts that do not touch may both be written.
    let parts = [
        Binding::read_write(&large).part(0, 1024),
        Binding::read_write(&large).part(2048, 1024),
    ];
    let error = gpu
        .launch(&COUNT, &[], &parts, &[1], [1, 1, 1])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("does not compile"),
        "the shader only reads its first binding: {error}"
    );
}

#[test]
fn too_large_a_buffer_is_an_error_with_both_sizes() {
    let Some(gpu) = gpu() else { return };
    let limit = gpu.limits().max_buffer_bytes;
    let asked = usize::try_from(limit).unwrap() + 4;
    let error = gpu.allocate(asked).unwrap_err();
    assert!(matches!(error, TensorError::PastLimit { .. }), "{error}");
    assert!(
        error.to_string().contains(&asked.to_string())
            && error.to_string().contains(&limit.to_string()),
        "{error}"
    );
    assert!(matches!(
        gpu.allocate(usize::MAX),
        Err(TensorError::PastLimit { .. })
    ));

    let binding = gpu.limits().max_binding_bytes;
    if binding + 4 <= limit && binding <= 1 << 28 {
        let from = gpu.allocate(4).unwrap();
        let to = gpu.allocate(binding as usize + 4).unwrap();
        let error = gpu
            .launch(
                &COUNT,
                &[],
                &[Binding::read(&from), Binding::read_write(&to)],
                &[1],
                [1, 1, 1],
            )
            .unwrap_err();
        assert!(error.to_string().contains(&binding.to_string()), "{error}");
        let chunks = row_chunks(gpu.limits(), binding as usize / 12 + 1, &[12]).unwrap();
        assert_eq!(chunks.len(), 2);
        for chunk in &chunks {
            let part = Binding::read_write(&to).part(
                chunk.row * 12,
                (chunk.rows * 12).min(to.bytes() - chunk.row * 12),
            );
            gpu.launch(&COUNT, &[], &[Binding::read(&from), part], &[1], [1, 1, 1])
                .unwrap();
        }
        gpu.wait().unwrap();
    }
}
