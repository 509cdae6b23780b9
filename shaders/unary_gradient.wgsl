// Slopes of functions of one number times the upstream gradient, an element an invocation. What a slope is computed
// from, argument (x) or result (y), is as in the native code.
// params: elements, two parameters of the function, the layouts of what is kept and of the gradient.

@group(0) @binding(0) var<storage, read> kept: array<f32>;
@group(0) @binding(1) var<storage, read> upstream: array<f32>;
@group(0) @binding(2) var<storage, read_write> result: array<f32>;

fn slope_exp(y: f32, p: f32, q: f32) -> f32 {
    return y;
}

fn slope_log(x: f32, p: f32, q: f32) -> f32 {
    return 1.0 / x;
}

fn slope_sqrt(y: f32, p: f32, q: f32) -> f32 {
    return 0.5 / y;
}

fn slope_reciprocal(y: f32, p: f32, q: f32) -> f32 {
    return -y * y;
}

fn slope_abs(x: f32, p: f32, q: f32) -> f32 {
    return sign(x);
}

fn slope_square(x: f32, p: f32, q: f32) -> f32 {
    return 2.0 * x;
}

fn slope_sin(x: f32, p: f32, q: f32) -> f32 {
    return cos(x);
}

fn slope_cos(x: f32, p: f32, q: f32) -> f32 {
    return -sin(x);
}

fn slope_tanh(y: f32, p: f32, q: f32) -> f32 {
    return 1.0 - y * y;
}

fn slope_sigmoid(y: f32, p: f32, q: f32) -> f32 {
    return y * (1.0 - y);
}

fn slope_relu(y: f32, p: f32, q: f32) -> f32 {
    return select(0.0, 1.0, y > 0.0);
}

fn slope_gelu(x: f32, p: f32, q: f32) -> f32 {
    return gelu_slope(x);
}

fn slope_gelu_tanh(x: f32, p: f32, q: f32) -> f32 {
    return gelu_tanh_slope(x);
}

fn slope_silu(x: f32, p: f32, q: f32) -> f32 {
    let s = sigmoid(x);
    return s * (1.0 + x * (1.0 - s));
}

fn slope_clamp(x: f32, p: f32, q: f32) -> f32 {
    return select(0.0, 1.0, x >= p && x <= q);
}

fn slope_power(x: f32, p: f32, q: f32) -> f32 {
    return p * power(x, p - 1.0);
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = linear_id(group, local, groups, 256u);
    if index < param(0u) {
        let slope = slope_{{FUNCTION}}(kept[place(index, 3u, 0u)], param_f32(1u), param_f32(2u));
        result[index] = slope * upstream[place(index, 3u, 1u)];
    }
}
