// In front of every source. A source declares its storage buffers in group 0, binding 0 and on, in the order of the launch.

@group(1) @binding(0) var<uniform> launch_params: array<vec4<u32>, 16>;

// Parameter i of the launch, of at most 60.
fn param(i: u32) -> u32 {
    return launch_params[i >> 2u][i & 3u];
}

fn param_f32(i: u32) -> f32 {
    return bitcast<f32>(param(i));
}

// The workgroup's place in the grid that was asked for, from the builtins workgroup_id and num_workgroups. A grid past the
// adapter's limit is dispatched as rows of its workgroups, whose last row may have too many: for these z is past the grid,
// so a kernel of more than one dimension returns where outside_grid(w); one over elements only compares its index.
fn grid_place(wid: vec3<u32>, nwg: vec3<u32>) -> vec3<u32> {
    let grid = launch_params[15];
    if (grid.w == 0u) {
        return wid;
    }
    let row = wid.x + nwg.x * (wid.y + nwg.y * wid.z);
    let line = row / grid.x;
    return vec3<u32>(row - line * grid.x, line % grid.y, line / grid.y);
}

fn outside_grid(w: vec3<u32>) -> bool {
    return w.z >= launch_params[15].z;
}

// The number of the workgroup in a grid of one dimension.
fn linear_workgroup(wid: vec3<u32>, nwg: vec3<u32>) -> u32 {
    return wid.x + nwg.x * (wid.y + nwg.y * wid.z);
}

// The number of the thread in a grid of one dimension of workgroups of `threads` threads.
fn linear_id(wid: vec3<u32>, lid: u32, nwg: vec3<u32>, threads: u32) -> u32 {
    return linear_workgroup(wid, nwg) * threads + lid;
}

// Where element `index` (row-major) of a view lies. The sizes of its six dimensions are parameters from `first` on; the
// strides and the offset of view 0, view 1, … follow.
fn place(index: u32, first: u32, view: u32) -> u32 {
    let strides = first + 6u + 7u * view;
    var rest = index;
    var at = param(strides + 6u);
    for (var axis = 6u; axis > 0u; axis -= 1u) {
        if rest == 0u {
            break;
        }
        let size = param(first + axis - 1u);
        at += rest % size * param(strides + axis - 1u);
        rest /= size;
    }
    return at;
}

// The builtin overflows to NaN in some drivers; past 9.02 the result rounds to 1.
fn tanh_safe(x: f32) -> f32 {
    return tanh(clamp(x, -10.0, 10.0));
}

fn sigmoid(x: f32) -> f32 {
    // Where exp(-x) is past the largest f32, the quotient is 0 as it should be.
    return 1.0 / (1.0 + exp(-max(x, -88.0)));
}

// A rational function of degree 5/5 in x^2, fitted to erf(x)/x up to 3.9, where erf rounds to 1: relative error below 4e-7.
fn erf(x: f32) -> f32 {
    let c = clamp(x, -3.9, 3.9);
    let t = c * c;
    let p = fma(fma(fma(fma(fma(2.0664754e-6, t, 2.8506186e-4), t, 3.7383335e-3), t, 5.2668046e-2), t, 1.8966654e-1), t, 1.1283791);
    let q = fma(fma(fma(fma(fma(3.8270027e-5, t, 1.1573731e-3), t, 1.4914252e-2), t, 1.1381884e-1), t, 5.0142038e-1), t, 1.0);
    return clamp(c * p / q, -1.0, 1.0);
}

// Hendrycks and Gimpel 2016, exact.
fn gelu(x: f32) -> f32 {
    return 0.5 * x * (1.0 + erf(x * 0.70710678));
}

fn gelu_slope(x: f32) -> f32 {
    return 0.5 * (1.0 + erf(x * 0.70710678)) + x * 0.39894228 * exp(-0.5 * min(x * x, 170.0));
}

fn gelu_tanh(x: f32) -> f32 {
    return 0.5 * x * (1.0 + tanh_safe(0.79788456 * (x + 0.044715 * x * x * x)));
}

fn gelu_tanh_slope(x: f32) -> f32 {
    let t = tanh_safe(0.79788456 * (x + 0.044715 * x * x * x));
    return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * 0.79788456 * (1.0 + 0.134145 * x * x);
}

// Powers of negative numbers by whole exponents, which `pow` leaves undefined.
fn power(x: f32, exponent: f32) -> f32 {
    let magnitude = pow(abs(x), exponent);
    let is_odd = floor(exponent) == exponent && abs(exponent) % 2.0 == 1.0;
    return select(magnitude, -magnitude, x < 0.0 && is_odd);
}

// The lower and the upper 32 bits of a product.
fn multiply_wide(a: u32, b: u32) -> vec2<u32> {
    let low = (a & 0xffffu) * (b & 0xffffu);
    let first = (a & 0xffffu) * (b >> 16u);
    let second = (a >> 16u) * (b & 0xffffu);
    let middle = (low >> 16u) + (first & 0xffffu) + (second & 0xffffu);
    let high = (a >> 16u) * (b >> 16u) + (first >> 16u) + (second >> 16u) + (middle >> 16u);
    return vec2<u32>(a * b, high);
}

// Four random words of a key: words 4 * block and on, where `low` and `high` are the halves of the block's number and the
// key is four parameters from `first` on. Philox4x32-10 (Salmon et al. 2011), as `RandomKey::block` has it.
fn random_block(low: u32, high: u32, first: u32) -> vec4<u32> {
    var counter = vec4<u32>(low, high, param(first + 2u), param(first + 3u));
    var key = vec2<u32>(param(first), param(first + 1u));
    for (var round = 0u; round < 10u; round += 1u) {
        let a = multiply_wide(0xd2511f53u, counter.x);
        let b = multiply_wide(0xcd9e8d57u, counter.z);
        counter = vec4<u32>(b.y ^ counter.y ^ key.x, b.x, a.y ^ counter.w ^ key.y, a.x);
        key += vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
    }
    return counter;
}

// Numbers, as bits, in their order as integers above 0, or with `smallest` in reverse. Both zeros are equal, and what is not a
// number is above all.
fn rank_of(bits: u32, smallest: bool) -> u32 {
    if (bits & 0x7fffffffu) > 0x7f800000u {
        return 0xffffffffu;
    }
    var order = 0x80000000u;
    if (bits & 0x7fffffffu) != 0u {
        order = bits ^ select(0x80000000u, 0xffffffffu, (bits >> 31u) == 1u);
    }
    return select(order, ~order, smallest);
}

var<workgroup> workgroup_partial: array<f32, 256>;

// The sum of a value of each thread of a workgroup of 256, in a fixed order; all threads call it and get it.
fn workgroup_sum(value: f32, local: u32) -> f32 {
    workgroup_partial[local] = value;
    for (var width = 128u; width > 0u; width /= 2u) {
        workgroupBarrier();
        if local < width {
            workgroup_partial[local] += workgroup_partial[local + width];
        }
    }
    workgroupBarrier();
    let sum = workgroup_partial[0];
    workgroupBarrier();
    return sum;
}
