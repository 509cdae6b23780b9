// Dropout: four elements, which share a block of random words, an invocation. params: elements, threshold, scale,
// key, and the block of the first four.

@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var<storage, read_write> result: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let block = linear_id(group, local, groups, 256u);
    let elements = param(0u);
    if block >= (elements + 3u) / 4u {
        return;
    }
    let words = random_block(param(7u) + block, 0u, 3u);
    for (var i = 0u; i < 4u; i += 1u) {
        let index = 4u * block + i;
        if index < elements {
            if words[i] < param(1u) {
                result[index] = 0.0;
            } else {
                result[index] = source[index] * param_f32(2u);
            }
        }
    }
}
