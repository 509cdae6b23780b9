// Arithmetic on two views, an element an invocation. params: elements, then both layouts.

@group(0) @binding(0) var<storage, read> left: array<{{TYPE}}>;
@group(0) @binding(1) var<storage, read> right: array<{{TYPE}}>;
@group(0) @binding(2) var<storage, read_write> result: array<{{TYPE}}>;

alias Number = {{TYPE}};

fn apply_add(x: Number, y: Number) -> Number {
    return x + y;
}

fn apply_sub(x: Number, y: Number) -> Number {
    return x - y;
}

fn apply_mul(x: Number, y: Number) -> Number {
    return x * y;
}

// Integers divided by 0 give 0.
fn apply_div(x: Number, y: Number) -> Number {
    if {{INTEGER}} && y == Number(0) {
        return Number(0);
    }
    return x / y;
}

fn apply_maximum(x: Number, y: Number) -> Number {
    return select(y, x, x > y || y != y);
}

fn apply_minimum(x: Number, y: Number) -> Number {
    return select(y, x, x < y || y != y);
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = linear_id(group, local, groups, 256u);
    if index < param(0u) {
        result[index] = apply_{{FUNCTION}}(left[place(index, 1u, 0u)], right[place(index, 1u, 1u)]);
    }
}
