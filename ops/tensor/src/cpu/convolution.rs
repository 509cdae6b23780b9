//! Convolution of images, and its gradients: by products with the patches that each output sees (Chellapilla et al. 2006), a
//! bounded number of them at a time; channel by channel where each has its own filters.

use std::ops::Range;

use super::gemm::{Epilogue, Matrix, MatrixMut, gemm};
use super::threads::Shareable;
use super::{Cpu, scratch, simd};

/// Numbers of the patches that exist at once: half of a second-level cache.
const PATCHES: usize = 1 << 17;

/// The sizes of a convolution; of pairs, the vertical one comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub batch: usize,
    pub channels: usize,
    pub input: [usize; 2],
    pub filters: usize,
    pub output: [usize; 2],
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub padding: [usize; 2],
    pub dilation: [usize; 2],
    /// Inputs and filters are divided into so many groups that have nothing to do with each other.
    pub groups: usize,
}

impl Geometry {
    /// Channels and filters of a group.
    fn group(&self) -> [usize; 2] {
        [self.channels / self.groups, self.filters / self.groups]
    }

    fn pixels(&self) -> usize {
        self.input[0] * self.input[1]
    }

    fn positions(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// Numbers of a patch.
    fn patch(&self) -> usize {
        self.group()[0] * self.kernel[0] * self.kernel[1]
    }

    /// Whether each channel has filters of its own, which products of matrices would not speed up.
    fn is_by_channel(&self) -> bool {
        self.group()[0] == 1
    }

    /// Whether a patch is a pixel, so that the input is its own patches.
    fn is_pointwise(&self) -> bool {
        self.kernel == [1, 1] && self.stride == [1, 1] && self.padding == [0, 0]
    }

    /// The outputs along an axis to which element `at` of the kernel brings an element of the input, and the first such one.
    fn span(&self, axis: usize, at: usize) -> (Range<usize>, usize) {
        let [stride, padding] = [self.stride[axis], self.padding[axis]];
        let ahead = at * self.dilation[axis];
        let first = padding.saturating_sub(ahead).div_ceil(stride);
        let end = (self.input[axis] + padding)
            .saturating_sub(ahead)
            .div_ceil(stride);
        let outputs = first..end.min(self.output[axis]).max(first);
        (outputs, (first * stride + ahead).saturating_sub(padding))
    }

    /// Calls `f` for each element of the kernel and row of outputs that it brings something to, with the element, the place of
    /// the first output and of its input, and the number of outputs. Inputs are `stride[1]` apart.
    #[inline(always)]
    fn each_run(&self, mut f: impl FnMut(usize, usize, usize, usize)) {
        for y in 0..self.kernel[0] {
            let (rows, first_row) = self.span(0, y);
            for x in 0..self.kernel[1] {
                let (columns, first_column) = self.span(1, x);
                if columns.is_empty() {
                    continue;
                }
                for (step, row) in rows.clone().enumerate() {
                    let to = row * self.output[1] + columns.start;
                    let from = (first_row + step * self.stride[0]) * self.input[1] + first_column;
                    f(y * self.kernel[1] + x, to, from, columns.len());
                }
            }
        }
    }

    /// Blocks of outputs whose patches are few enough.
    fn blocks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let positions = self.positions();
        let size = (PATCHES / self.patch().max(1)).max(64);
        (0..positions)
            .step_by(size)
            .map(move |start| start..(start + size).min(positions))
    }

    fn block_numbers(&self) -> usize {
        self.patch() * self.blocks().map(|block| block.len()).max().unwrap_or(0)
    }

    /// Sets row `element` of the patches, of one channel, for a block of outputs.
    fn patch_row(&self, channel: &[f32], element: usize, block: &Range<usize>, to: &mut [f32]) {
        let (rows, first_row) = self.span(0, element / self.kernel[1]);
        let (columns, first_column) = self.span(1, element % self.kernel[1]);
        to.fill(0.0);
        let width = self.output[1];
        for (step, row) in rows.enumerate() {
            let begin = (row * width + columns.start).max(block.start);
            let end = (row * width + columns.end).min(block.end);
            if begin >= end {
                continue;
            }
            let skipped = begin - (row * width + columns.start);
            let from = (first_row + step * self.stride[0]) * self.input[1]
                + first_column
                + skipped * self.stride[1];
            let to = &mut to[begin - block.start..end - block.start];
            if self.stride[1] == 1 {
                to.copy_from_slice(&channel[from..from + to.len()]);
            } else {
                for (to, from) in to
                    .iter_mut()
                    .zip(channel[from..].iter().step_by(self.stride[1]))
                {
                    *to = *from;
                }
            }
        }
    }

