// Kullback-Leibler divergence, element by element, and its gradients. What has no probability adds nothing.
// params: elements, then the layouts of log-probabilities, targets and the upstream gradient.

@group(0) @binding(0) var<storage, read> logs: array<f32>;
@group(0) @binding(1) var<storage, read> targets: array<f32>;
@group(0) @binding(2) var<storage, read> upstream: array<f32>;
@group(0) @binding(3) var<storage, read_write> result: array<f32>;

const LOG_TARGET: bool = {{LOG_TARGET}};

// p is the target's probability and l its logarithm.
fn divergence(x: f32, p: f32, l: f32, g: f32) -> f32 {
    return p * (l - x);
}

fn of_input(x: f32, p: f32, l: f32, g: f32) -> f32 {
    return -g * p;
}

fn of_target(x: f32, p: f32, l: f32, g: f32) -> f32 {
    let slope = l - x + 1.0;
    if LOG_TARGET {
        return g * slope * p;
    }
    return g * slope;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = linear_id(group, local, groups, 256u);
    if index >= param(0u) {
        return;
    }
    let x = logs[place(index, 1u, 0u)];
    let t = targets[place(index, 1u, 1u)];
    var p = t;
    if LOG_TARGET {
        p = exp(t);
    }
    if p == 0.0 {
        result[index] = 0.0;
        return;
    }
    var l = t;
    if !LOG_TARGET {
        l = log(t);
    }
    result[index] = {{FUNCTION}}(x, p, l, upstream[place(index, 1u, 2u)]);
}
