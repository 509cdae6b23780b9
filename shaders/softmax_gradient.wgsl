// Gradient of softmax of rows, or of its logarithm, from the result: one workgroup a row. params: rows, length.

@group(0) @binding(0) var<storage, read> kept: array<f32>;
@group(0) @binding(1) var<storage, read> upstream: array<f32>;
@group(0) @binding(2) var<storage, read_write> result: array<f32>;

const LOGARITHM: bool = {{LOGARITHM}};

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let row = linear_workgroup(group, groups);
    if row >= param(0u) {
        return;
    }
    let length = param(1u);
    let base = row * length;
    var sum = 0.0;
    for (var k = local; k < length; k += 256u) {
        if LOGARITHM {
            sum += upstream[base + k];
        } else {
            sum += upstream[base + k] * kept[base + k];
        }
    }
    sum = workgroup_sum(sum, local);
    for (var k = local; k < length; k += 256u) {
        if LOGARITHM {
            result[base + k] = upstream[base + k] - exp(kept[base + k]) * sum;
        } else {
            result[base + k] = kept[base + k] * (upstream[base + k] - sum);
        }
    }
}
