// One step of gradient descent. params: elements, rate, momentum, decay, and how far to go along the gradient and the velocity.

@group(0) @binding(0) var<storage, read_write> parameter: array<f32>;
@group(0) @binding(1) var<storage, read_write> velocity: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read> scale: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = linear_id(group, local, groups, 256u);
    // The exponent of infinities and of what is no number is all ones.
    if index >= param(0u) || (bitcast<u32>(scale[0]) & 0x7f800000u) == 0x7f800000u {
        return;
    }
    let p = parameter[index];
    let g = gradient[index] * scale[0] + param_f32(3u) * p;
    let v = param_f32(2u) * velocity[index] + g;
    velocity[index] = v;
    parameter[index] = p - param_f32(1u) * (param_f32(4u) * g + param_f32(5u) * v);
}
