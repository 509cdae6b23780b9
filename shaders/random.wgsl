// Tensors of random numbers: four words an invocation. params: elements, key, then six numbers of which the
// kind of draw takes some, and the block of the first four words.

@group(0) @binding(0) var<storage, read_write> result: array<u32>;

fn unit(word: u32) -> f32 {
    return f32(word >> 8u) / 16777216.0;
}

// The natural logarithm of a normal number. The built-in one may be off by 2^-21 near 1, which Box and Muller's radius shows.
fn logarithm(x: f32) -> f32 {
    let n = (bitcast<i32>(x) - 0x3f3504f3) >> 23u;
    let r = bitcast<f32>(bitcast<i32>(x) - (n << 23u)) - 1.0;
    var tail = 0.067465916;
    tail = tail * r - 0.116756387;
    tail = tail * r + 0.118881777;
    tail = tail * r - 0.12405592;
    tail = tail * r + 0.14219551;
    tail = tail * r - 0.16667996;
    tail = tail * r + 0.20002119;
    tail = tail * r - 0.25000009;
    tail = tail * r + 0.33333313;
    let square = r * r;
    let low = f32(n) * -2.1219444e-4 + (square * r * tail - 0.5 * square);
    return f32(n) * 0.693359375 + (low + r);
}

// Two normal numbers (Box & Muller 1958). The built-in sine may be off by 2^-11.
fn box_muller(a: u32, b: u32) -> vec2<f32> {
    let radius = sqrt(-2.0 * logarithm(f32((a >> 8u) + 1u) / 16777216.0));
    let turn = b >> 8u;
    let quarter = (turn + (1u << 21u)) >> 22u;
    let x = f32(bitcast<i32>(turn - (quarter << 22u))) * (6.28318530718 / 16777216.0);
    let square = x * x;
    let sine = x + square * x * (-1.0 / 6.0 + square * (1.0 / 120.0 + square * (-1.0 / 5040.0 + square * (1.0 / 362880.0))));
    let cosine = 1.0 + square * (-0.5 + square * (1.0 / 24.0 + square * (-1.0 / 720.0 + square * (1.0 / 40320.0 - square / 3628800.0))));
    var point = vec2<f32>(cosine, sine);
    if (quarter & 1u) == 1u {
        point = vec2<f32>(sine, cosine);
    }
    if ((quarter + 1u) & 2u) != 0u {
        point.x = -point.x;
    }
    if (quarter & 2u) != 0u {
        point.y = -point.y;
    }
    return radius * point;
}

// Giles 2010, as the native code has it. Both ends are infinite: far beyond any bound.
fn inverse_erf(x: f32) -> f32 {
    if abs(x) >= 1.0 {
        return sign(x) * 1e30;
    }
    let w = -logarithm((1.0 - x) * (1.0 + x));
    if w < 5.0 {
        let t = w - 2.5;
        var near = 2.81022636e-8;
        near = near * t + 3.43273939e-7;
        near = near * t - 3.5233877e-6;
        near = near * t - 4.39150654e-6;
        near = near * t + 0.00021858087;
        near = near * t - 0.00125372503;
        near = near * t - 0.00417768164;
        near = near * t + 0.246640727;
        near = near * t + 1.50140941;
        return near * x;
    }
    let t = sqrt(w) - 3.0;
    var far = -0.000200214257;
    far = far * t + 0.000100950558;
    far = far * t + 0.00134934322;
    far = far * t - 0.00367342844;
    far = far * t + 0.00573950773;
    far = far * t - 0.0076224613;
    far = far * t + 0.00943887047;
    far = far * t + 1.00167406;
    far = far * t + 2.83297682;
    return far * x;
}

fn draw_uniform(words: vec4<u32>) -> vec4<u32> {
    let units = vec4<f32>(unit(words.x), unit(words.y), unit(words.z), unit(words.w));
    return bitcast<vec4<u32>>(param_f32(5u) + (param_f32(6u) - param_f32(5u)) * units);
}

fn draw_normal(words: vec4<u32>) -> vec4<u32> {
    let drawn = vec4<f32>(box_muller(words.x, words.y), box_muller(words.z, words.w));
    return bitcast<vec4<u32>>(param_f32(5u) + param_f32(6u) * drawn);
}

// params: mean, deviation, low, high, and twice the probabilities below these less 1.
fn truncated(word: u32) -> u32 {
    let share = param_f32(9u) + (param_f32(10u) - param_f32(9u)) * unit(word);
    let x = param_f32(5u) + param_f32(6u) * 1.41421356 * inverse_erf(share);
    return bitcast<u32>(min(max(x, param_f32(7u)), param_f32(8u)));
}

fn draw_truncated(words: vec4<u32>) -> vec4<u32> {
    return vec4<u32>(truncated(words.x), truncated(words.y), truncated(words.z), truncated(words.w));
}

// params: threshold, and whether every word is below.
fn draw_bernoulli(words: vec4<u32>) -> vec4<u32> {
    let below = words < vec4<u32>(param(5u));
    return select(vec4<u32>(param(6u)), vec4<u32>(1u), below);
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let block = linear_id(group, local, groups, 256u);
    let elements = param(0u);
    if block >= (elements + 3u) / 4u {
        return;
    }
    let drawn = draw_{{KIND}}(random_block(param(11u) + block, 0u, 1u));
    for (var i = 0u; i < 4u; i += 1u) {
        if 4u * block + i < elements {
            result[4u * block + i] = drawn[i];
        }
    }
}
