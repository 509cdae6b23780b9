// Softmax of rows, or its logarithm: one workgroup a row. params: rows, length.

@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var<storage, read_write> result: array<f32>;

var<workgroup> partial: array<f32, 256>;

const LOGARITHM: bool = {{LOGARITHM}};

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let row = linear_workgroup(group, groups);
    if row >= param(0u) {
        return;
    }
    let length = param(1u);
    let base = row * length;
    var top = source[base];
    for (var k = local; k < length; k += 256u) {
        top = max(top, source[base + k]);
    }
    partial[local] = top;
    for (var width = 128u; width > 0u; width /= 2u) {
        workgroupBarrier();
        if local < width {
            partial[local] = max(partial[local], partial[local + width]);
        }
    }
    workgroupBarrier();
    top = partial[0];
    workgroupBarrier();
    var sum = 0.0;
    for (var k = local; k < length; k += 256u) {
        sum += exp(source[base + k] - top);
    }
    sum = workgroup_sum(sum, local);
    for (var k = local; k < length; k += 256u) {
        let shifted = source[base + k] - top;
        if LOGARITHM {
            result[base + k] = shifted - log(sum);
        } else {
            result[base + k] = exp(shifted) / sum;
        }
    }
}
