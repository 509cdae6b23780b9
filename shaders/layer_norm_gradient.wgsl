// Gradients of layer normalisation. params: rows, hidden; for `columns` the first row of this launch, and the one behind its
// last.

@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> statistics: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> upstream: array<f32>;
@group(0) @binding(4) var<storage, read_write> of_source: array<f32>;
// In place of the last one, for `columns`.
@group(0) @binding(4) var<storage, read_write> of_weight: array<f32>;
@group(0) @binding(5) var<storage, read_write> of_bias: array<f32>;

var<workgroup> partial: array<vec2<f32>, 256>;

// Of the input: one workgroup a row.
@compute @workgroup_size(256)
fn rows(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let row = linear_workgroup(group, groups);
    if row >= param(0u) {
        return;
    }
    let hidden = param(1u);
    let base = row * hidden;
    let mean = statistics[row].x;
    let scale = statistics[row].y;
    var sums = vec2<f32>(0.0);
    for (var k = local; k < hidden; k += 256u) {
        let gradient = upstream[base + k] * weight[k];
        sums += vec2<f32>(gradient, gradient * (source[base + k] - mean) * scale);
    }
    partial[local] = sums;
    for (var width = 128u; width > 0u; width /= 2u) {
        workgroupBarrier();
        if local < width {
            partial[local] += partial[local + width];
        }
    }
    workgroupBarrier();
    let means = partial[0] / f32(hidden);
    for (var k = local; k < hidden; k += 256u) {
        let gradient = upstream[base + k] * weight[k];
        let normal = (source[base + k] - mean) * scale;
        of_source[base + k] = scale * (gradient - means.x - normal * means.y);
    }
}

// Of weight and bias: one invocation a column.
@compute @workgroup_size(256)
fn columns(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let column = linear_id(group, local, groups, 256u);
    let hidden = param(1u);
    if column >= hidden {
        return;
    }
    var weights = 0.0;
    var biases = 0.0;
    if param(2u) > 0u {
        weights = of_weight[column];
        biases = of_bias[column];
    }
    for (var row = param(2u); row < param(3u); row += 1u) {
        let at = row * hidden + column;
        let normal = (source[at] - statistics[row].x) * statistics[row].y;
        weights += upstream[at] * normal;
        biases += upstream[at];
    }
    of_weight[column] = weights;
    of_bias[column] = biases;
}
