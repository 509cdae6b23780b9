// Gradient of the cross entropy of rows: one workgroup a row. params: as in cross_entropy.wgsl.

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read> logsumexps: array<f32>;
@group(0) @binding(3) var<storage, read> upstream: array<f32>;
@group(0) @binding(4) var<storage, read_write> result: array<f32>;
@group(0) @binding(5) var<storage, read> weights: array<f32>;
// The sum of the weights.
@group(0) @binding(6) var<storage, read> weight_sum: array<f32>;

const WEIGHTED: bool = {{WEIGHTED}};
const SMOOTHING: f32 = {{SMOOTHING}};

fn weight_of(k: u32) -> f32 {
    if WEIGHTED {
        return weights[k];
    }
    return 1.0;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let row = linear_workgroup(group, groups);
    if row >= param(0u) {
        return;
    }
    let classes = param(1u);
    let base = row * classes;
    let own = targets[row];
    if (param(2u) != 0u && own == param(5u)) || own >= classes {
        for (var k = local; k < classes; k += 256u) {
            result[base + k] = 0.0;
        }
        return;
    }
    let sharp = upstream[row] * (1.0 - SMOOTHING) * weight_of(own);
    let spread = upstream[row] * SMOOTHING / f32(classes);
    var total = f32(classes);
    if WEIGHTED {
        total = weight_sum[0];
    }
    let scale = sharp + spread * total;
    for (var k = local; k < classes; k += 256u) {
        var slope = scale * exp(logits[base + k] - logsumexps[row]) - spread * weight_of(k);
        if k == own {
            slope -= sharp;
        }
        result[base + k] = slope;
    }
}
