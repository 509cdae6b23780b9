// Adds elements of one value around stretches of the source.
// params: elements, elements before a stretch, in it and after it, the value.

@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var<storage, read_write> result: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = linear_id(group, local, groups, 256u);
    if index >= param(0u) {
        return;
    }
    let before = param(1u);
    let size = param(2u);
    let stretch = before + size + param(3u);
    let at = index % stretch;
    if at >= before && at < before + size {
        result[index] = source[index / stretch * size + at - before];
    } else {
        result[index] = param_f32(4u);
    }
}
