// Compares two views, an element an invocation. params: elements, then both layouts.

@group(0) @binding(0) var<storage, read> left: array<{{TYPE}}>;
@group(0) @binding(1) var<storage, read> right: array<{{TYPE}}>;
@group(0) @binding(2) var<storage, read_write> result: array<u32>;

alias Number = {{TYPE}};

fn is_eq(x: Number, y: Number) -> bool {
    return x == y;
}

// Drivers may take `!=` to be false where one is not a number.
fn is_ne(x: Number, y: Number) -> bool {
    return !(x == y);
}

fn is_lt(x: Number, y: Number) -> bool {
    return x < y;
}

fn is_le(x: Number, y: Number) -> bool {
    return x <= y;
}

fn is_gt(x: Number, y: Number) -> bool {
    return x > y;
}

fn is_ge(x: Number, y: Number) -> bool {
    return x >= y;
}

fn is_and(x: Number, y: Number) -> bool {
    return x != Number(0) && y != Number(0);
}

fn is_or(x: Number, y: Number) -> bool {
    return x != Number(0) || y != Number(0);
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = linear_id(group, local, groups, 256u);
    if index < param(0u) {
        result[index] = select(0u, 1u, is_{{FUNCTION}}(left[place(index, 1u, 0u)], right[place(index, 1u, 1u)]));
    }
}
