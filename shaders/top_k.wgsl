// The largest of each row in order. `choose`, a workgroup a row, finds the last one of them digit by digit, the higher half
// of eight digits being of its rank and the other of its place, and writes down where it and all before it are. `sort`, an
// invocation each of these, counts how many come before its own. params: rows, length, k.

@group(0) @binding(0) var<storage, read> source: array<u32>;
@group(0) @binding(1) var<storage, read_write> chosen: array<u32>;
@group(0) @binding(2) var<storage, read_write> values: array<u32>;
@group(0) @binding(3) var<storage, read_write> places: array<u32>;

// How many elements have each digit.
var<workgroup> counts: array<atomic<u32>, 256>;
// The digit, how many with it are still needed, and whether that is all of them.
var<workgroup> found: vec3<u32>;
var<workgroup> slots: atomic<u32>;

// Higher for what comes first: the larger one, or the first of equals.
fn key_of(base: u32, at: u32) -> vec2<u32> {
    return vec2<u32>(rank_of(source[base + at], false), ~at);
}

fn before(a: vec2<u32>, b: vec2<u32>) -> bool {
    return a.x > b.x || (a.x == b.x && a.y > b.y);
}

@compute @workgroup_size(256)
fn choose(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let row = linear_workgroup(group, groups);
    if row >= param(0u) {
        return;
    }
    let length = param(1u);
    let base = row * length;
    // The digits that are known, and which bits these are.
    var last = vec2<u32>(0u);
    var known = vec2<u32>(0u);
    var needed = param(2u);
    for (var digit = 0u; digit < 8u; digit += 1u) {
        let half = digit / 4u;
        let shift = 24u - digit % 4u * 8u;
        atomicStore(&counts[local], 0u);
        workgroupBarrier();
        for (var k = local; k < length; k += 256u) {
            let key = key_of(base, k);
            if all((key & known) == last) {
                atomicAdd(&counts[(key[half] >> shift) & 255u], 1u);
            }
        }
        workgroupBarrier();
        if local == 0u {
            var left = needed;
            var value = 255u;
            while value > 0u && atomicLoad(&counts[value]) < left {
                left -= atomicLoad(&counts[value]);
                value -= 1u;
            }
            found = vec3<u32>(value, left, u32(atomicLoad(&counts[value]) == left));
        }
        workgroupBarrier();
        last[half] |= found.x << shift;
        known[half] |= 255u << shift;
        needed = found.y;
        // The same for all invocations: whatever the other digits are, all are needed.
        let is_done = found.z == 1u;
        workgroupBarrier();
        if is_done {
            break;
        }
    }
    if local == 0u {
        atomicStore(&slots, 0u);
    }
    workgroupBarrier();
    for (var k = local; k < length; k += 256u) {
        let key = key_of(base, k);
        if !before(last, key & known) {
            chosen[row * param(2u) + atomicAdd(&slots, 1u)] = k;
        }
    }
}

@compute @workgroup_size(256)
fn sort(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear_id(group, local, groups, 256u);
    let k = param(2u);
    if at >= param(0u) * k {
        return;
    }
    let row = at / k;
    let base = row * param(1u);
    let own = key_of(base, chosen[at]);
    var number = 0u;
    for (var other = 0u; other < k; other += 1u) {
        number += u32(before(key_of(base, chosen[row * k + other]), own));
    }
    places[row * k + number] = chosen[at];
    values[row * k + number] = source[base + chosen[at]];
}
