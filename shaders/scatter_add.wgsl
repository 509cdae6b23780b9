// Elements added to places of the middle of three dimensions: one invocation a column, which adds in order. The result is
// cleared before. params: columns, elements of a column, inner size, size of the result's dimension, number of the op.

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
    let column = linear_id(group, local, groups, 256u);
    if column >= param(0u) {
        return;
    }
    let count = param(1u);
    let inner = param(2u);
    let outer = column / inner;
    let inside = column % inner;
    for (var element = 0u; element < count; element += 1u) {
        let source_at = (outer * count + element) * inner + inside;
        let index = indices[source_at];
        if index < param(3u) {
            result[(outer * param(3u) + index) * inner + inside] += source[source_at];
        } else {
            refuse(index);
        }
    }
}
