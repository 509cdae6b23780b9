// Copies rows into a part of longer rows: a word an invocation. params: words, words of a row, words of a row of the result,
// where in it the part begins.

@group(0) @binding(0) var<storage, read> source: array<u32>;
@group(0) @binding(1) var<storage, read_write> result: array<u32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = linear_id(group, local, groups, 256u);
    if word >= param(0u) {
        return;
    }
    let width = param(1u);
    result[word / width * param(2u) + param(3u) + word % width] = source[word];
}
