// Binary cross entropy of logits, element by element. params: elements, then the layouts of logits, targets, weights and the
// upstream gradient.

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> targets: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read> upstream: array<f32>;
@group(0) @binding(4) var<storage, read_write> result: array<f32>;

const WEIGHTED: bool = {{WEIGHTED}};

// ln(1 + e^-|x|): twice the series of the inverse hyperbolic tangent of e / (2 + e), which keeps what is small.
fn softplus_of_minus_abs(x: f32) -> f32 {
    let e = exp(-min(abs(x), 88.0));
    let s = e / (2.0 + e);
    let q = s * s;
    return s * (2.0 + q * (2.0 / 3.0 + q * (2.0 / 5.0 + q * (2.0 / 7.0 + q * (2.0 / 9.0 + q * (2.0 / 11.0 + q * (2.0 / 13.0)))))));
}

// 1 + (weight - 1) y
fn positive(index: u32, y: f32) -> f32 {
    if WEIGHTED {
        return 1.0 + (weights[place(index, 1u, 2u)] - 1.0) * y;
    }
    return 1.0;
}

@compute @workgroup_size(256)
fn losses(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = linear_id(group, local, groups, 256u);
    if index >= param(0u) {
        return;
    }
    let x = logits[place(index, 1u, 0u)];
    let y = targets[place(index, 1u, 1u)];
    let softplus = softplus_of_minus_abs(x) + max(-x, 0.0);
    result[index] = (1.0 - y) * x + positive(index, y) * softplus;
}

@compute @workgroup_size(256)
fn slopes(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = linear_id(group, local, groups, 256u);
    if index >= param(0u) {
        return;
    }
    let x = logits[place(index, 1u, 0u)];
    let y = targets[place(index, 1u, 1u)];
    let slope = (1.0 - y) - positive(index, y) * sigmoid(-x);
    result[index] = upstream[place(index, 1u, 3u)] * slope;
}
