// Slices added up by index: a workgroup a slice and 256 columns. That of the first slice of an index adds all of them, in
// their order, so no two workgroups write to one place. The result is cleared before the first of the launches, which have a
// part of the slices each. params: slices, inner size, size of the result's dimension, index to leave out, the first slice of
// this launch, and the one behind its last.

@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read_write> result: array<f32>;

// Which of 256 slices have the index, a bit a slice.
var<workgroup> found: array<atomic<u32>, 8>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let w = grid_place(group, groups);
    if outside_grid(w) {
        return;
    }
    let slices = param(0u);
    let inner = param(1u);
    let size = param(2u);
    let own = param(4u) + w.x;
    let index = indices[own];
    if index >= size || index == param(3u) {
        return;
    }
    let column = w.y * 256u + local;
    let base = w.z * slices * inner + min(column, inner - 1u);
    var sum = 0.0;
    var earlier = false;
    for (var first = param(4u); first < param(5u); first += 256u) {
        if local < 8u {
            atomicStore(&found[local], 0u);
        }
        workgroupBarrier();
        let at = first + local;
        if at < param(5u) {
            if indices[at] == index {
                atomicOr(&found[local / 32u], 1u << (local % 32u));
            }
        }
        workgroupBarrier();
        for (var word = 0u; word < 8u; word += 1u) {
            var bits = atomicLoad(&found[word]);
            while bits != 0u {
                let slice = first + 32u * word + firstTrailingBit(bits);
                bits &= bits - 1u;
                earlier = earlier || slice < own;
                sum += source[base + slice * inner];
            }
        }
        workgroupBarrier();
        // The same for all invocations.
        if earlier {
            break;
        }
    }
    if !earlier && column < inner {
        result[(w.z * size + index) * inner + column] += sum;
    }
}
