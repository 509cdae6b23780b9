// Slices of the middle of three dimensions by index, a word an invocation: one element, or a pair of halves.
// params: elements of the result, indices, inner size, size of the dimension, number of the op.

@group(0) @binding(0) var<storage, read> source: array<u32>;
@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read_write> result: array<u32>;
// Whether an index was past the end, the first such index, how many there are, and the number of the op.
@group(0) @binding(3) var<storage, read_write> note: array<atomic<u32>, 4>;

fn refuse(index: u32) {
    if atomicOr(&note[0], 1u) == 0u {
        atomicStore(&note[1], index);
        atomicStore(&note[2], param(3u));
        atomicStore(&note[3], param(4u));
    }
}

const HALF: bool = {{HALF}};

// The bits of an element of the result; 0 where the index is past the end.
fn element(at: u32) -> u32 {
    let inner = param(2u);
    let row = at / inner;
    let index = indices[row % param(1u)];
    if index >= param(3u) {
        refuse(index);
        return 0u;
    }
    let source_at = (row / param(1u) * param(3u) + index) * inner + at % inner;
    if HALF {
        return (source[source_at / 2u] >> (16u * (source_at % 2u))) & 0xffffu;
    }
    return source[source_at];
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = linear_id(group, local, groups, 256u);
    let elements = param(0u);
    if HALF {
        if word < (elements + 1u) / 2u {
            var pair = element(2u * word);
            if 2u * word + 1u < elements {
                pair |= element(2u * word + 1u) << 16u;
            }
            result[word] = pair;
        }
    } else if word < elements {
        result[word] = element(word);
    }
}
