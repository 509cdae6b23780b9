// Reduces the middle of [outer, count, inner] block by block, to [outer, blocks, inner]. params: results (outer * blocks *
// inner), count, inner, blocks, elements of a block, and of how many elements a mean is.

@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var<storage, read_write> result: array<f32>;

var<workgroup> partial: array<f32, 256>;

// Extremes begin with an element, sums with 0.
const EXTREME: bool = {{EXTREME}};
const NEEDS_TOP: bool = {{NEEDS_TOP}};
const LARGEST: f32 = 3.4028234e38;
// Elements summed together before their sum joins the total.
const BLOCK: u32 = 64u;

// What an element contributes, given the largest one.
fn term_itself(x: f32, top: f32) -> f32 {
    return x;
}

fn term_square(x: f32, top: f32) -> f32 {
    return x * x;
}

fn term_exponential(x: f32, top: f32) -> f32 {
    return exp(x - top);
}

fn join_add(x: f32, y: f32) -> f32 {
    return x + y;
}

// What is not a number wins.
fn join_max(x: f32, y: f32) -> f32 {
    return select(y, x, x > y || x != x);
}

fn join_min(x: f32, y: f32) -> f32 {
    return select(y, x, x < y || x != x);
}

fn finish_itself(x: f32, top: f32) -> f32 {
    return x;
}

fn finish_mean(x: f32, top: f32) -> f32 {
    return x / f32(param(5u));
}

fn finish_root(x: f32, top: f32) -> f32 {
    return sqrt(x);
}

fn finish_logarithm(x: f32, top: f32) -> f32 {
    return log(x) + top;
}

fn finite_or_zero(x: f32) -> f32 {
    return select(0.0, x, abs(x) <= LARGEST);
}

// The elements of a block.
fn count_of(block: u32) -> u32 {
    return min(param(4u), param(1u) - block * param(4u));
}

// Every `step`th element of `count` from `first`, which lie `stride` apart.
fn largest(base: u32, count: u32, stride: u32, first: u32, step: u32) -> f32 {
    var top = source[base];
    for (var k = first; k < count; k += step) {
        top = join_max(source[base + k * stride], top);
    }
    return top;
}

fn joined(base: u32, count: u32, stride: u32, first: u32, step: u32, top: f32) -> f32 {
    var total = 0.0;
    if EXTREME {
        total = source[base];
    }
    for (var block = first; block < count; block += step * BLOCK) {
        var part = 0.0;
        if EXTREME {
            part = total;
        }
        let end = min(count, block + step * BLOCK);
        for (var k = block; k < end; k += step) {
            part = join_{{JOIN}}(term_{{TERM}}(source[base + k * stride], top), part);
        }
        total = join_{{JOIN}}(part, total);
    }
    return total;
}

// One invocation a result.
@compute @workgroup_size(256)
fn columns(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = linear_id(group, local, groups, 256u);
    if index >= param(0u) {
        return;
    }
    let inner = param(2u);
    let block = index / inner % param(3u);
    let outer = index / inner / param(3u);
    let base = (outer * param(1u) + block * param(4u)) * inner + index % inner;
    let count = count_of(block);
    var top = 0.0;
    if NEEDS_TOP && count > 0u {
        top = finite_or_zero(largest(base, count, inner, 0u, 1u));
    }
    result[index] = finish_{{FINISH}}(joined(base, count, inner, 0u, 1u, top), top);
}

// One workgroup a result; inner is 1.
@compute @workgroup_size(256)
fn rows(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = linear_workgroup(group, groups);
    if index >= param(0u) {
        return;
    }
    let block = index % param(3u);
    let base = index / param(3u) * param(1u) + block * param(4u);
    let count = count_of(block);
    var top = 0.0;
    if NEEDS_TOP {
        partial[local] = largest(base, count, 1u, local, 256u);
        for (var width = 128u; width > 0u; width /= 2u) {
            workgroupBarrier();
            if local < width {
                partial[local] = join_max(partial[local + width], partial[local]);
            }
        }
        workgroupBarrier();
        top = finite_or_zero(partial[0]);
        workgroupBarrier();
    }
    partial[local] = joined(base, count, 1u, local, 256u, top);
    for (var width = 128u; width > 0u; width /= 2u) {
        workgroupBarrier();
        if local < width {
            partial[local] = join_{{JOIN}}(partial[local + width], partial[local]);
        }
    }
    if local == 0u {
        result[index] = finish_{{FINISH}}(partial[0], top);
    }
}
