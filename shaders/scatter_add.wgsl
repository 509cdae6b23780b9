// Elements added to places of the middle of three dimensions: one invocation a column, or a block of a column, which adds in
// order to sums of its own. These are cleared before the first of the launches, which have a part of each block each. params:
// columns, elements of a column, inner size, size of the result's dimension, number of the op; blocks, elements of a block,
// the first element of a block for this launch, and the one behind its last.

@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read_write> result: array<f32>;
// Whether an index was past the end, the first such index, how many there are, and the number of the op.
@group(0) @binding(3) var<storage, read_write> note: array<atomic<u32>, 4>;

fn refuse(index: u32) {
    if atomicOr(&note[0], 1u) == 0u {
        atomicStore(&note[1], index);
        atomicStore(&note[2], param(3u));
        atomicStore(&note[3], param(4u));
    }
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear_id(group, local, groups, 256u);
    if at >= param(0u) * param(5u) {
        return;
    }
    let column = at % param(0u);
    let block = at / param(0u);
    let count = param(1u);
    let inner = param(2u);
    let outer = column / inner;
    let inside = column % inner;
    let sums = (block * param(0u) / inner + outer) * param(3u);
    let end = min(block * param(6u) + param(8u), count);
    for (var element = block * param(6u) + param(7u); element < end; element += 1u) {
        let source_at = (outer * count + element) * inner + inside;
        let index = indices[source_at];
        if index < param(3u) {
            result[(sums + index) * inner + inside] += source[source_at];
        } else {
            refuse(index);
        }
    }
}
