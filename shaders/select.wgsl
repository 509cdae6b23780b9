// Takes each word from one view or another, as a mask says. params: elements, then the layouts of all three.

@group(0) @binding(0) var<storage, read> mask: array<u32>;
@group(0) @binding(1) var<storage, read> yes: array<u32>;
@group(0) @binding(2) var<storage, read> no: array<u32>;
@group(0) @binding(3) var<storage, read_write> result: array<u32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = linear_id(group, local, groups, 256u);
    if index >= param(0u) {
        return;
    }
    if mask[place(index, 1u, 0u)] != 0u {
        result[index] = yes[place(index, 1u, 1u)];
    } else {
        result[index] = no[place(index, 1u, 2u)];
    }
}
