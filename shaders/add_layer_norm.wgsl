// Layer normalisation of the sum of two tensors: one workgroup a row. params: rows, hidden, epsilon, and for dropout of the
// first one threshold, scale and key.

@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var<storage, read> residual: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> result: array<f32>;
// For each row its mean and the reciprocal of its standard deviation.
@group(0) @binding(5) var<storage, read_write> statistics: array<vec2<f32>>;
#if KEEP
@group(0) @binding(6) var<storage, read_write> kept: array<f32>;
#endif

fn sum_at(index: u32) -> f32 {
#if DROPOUT
    if random_block(index / 4u, 0u, 5u)[index % 4u] < param(3u) {
        return residual[index];
    }
    return source[index] * param_f32(4u) + residual[index];
#else
    return source[index] + residual[index];
#endif
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let row = linear_workgroup(group, groups);
    if row >= param(0u) {
        return;
    }
    let hidden = param(1u);
    let base = row * hidden;
    // An invocation reads what it wrote itself: the sum waits in the place of the result.
    var sum = 0.0;
    for (var k = local; k < hidden; k += 256u) {
        let value = sum_at(base + k);
        result[base + k] = value;
#if KEEP
        kept[base + k] = value;
#endif
        sum += value;
    }
    let mean = workgroup_sum(sum, local) / f32(hidden);
    var squares = 0.0;
    for (var k = local; k < hidden; k += 256u) {
        let distance = result[base + k] - mean;
        squares += distance * distance;
    }
    let scale = 1.0 / sqrt(workgroup_sum(squares, local) / f32(hidden) + param_f32(2u));
    for (var k = local; k < hidden; k += 256u) {
        result[base + k] = (result[base + k] - mean) * scale * weight[k] + bias[k];
    }
    if local == 0u {
        statistics[row] = vec2<f32>(mean, scale);
    }
}
