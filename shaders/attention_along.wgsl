// The sum of each row of the result times its gradient: what all scores of a query have in common in their gradient.
// Beside it goes the logarithm of the sum of the row's powers. params: rows, numbers of a row.

@group(0) @binding(0) var<storage, read> result: array<f32>;
@group(0) @binding(1) var<storage, read> upstream: array<f32>;
@group(0) @binding(2) var<storage, read> sums: array<f32>;
@group(0) @binding(3) var<storage, read_write> statistics: array<vec2<f32>>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) nwg: vec3<u32>) {
    let row = linear_id(wid, local, nwg, 256u);
    if row >= param(0u) {
        return;
    }
    var sum = 0.0;
    for (var i = 0u; i < param(1u); i += 1u) {
        sum = fma(result[row * param(1u) + i], upstream[row * param(1u) + i], sum);
    }
    statistics[row] = vec2<f32>(sums[row], sum);
}
