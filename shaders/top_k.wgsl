// The largest of each row in order: one workgroup a row, which looks k times for the best of what is behind the last one.
// params: rows, length, k.

@group(0) @binding(0) var<storage, read> source: array<u32>;
@group(0) @binding(1) var<storage, read_write> values: array<u32>;
@group(0) @binding(2) var<storage, read_write> places: array<u32>;

// Rank and index.
var<workgroup> partial: array<vec2<u32>, 256>;

// Whether a comes before b: it is larger, or the first of equals.
fn before(a: vec2<u32>, b: vec2<u32>) -> bool {
    return a.x > b.x || (a.x == b.x && a.y < b.y);
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let row = linear_workgroup(group, groups);
    if row >= param(0u) {
        return;
    }
    let length = param(1u);
    let base = row * length;
    var last = vec2<u32>(0xffffffffu, 0u);
    for (var number = 0u; number < param(2u); number += 1u) {
        var best = vec2<u32>(0u, 0xffffffffu);
        for (var k = local; k < length; k += 256u) {
            let candidate = vec2<u32>(rank_of(source[base + k], false), k);
            // All are behind the first one's predecessor, which there is not.
            if (number == 0u || before(last, candidate)) && before(candidate, best) {
                best = candidate;
            }
        }
        partial[local] = best;
        for (var width = 128u; width > 0u; width /= 2u) {
            workgroupBarrier();
            if local < width && before(partial[local + width], partial[local]) {
                partial[local] = partial[local + width];
            }
        }
        workgroupBarrier();
        last = partial[0];
        workgroupBarrier();
        if local == 0u {
            places[row * param(2u) + number] = last.y;
            values[row * param(2u) + number] = source[base + min(last.y, length - 1u)];
        }
    }
}
