// Where the largest, or smallest, of the middle of three dimensions is: the first of equals.
// params: results, size of the dimension, inner size, whether the smallest is wanted.

@group(0) @binding(0) var<storage, read> source: array<u32>;
@group(0) @binding(1) var<storage, read_write> result: array<u32>;

// Rank and index.
var<workgroup> partial: array<vec2<u32>, 256>;

fn better(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    return select(b, a, a.x > b.x || (a.x == b.x && a.y < b.y));
}

// One invocation a result.
@compute @workgroup_size(256)
fn columns(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear_id(group, local, groups, 256u);
    if at >= param(0u) {
        return;
    }
    let count = param(1u);
    let inner = param(2u);
    let base = at / inner * count * inner + at % inner;
    var best = vec2<u32>(0u);
    for (var k = 0u; k < count; k += 1u) {
        let rank = rank_of(source[base + k * inner], param(3u) != 0u);
        if rank > best.x {
            best = vec2<u32>(rank, k);
        }
    }
    result[at] = best.y;
}

// One workgroup a result, for long dimensions.
@compute @workgroup_size(256)
fn rows(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let row = linear_workgroup(group, groups);
    if row >= param(0u) {
        return;
    }
    let count = param(1u);
    let inner = param(2u);
    let base = row / inner * count * inner + row % inner;
    var best = vec2<u32>(0u, 0xffffffffu);
    for (var k = local; k < count; k += 256u) {
        best = better(best, vec2<u32>(rank_of(source[base + k * inner], param(3u) != 0u), k));
    }
    partial[local] = best;
    for (var width = 128u; width > 0u; width /= 2u) {
        workgroupBarrier();
        if local < width {
            partial[local] = better(partial[local], partial[local + width]);
        }
    }
    if local == 0u {
        result[row] = partial[0].y;
    }
}
