// What attention and its gradients begin with: the texts, and their queries, keys and values. params: heads, key heads, 1 if
// causal; scale times log2 e; from a token to the next in queries, keys and values, and where each of them begins; the bias'
// heads (0 for none), queries and keys; below which random words drop a probability, by what the others are multiplied, and
// the key; the scale, tokens of queries and texts; where the offsets of keys begin.

@group(0) @binding(0) var<storage, read> q: array<f32>;
@group(0) @binding(1) var<storage, read> k: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;
// Of queries, and then of keys where these have their own.
@group(0) @binding(3) var<storage, read> offsets: array<u32>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;

// Numbers of a row, and vectors of four; rows of a workgroup; threads of a row, and its vectors of each.
const D: u32 = {{D}}u;
const D4: u32 = {{D4}}u;
const ROWS: u32 = {{ROWS}}u;
const TEAM: u32 = 256u / ROWS;
const SHARE: u32 = (D4 + TEAM - 1u) / TEAM;

fn load_query(row: u32, at: u32) -> vec4<f32> {
    var value = vec4<f32>();
    for (var lane = 0u; lane < 4u && at + lane < D; lane += 1u) {
        value[lane] = q[row + at + lane];
    }
    return value;
}

fn load_key(row: u32, at: u32) -> vec4<f32> {
    var value = vec4<f32>();
    for (var lane = 0u; lane < 4u && at + lane < D; lane += 1u) {
        value[lane] = k[row + at + lane];
    }
    return value;
}

fn load_value(row: u32, at: u32) -> vec4<f32> {
    var value = vec4<f32>();
    for (var lane = 0u; lane < 4u && at + lane < D; lane += 1u) {
        value[lane] = v[row + at + lane];
    }
    return value;
}

fn place_of_query(token: u32, head: u32) -> u32 {
    return param(7u) + token * param(4u) + head * D;
}

fn place_of_key(token: u32, head: u32) -> u32 {
    return param(8u) + token * param(5u) + head * D;
}

fn place_of_value(token: u32, head: u32) -> u32 {
    return param(9u) + token * param(6u) + head * D;
}

struct Text {
    first_query: u32,
    queries: u32,
    first_key: u32,
    keys: u32,
}

fn text_of(text: u32) -> Text {
    let query = offsets[text];
    let key = offsets[param(22u) + text];
    return Text(query, offsets[text + 1u] - query, key, offsets[param(22u) + text + 1u] - key);
}

// How many keys a query sees.
fn visible(text: Text, query: u32) -> u32 {
    if param(2u) == 1u {
        return min(max(query + 1u + text.keys, text.queries) - text.queries, text.keys);
    }
    return text.keys;
}

// What the bias adds to a score, in powers of two.
fn biased(score: f32, head: u32, query: u32, key: u32) -> f32 {
    if param(10u) == 0u {
        return score;
    }
    let bias_head = min(head, param(10u) - 1u);
    return score + 1.44269504 * bias[(bias_head * param(11u) + query) * param(12u) + key];
}

// What the probability of a key is multiplied by: 0 where it is dropped.
fn kept(row: u32, key: u32) -> f32 {
    if param(13u) == 0u {
        return 1.0;
    }
    let word = random_block(key / 4u, row, 15u)[key % 4u];
    return select(param_f32(14u), 0.0, word < param(13u));
}

