// One element of the middle of three dimensions for each place: one an invocation.
// params: elements of the result, size of its dimension, inner size, size of the source's dimension, number of the op.

@group(0) @binding(0) var<storage, read> source: array<u32>;
@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read_write> result: array<u32>;
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
    if at >= param(0u) {
        return;
    }
    let inner = param(2u);
    let index = indices[at];
    if index >= param(3u) {
        refuse(index);
        result[at] = 0u;
        return;
    }
    let outer = at / inner / param(1u);
    result[at] = source[(outer * param(3u) + index) * inner + at % inner];
}
