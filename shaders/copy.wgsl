// Copies a view into memory without gaps, a word an invocation: one element, or a pair of halves.
// params: elements, then the view's layout.

@group(0) @binding(0) var<storage, read> source: array<u32>;
@group(0) @binding(1) var<storage, read_write> result: array<u32>;

fn half_at(index: u32) -> u32 {
    let at = place(index, 1u, 0u);
    return (source[at / 2u] >> (16u * (at % 2u))) & 0xffffu;
}

fn fetch_word(word: u32) -> u32 {
    return source[place(word, 1u, 0u)];
}

fn fetch_pair(word: u32) -> u32 {
    let low = half_at(2u * word);
    if 2u * word + 1u < param(0u) {
        return low | (half_at(2u * word + 1u) << 16u);
    }
    return low;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = linear_id(group, local, groups, 256u);
    if word < (param(0u) + {{WORD_ELEMENTS}}u - 1u) / {{WORD_ELEMENTS}}u {
        result[word] = fetch_{{FETCH}}(word);
    }
}
