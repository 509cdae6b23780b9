//! What shaders are told: how many workgroups there are, and how views lie.

use crate::Result;
use crate::gpu::{Gpu, RowChunk, row_chunks};
use crate::shape::{Layout, MAX_RANK};

/// Invocations of a workgroup in shaders that handle one element, or one word, an invocation.
pub(crate) const WORKGROUP: usize = 256;

/// Workgroups for so many invocations.
pub(crate) fn groups(invocations: usize) -> [u32; 3] {
    [invocations.div_ceil(WORKGROUP) as u32, 1, 1]
}

/// Views of one shape as parameters: six sizes, then for each view six strides and an offset. Folded first, and filled
/// up with dimensions of size 1 in front.
pub(crate) fn layout_params<const N: usize>(layouts: [&Layout; N]) -> Vec<u32> {
    let (sizes, strides) = Layout::fold(layouts);
    let missing = MAX_RANK - sizes.len();
    let padded = |dims: &[usize], filler: u32| {
        std::iter::repeat_n(filler, missing)
            .chain(dims.iter().map(|&size| size as u32))
            .collect::<Vec<_>>()
    };
    let mut params = padded(&sizes, 1);
    for (layout, strides) in layouts.iter().zip(&strides) {
        params.extend(padded(strides, 0));
        params.push(layout.offset as u32);
    }
    params
}

/// Calls `launch` with the elements of 4 bytes that fit into one binding each.
pub(crate) fn each_part(
    gpu: &Gpu,
    elements: usize,
    mut launch: impl FnMut(RowChunk) -> Result<()>,
) -> Result<()> {
    row_chunks(gpu.limits(), elements, &[4])
        .unwrap_or_default()
        .into_iter()
        .try_for_each(&mut launch)
}
