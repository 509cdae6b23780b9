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
