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
fn workgroup(wid: vec3<u32>, nwg: vec3<u32>) -> vec3<u32> {
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