    /// Adds row `element` of the patches' gradient to that of a channel.
    fn add_patch_row(
        &self,
        from: &[f32],
        element: usize,
        block: &Range<usize>,
        channel: &mut [f32],
    ) {
        let (rows, first_row) = self.span(0, element / self.kernel[1]);
        let (columns, first_column) = self.span(1, element % self.kernel[1]);
        let width = self.output[1];
        for (step, row) in rows.enumerate() {
            let begin = (row * width + columns.start).max(block.start);
            let end = (row * width + columns.end).min(block.end);
            if begin >= end {
                continue;
            }
            let skipped = begin - (row * width + columns.start);
            let to = (first_row + step * self.stride[0]) * self.input[1]
                + first_column
                + skipped * self.stride[1];
            let from = &from[begin - block.start..end - block.start];
            add_run(from, &mut channel[to..], 1.0, self.stride[1]);
        }
    }
}

simd::kernel! {
    /// Adds `scale` times each element of `from` to every `stride`th of `to`.
    fn add_run<I>(from: &[f32], to: &mut [f32], scale: f32, stride: usize) {
        if stride == 1 {
            for (to, &from) in to.iter_mut().zip(from) {
                *to = I::mul_add(from, scale, *to);
            }
        } else {
            for (to, &from) in to.iter_mut().step_by(stride).zip(from) {
                *to = I::mul_add(from, scale, *to);
            }
        }
    }
}

simd::kernel! {
    /// Adds `scale` times every `stride`th element of `from` to each of `to`.
    fn gather_run<I>(from: &[f32], to: &mut [f32], scale: f32, stride: usize) {
        if stride == 1 {
            for (to, &from) in to.iter_mut().zip(from) {
                *to = I::mul_add(from, scale, *to);
            }
        } else {
            for (to, &from) in to.iter_mut().zip(from.iter().step_by(stride)) {
                *to = I::mul_add(from, scale, *to);
            }
        }
    }
}

simd::kernel! {
    /// The sum of each element of `a` times every `stride`th of `b`, in lanes.
    fn dot_run<I>(a: &[f32], b: &[f32], stride: usize) -> f32 {
        let mut lanes = [0.0_f32; 16];
        if stride == 1 {
            let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<16>(), b[..a.len()].as_chunks::<16>());
            for (a, b) in a.iter().zip(b) {
                for ((lane, &a), &b) in lanes.iter_mut().zip(a).zip(b) {
                    *lane = I::mul_add(a, b, *lane);
                }
            }
            for ((lane, &a), &b) in lanes.iter_mut().zip(a_rest).zip(b_rest) {
                *lane = I::mul_add(a, b, *lane);
            }
        } else {
            for (place, (&a, &b)) in a.iter().zip(b.iter().step_by(stride)).enumerate() {
                lanes[place % 16] = I::mul_add(a, b, lanes[place % 16]);
            }
        }
        lanes.iter().sum()
    }
}

/// A mutable part of an array that tasks share.
///
/// # Safety
/// The part lies within the array and is the task's alone.
#[allow(clippy::mut_from_ref)]
unsafe fn part(array: &Shareable<f32>, start: usize, length: usize) -> &mut [f32] {
    // SAFETY: as the caller vouches.
    unsafe { std::slice::from_raw_parts_mut(array.get().add(start), length) }
}

/// The convolution of `x` `[batch, channels, height, width]` by `weight` `[filters, channels / groups, height, width]`.
pub(crate) fn convolve(
    cpu: &Cpu,
    geometry: &Geometry,
    [x, weight]: [&[f32]; 2],
    bias: Option<&[f32]>,
    result: &mut [f32],
) {
    let [channels, filters] = geometry.group();
    let (pixels, positions, patch) = (geometry.pixels(), geometry.positions(), geometry.patch());
    if result.is_empty() {
        return;
    }
    let length = filters * positions;
    cpu.threads().chunks_mut(result, length, |task, result| {
        let group = task % geometry.groups;
        let x = &x[task * channels * pixels..][..channels * pixels];
        let weight = &weight[group * filters * patch..][..filters * patch];
        for (filter, result) in result.chunks_exact_mut(positions).enumerate() {
            result.fill(bias.map_or(0.0, |bias| bias[group * filters + filter]));
            if geometry.is_by_channel() {
                let weight = &weight[filter * patch..][..patch];
                geometry.each_run(|element, to, from, count| {
                    let to = &mut result[to..to + count];
                    gather_run(&x[from..], to, weight[element], geometry.stride[1]);
                });
            }
        }
        if geometry.is_by_channel() {
            return;
        }
        let weight = Matrix::new(weight, filters, patch);
        let add = |patches: &[f32], block: &Range<usize>, result: &mut [f32]| {
            let patches = Matrix::new(patches, patch, block.len());
            let to = MatrixMut::new(&mut result[block.start..], filters, block.len());
            let epilogue = Epilogue {
                accumulate: true,
                ..Epilogue::default()
            };
            gemm(
                cpu.threads(),
                weight,
                patches,
                to.with_row_stride(positions),
                epilogue,
            );
        };
        if geometry.is_pointwise() {
            add(x, &(0..positions), result);
            return;
        }
        with_patches(geometry, |patches| {
            for block in geometry.blocks() {
                let patches = &mut patches[..patch * block.len()];
                fill_patches(cpu, geometry, x, &block, patches);
                add(patches, &block, result);
            }
        });
    });
}

