// One step of AdamW. params: elements, 1 - rate * decay, beta 1, beta 2, rate / correction 1, 1 / root of correction 2, epsilon.

@group(0) @binding(0) var<storage, read_write> parameter: array<f32>;
@group(0) @binding(1) var<storage, read_write> first: array<f32>;
@group(0) @binding(2) var<storage, read_write> second: array<f32>;
@group(0) @binding(3) var<storage, read> gradient: array<f32>;
@group(0) @binding(4) var<storage, read> scale: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = linear_id(group, local, groups, 256u);
    // The exponent of infinities and of what is no number is all ones.
    if index >= param(0u) || (bitcast<u32>(scale[0]) & 0x7f800000u) == 0x7f800000u {
        return;
    }
    let g = gradient[index] * scale[0];
    let m = param_f32(2u) * first[index] + (1.0 - param_f32(2u)) * g;
    let v = param_f32(3u) * second[index] + (1.0 - param_f32(3u)) * g * g;
    first[index] = m;
    second[index] = v;
    parameter[index] = parameter[index] * param_f32(1u) - param_f32(4u) * m / (sqrt(v) * param_f32(5u) + param_f32(6u));
}
