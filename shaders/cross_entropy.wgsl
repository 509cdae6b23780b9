// Cross entropy of rows: one workgroup a row. A row whose target is to be ignored, or past the last class, counts nothing.
// params: rows, classes, whether a target is ignored, classes, number of the op, the target that is ignored.

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
// Whether an index was past the end, the first such index, how many there are, and the number of the op.
@group(0) @binding(3) var<storage, read_write> note: array<atomic<u32>, 4>;
@group(0) @binding(4) var<storage, read_write> losses: array<f32>;
@group(0) @binding(5) var<storage, read_write> logsumexps: array<f32>;
@group(0) @binding(6) var<storage, read_write> shares: array<f32>;

var<workgroup> partial: array<f32, 256>;

const WEIGHTED: bool = {{WEIGHTED}};
const SMOOTHING: f32 = {{SMOOTHING}};

fn refuse(index: u32) {
    if atomicOr(&note[0], 1u) == 0u {
        atomicStore(&note[1], index);
        atomicStore(&note[2], param(3u));
        atomicStore(&note[3], param(4u));
    }
}

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
    let ignored = param(2u) != 0u && own == param(5u);
    if ignored || own >= classes {
        if local == 0u {
            losses[row] = 0.0;
            logsumexps[row] = 0.0;
            shares[row] = 0.0;
            if !ignored {
                refuse(own);
            }
        }
        return;
    }
    var top = logits[base];
    for (var k = local; k < classes; k += 256u) {
        top = max(top, logits[base + k]);
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
    for (var k = local; k < classes; k += 256u) {
        sum += exp(logits[base + k] - top);
    }
    let logsumexp = top + log(workgroup_sum(sum, local));
    var spread = 0.0;
    if SMOOTHING > 0.0 {
        for (var k = local; k < classes; k += 256u) {
            spread += weight_of(k) * (logsumexp - logits[base + k]);
        }
        spread = workgroup_sum(spread, local) / f32(classes);
    }
    if local == 0u {
        let share = weight_of(own);
        losses[row] = (1.0 - SMOOTHING) * share * (logsumexp - logits[base + own]) + SMOOTHING * spread;
        logsumexps[row] = logsumexp;
        shares[row] = share;
    }
}