/// The patches of a group of channels for a block of outputs, `[patch, block]`.
fn fill_patches(
    cpu: &Cpu,
    geometry: &Geometry,
    x: &[f32],
    block: &Range<usize>,
    patches: &mut [f32],
) {
    let elements = geometry.kernel[0] * geometry.kernel[1];
    let pixels = geometry.pixels();
    cpu.threads().chunks_mut(patches, block.len(), |row, to| {
        let channel = &x[row / elements * pixels..][..pixels];
        geometry.patch_row(channel, row % elements, block, to);
    });
}

fn with_patches(geometry: &Geometry, run: impl FnOnce(&mut [f32])) {
    let numbers = geometry.block_numbers();
    scratch::with([numbers], |[start]| {
        // SAFETY: scratch memory is as large as asked for, holds numbers, and is this call's alone.
        run(unsafe { std::slice::from_raw_parts_mut(start, numbers) });
    });
}

/// The gradient of `x` from that of the result.
pub(crate) fn gradient_of_input(
    cpu: &Cpu,
    geometry: &Geometry,
    [weight, upstream]: [&[f32]; 2],
    of_x: &mut [f32],
) {
    let [channels, filters] = geometry.group();
    let (pixels, positions, patch) = (geometry.pixels(), geometry.positions(), geometry.patch());
    if of_x.is_empty() {
        return;
    }
    cpu.threads()
        .chunks_mut(of_x, channels * pixels, |task, of_x| {
            let group = task % geometry.groups;
            let upstream = &upstream[task * filters * positions..][..filters * positions];
            let weight = &weight[group * filters * patch..][..filters * patch];
            of_x.fill(0.0);
            if geometry.is_by_channel() {
                for (filter, weight) in weight.chunks_exact(patch).enumerate() {
                    let upstream = &upstream[filter * positions..];
                    geometry.each_run(|element, from, to, count| {
                        let from = &upstream[from..from + count];
                        add_run(from, &mut of_x[to..], weight[element], geometry.stride[1]);
                    });
                }
                return;
            }
            let elements = geometry.kernel[0] * geometry.kernel[1];
            let weight = Matrix::new(weight, filters, patch).transposed();
            with_patches(geometry, |patches| {
                for block in geometry.blocks() {
                    let patches = &mut patches[..patch * block.len()];
                    let upstream = &upstream[block.start..];
                    let upstream = Matrix::strided(upstream, filters, block.len(), positions, 1);
                    let to = MatrixMut::new(&mut *patches, patch, block.len());
                    gemm(cpu.threads(), weight, upstream, to, Epilogue::default());
                    for (row, from) in patches.chunks_exact(block.len()).enumerate() {
                        let channel = &mut of_x[row / elements * pixels..][..pixels];
                        geometry.add_patch_row(from, row % elements, &block, channel);
                    }
                }
            });
        });
}

/// The gradient of `weight` from that of the result: images in order, so that sums do not depend on threads.
pub(crate) fn gradient_of_weight(
    cpu: &Cpu,
    geometry: &Geometry,
    [x, upstream]: [&[f32]; 2],
    of_weight: &mut [f32],
) {
    let [channels, filters] = geometry.group();
    let (pixels, positions, patch) = (geometry.pixels(), geometry.positions(), geometry.patch());
    of_weight.fill(0.0);
    if of_weight.is_empty() || x.is_empty() {
        return;
    }
    let of_weight_parts = Shareable::new(of_weight.as_mut_ptr());
    cpu.threads().for_each(geometry.groups, |group| {
        // SAFETY: each group has filters of its own.
        let of_weight = unsafe { part(&of_weight_parts, group * filters * patch, filters * patch) };
        for image in 0..geometry.batch {
            let place = image * geometry.groups + group;
            let x = &x[place * channels * pixels..][..channels * pixels];
            let upstream = &upstream[place * filters * positions..][..filters * positions];
            if geometry.is_by_channel() {
                for (filter, of_weight) in of_weight.chunks_exact_mut(patch).enumerate() {
                    let upstream = &upstream[filter * positions..];
                    geometry.each_run(|element, to, from, count| {
                        let upstream = &upstream[to..to + count];
                        of_weight[element] += dot_run(upstream, &x[from..], geometry.stride[1]);
                    });
                }
                continue;
            }
            with_patches(geometry, |patches| {
                for block in geometry.blocks() {
                    let patches = &mut patches[..patch * block.len()];
                    fill_patches(cpu, geometry, x, &block, patches);
                    let patches = Matrix::new(&*patches, patch, block.len()).transposed();
                    let upstream = &upstream[block.start..];
                    let upstream = Matrix::strided(upstream, filters, block.len(), positions, 1);
                    let to = MatrixMut::new(&mut *of_weight, filters, patch);
                    let epilogue = Epilogue {
                        accumulate: true,
                        ..Epilogue::default()
                    };
                    gemm(cpu.threads(), upstream, patches, to, epilogue);
                }
            });
        }
    });
}
