// What tests of the runtime launch: shaders that show where each thread ran and which parameters it got.

@group(0) @binding(0) var<storage, read> source: array<u32>;
@group(0) @binding(1) var<storage, read_write> target_: array<u32>;

// target[i] = scale * source[i] + shift, for i < param(0).
@compute @workgroup_size(64)
fn affine(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) nwg: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
    let i = linear_id(wid, lid, nwg, 64u);
    if (i >= param(0u)) {
        return;
    }
    target_[i] = param(1u) * source[i] + param(2u);
}

// target[i] += 1 + source[0], for i < param(0).
@compute @workgroup_size(64)
fn count(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) nwg: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
    let i = linear_id(wid, lid, nwg, 64u);
    if (i >= param(0u)) {
        return;
    }
    target_[i] = target_[i] + 1u + source[0];
}

// One thread a group, in three dimensions: target[place in the grid] += the place.
@compute @workgroup_size(1)
fn grid(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) nwg: vec3<u32>) {
    let w = grid_place(wid, nwg);
    if (outside_grid(w)) {
        return;
    }
    let i = w.x + param(0u) * (w.y + param(1u) * w.z);
    target_[i] = target_[i] + i + source[0];
}

// What measures an adapter's arithmetic: 16 multiply-adds of four numbers in each of param(1) turns, for i < param(0). Eight
// chains hide the time that an instruction takes.
@compute @workgroup_size(256)
fn multiply_add(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) nwg: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
    let i = linear_id(wid, lid, nwg, 256u);
    if (i >= param(0u)) {
        return;
    }
    let factor = vec4<f32>(bitcast<f32>(source[0]));
    let term = vec4<f32>(bitcast<f32>(source[1]));
    var a = vec4<f32>(0.0, 1.0, 2.0, 3.0);
    var b = a + 4.0;
    var c = a + 8.0;
    var d = a + 12.0;
    var e = a + 16.0;
    var f = a + 20.0;
    var g = a + 24.0;
    var h = a + 28.0;
    for (var turn = 0u; turn < param(1u); turn++) {
        for (var twice = 0u; twice < 2u; twice++) {
            a = fma(a, factor, term);
            b = fma(b, factor, term);
            c = fma(c, factor, term);
            d = fma(d, factor, term);
            e = fma(e, factor, term);
            f = fma(f, factor, term);
            g = fma(g, factor, term);
            h = fma(h, factor, term);
        }
    }
    target_[i] = bitcast<u32>(dot(((a + b) + (c + d)) + ((e + f) + (g + h)), vec4<f32>(1.0)));
}
