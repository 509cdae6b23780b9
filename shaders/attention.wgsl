// Attention over packed texts: a workgroup has a block of queries of one text and head, and goes over the keys once (Dao et al.
// 2022). Scores are in powers of two. params: heads, key heads, 1 if causal; scale times log2 e; from a token to the next in
// queries, keys and values, and where each of them begins; the bias' heads (0 for none), queries and keys; below which random
// words drop a probability, by what the others are multiplied, and the key.

@group(0) @binding(0) var<storage, read> q: array<f32>;
@group(0) @binding(1) var<storage, read> k: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;
@group(0) @binding(3) var<storage, read> query_offsets: array<u32>;
@group(0) @binding(4) var<storage, read> key_offsets: array<u32>;
@group(0) @binding(5) var<storage, read> bias: array<f32>;
@group(0) @binding(6) var<storage, read_write> result: array<f32>;
@group(0) @binding(7) var<storage, read_write> sums: array<f32>;

// Numbers of a row, and vectors of four; queries of a block, and keys of a tile; threads of a query, and its vectors of each.
const D: u32 = {{D}}u;
const D4: u32 = {{D4}}u;
const ROWS: u32 = {{ROWS}}u;
const KEYS: u32 = {{KEYS}}u;
const TEAM: u32 = 256u / ROWS;
const SHARE: u32 = (D4 + TEAM - 1u) / TEAM;
// Below every score: that of a key that is not seen.
const UNSEEN: f32 = -3.0e38;

var<workgroup> queries_tile: array<vec4<f32>, ROWS * D4>;
// Of keys, and then of values.
var<workgroup> tile: array<vec4<f32>, KEYS * D4>;
var<workgroup> scores: array<f32, ROWS * KEYS>;
var<workgroup> partial: array<f32, 256>;

fn load_query(row: u32, at: u32) -> vec4<f32> {
    var value = vec4<f32>();
    for (var lane = 0u; lane < 4u && at + lane < D; lane += 1u) {
        value[lane] = q[row + at + lane];
    }
    return value * param_f32(3u);
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

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) nwg: vec3<u32>) {
    let w = grid_place(wid, nwg);
    if outside_grid(w) {
        return;
    }
    let head = w.y;
    let key_head = head / (param(0u) / param(1u));
    let first_token = query_offsets[w.z];
    let queries = query_offsets[w.z + 1u] - first_token;
    let first_key_token = key_offsets[w.z];
    let keys = key_offsets[w.z + 1u] - first_key_token;
    let first = w.x * ROWS;
    if first >= queries {
        return;
    }
    let causal = param(2u) == 1u;
    for (var i = local; i < ROWS * D4; i += 256u) {
        let query = min(first + i / D4, queries - 1u);
        queries_tile[i] = load_query(param(7u) + (first_token + query) * param(4u) + head * D, i % D4 * 4u);
    }
    let row = local / TEAM;
    let member = local % TEAM;
    let query = min(first + row, queries - 1u);
    // Keys that this query sees, and that any of the block sees.
    var visible = keys;
    var most = keys;
    if causal {
        visible = min(max(query + 1u + keys, queries) - queries, keys);
        most = min(max(min(first + ROWS, queries) + keys, queries) - queries, keys);
    }
    let random_row = (first_token + query) * param(0u) + head;
    var top = UNSEEN;
    var sum = 0.0;
    var output: array<vec4<f32>, SHARE>;
    for (var block = 0u; block < most; block += KEYS) {
        workgroupBarrier();
        for (var i = local; i < KEYS * D4; i += 256u) {
            let key = min(block + i / D4, keys - 1u);
            tile[i] = load_key(param(8u) + (first_key_token + key) * param(5u) + key_head * D, i % D4 * 4u);
        }
        workgroupBarrier();
        for (var j = member; j < KEYS; j += TEAM) {
            var products = vec4<f32>();
            for (var i = 0u; i < D4; i += 1u) {
                products = fma(queries_tile[row * D4 + i], tile[j * D4 + i], products);
            }
            var score = products.x + products.y + products.z + products.w;
            let key = block + j;
            if key >= visible {
                score = UNSEEN;
            } else if param(10u) > 0u {
                let bias_head = min(head, param(10u) - 1u);
                score += 1.44269504 * bias[(bias_head * param(11u) + query) * param(12u) + key];
            }
            scores[row * KEYS + j] = max(score, UNSEEN);
        }
        workgroupBarrier();
        for (var i = local; i < KEYS * D4; i += 256u) {
            let key = min(block + i / D4, keys - 1u);
            tile[i] = load_value(param(9u) + (first_key_token + key) * param(6u) + key_head * D, i % D4 * 4u);
        }
        var new_top = top;
        for (var j = 0u; j < KEYS; j += 1u) {
            new_top = max(new_top, scores[row * KEYS + j]);
        }
        let shrink = exp2(top - new_top);
        top = new_top;
        sum *= shrink;
        workgroupBarrier();
        for (var j = member; j < KEYS; j += TEAM) {
            let score = scores[row * KEYS + j];
            var power = select(exp2(score - top), 0.0, score <= UNSEEN);
            sum += power;
            if param(13u) > 0u {
                let key = block + j;
                let word = random_block(key / 4u, random_row, 15u)[key % 4u];
                power *= select(param_f32(14u), 0.0, word < param(13u));
            }
            scores[row * KEYS + j] = power;
        }
        workgroupBarrier();
        for (var i = 0u; i < SHARE; i += 1u) {
            let column = min(member + i * TEAM, D4 - 1u);
            var total = output[i] * shrink;
            for (var j = 0u; j < KEYS; j += 1u) {
                total = fma(vec4<f32>(scores[row * KEYS + j]), tile[j * D4 + column], total);
            }
            output[i] = total;
        }
    }
    partial[local] = sum;
    workgroupBarrier();
    sum = 0.0;
    for (var i = 0u; i < TEAM; i += 1u) {
        sum += partial[row * TEAM + i];
    }
    if first + row >= queries {
        return;
    }
    let scale = select(1.0 / sum, 0.0, sum == 0.0);
    for (var i = 0u; i < SHARE; i += 1u) {
        let column = (member + i * TEAM) * 4u;
        for (var lane = 0u; lane < 4u && column + lane < D; lane += 1u) {
            result[random_row * D + column + lane] = output[i][lane] * scale;
        }
    }
    if member == 0u {
        // Past every score where nothing was seen, so that every probability is 0.
        sums[random_row] = select(top + log2(sum), -UNSEEN, sum == 0.0);
    }
}
