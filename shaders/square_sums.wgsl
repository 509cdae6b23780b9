// The sum of squares of each block, a block a workgroup. params: elements, elements of a block, where the first sum goes.

@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let block = linear_workgroup(group, groups);
    let start = block * param(1u);
    if start >= param(0u) {
        return;
    }
    let end = min(param(0u), start + param(1u));
    var sum = 0.0;
    for (var index = start + local; index < end; index += 256u) {
        sum += source[index] * source[index];
    }
    sum = workgroup_sum(sum, local);
    if local == 0u {
        sums[param(2u) + block] = sum;
    }
}
