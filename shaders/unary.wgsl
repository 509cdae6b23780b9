// Functions of one number, an element an invocation. params: elements, two parameters of the function, the view's layout.

@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var<storage, read_write> result: array<f32>;

fn apply_exp(x: f32, p: f32, q: f32) -> f32 {
    return exp(x);
}

fn apply_log(x: f32, p: f32, q: f32) -> f32 {
    return log(x);
}

fn apply_sqrt(x: f32, p: f32, q: f32) -> f32 {
    return sqrt(x);
}

fn apply_reciprocal(x: f32, p: f32, q: f32) -> f32 {
    return 1.0 / x;
}

fn apply_abs(x: f32, p: f32, q: f32) -> f32 {
    return abs(x);
}

fn apply_square(x: f32, p: f32, q: f32) -> f32 {
    return x * x;
}

fn apply_sin(x: f32, p: f32, q: f32) -> f32 {
    return sin(x);
}

fn apply_cos(x: f32, p: f32, q: f32) -> f32 {
    return cos(x);
}

fn apply_tanh(x: f32, p: f32, q: f32) -> f32 {
    return tanh_safe(x);
}

fn apply_sigmoid(x: f32, p: f32, q: f32) -> f32 {
    return sigmoid(x);
}

fn apply_relu(x: f32, p: f32, q: f32) -> f32 {
    return max(x, 0.0);
}

fn apply_gelu(x: f32, p: f32, q: f32) -> f32 {
    return gelu(x);
}

fn apply_gelu_tanh(x: f32, p: f32, q: f32) -> f32 {
    return gelu_tanh(x);
}

fn apply_silu(x: f32, p: f32, q: f32) -> f32 {
    return x * sigmoid(x);
}

fn apply_affine(x: f32, p: f32, q: f32) -> f32 {
    return x * p + q;
}

fn apply_clamp(x: f32, p: f32, q: f32) -> f32 {
    return clamp(x, p, q);
}

fn apply_power(x: f32, p: f32, q: f32) -> f32 {
    return power(x, p);
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = linear_id(group, local, groups, 256u);
    if index < param(0u) {
        let x = source[place(index, 3u, 0u)];
        result[index] = apply_{{FUNCTION}}(x, param_f32(1u), param_f32(2u));
    }
}
