// Converts a view to another type, a word of the result an invocation: one element, or a pair of halves.
// params: elements, then the view's layout.

@group(0) @binding(0) var<storage, read> source: array<u32>;
@group(0) @binding(1) var<storage, read_write> result: array<u32>;

fn load_f32(at: u32) -> f32 {
    return bitcast<f32>(source[at]);
}

fn load_f16(at: u32) -> f32 {
    return unpack2x16float(source[at / 2u])[at % 2u];
}

fn load_bf16(at: u32) -> f32 {
    let word = source[at / 2u];
    return bitcast<f32>(select(word << 16u, word & 0xffff0000u, at % 2u == 1u));
}

fn load_u32(at: u32) -> f32 {
    return f32(source[at]);
}

fn load_i32(at: u32) -> f32 {
    return f32(bitcast<i32>(source[at]));
}

fn load_bool(at: u32) -> f32 {
    return f32(source[at]);
}

fn bits_f32(value: f32) -> u32 {
    return bitcast<u32>(value);
}

fn bits_f16(value: f32) -> u32 {
    return pack2x16float(vec2<f32>(value, 0.0)) & 0xffffu;
}

// To the nearest, ties to even; what is not a number stays none.
fn bits_bf16(value: f32) -> u32 {
    let bits = bitcast<u32>(value);
    if (bits & 0x7fffffffu) > 0x7f800000u {
        return (bits >> 16u) | 0x40u;
    }
    return (bits + 0x7fffu + ((bits >> 16u) & 1u)) >> 16u;
}

fn bits_u32(value: f32) -> u32 {
    return u32(value);
}

fn bits_i32(value: f32) -> u32 {
    return bitcast<u32>(i32(value));
}

fn bits_bool(value: f32) -> u32 {
    return select(0u, 1u, value != 0.0);
}

// Between integers, which f32 does not hold exactly.
const EXACT: bool = {{EXACT}};

fn converted(index: u32) -> u32 {
    let at = place(index, 1u, 0u);
    if EXACT {
        return source[at];
    }
    return bits_{{TO}}(load_{{FROM}}(at));
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = linear_id(group, local, groups, 256u);
    let first = word * {{WORD_ELEMENTS}}u;
    if first >= param(0u) {
        return;
    }
    var bits = converted(first);
    if {{WORD_ELEMENTS}}u == 2u && first + 1u < param(0u) {
        bits |= converted(first + 1u) << 16u;
    }
    result[word] = bits;
}
