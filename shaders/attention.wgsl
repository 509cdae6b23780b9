// Attention over packed texts: a workgroup has a block of queries of one text and head, and goes over the keys once (Dao et al.
// 2022). Scores are in powers of two. Behind attention_texts.wgsl, which has the params.

@group(0) @binding(5) var<storage, read_write> result: array<f32>;
@group(0) @binding(6) var<storage, read_write> sums: array<f32>;

// Keys of a tile.
const KEYS: u32 = {{KEYS}}u;
// Below every score: that of a key that is not seen.
const UNSEEN: f32 = -3.0e38;

var<workgroup> queries_tile: array<vec4<f32>, ROWS * D4>;
// Of keys, and then of values.
var<workgroup> tile: array<vec4<f32>, KEYS * D4>;
var<workgroup> scores: array<f32, ROWS * KEYS>;
var<workgroup> partial: array<f32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) nwg: vec3<u32>) {
    let w = grid_place(wid, nwg);
    if outside_grid(w) {
        return;
    }
    let head = w.y;
    let key_head = head / (param(0u) / param(1u));
    let text = text_of(w.z);
    let first = w.x * ROWS;
    if first >= text.queries {
        return;
    }
    for (var i = local; i < ROWS * D4; i += 256u) {
        let token = text.first_query + min(first + i / D4, text.queries - 1u);
        queries_tile[i] = load_query(place_of_query(token, head), i % D4 * 4u) * param_f32(3u);
    }
    let row = local / TEAM;
    let member = local % TEAM;
    let query = min(first + row, text.queries - 1u);
    // Keys that this query sees, and that any of the block sees.
    let seen = visible(text, query);
    let most = visible(text, min(first + ROWS, text.queries) - 1u);
    let random_row = (text.first_query + query) * param(0u) + head;
    var top = UNSEEN;
    var sum = 0.0;
    var output: array<vec4<f32>, SHARE>;
    for (var block = 0u; block < most; block += KEYS) {
        workgroupBarrier();
        for (var i = local; i < KEYS * D4; i += 256u) {
            let token = text.first_key + min(block + i / D4, text.keys - 1u);
            tile[i] = load_key(place_of_key(token, key_head), i % D4 * 4u);
        }
        workgroupBarrier();
        for (var j = member; j < KEYS; j += TEAM) {
            var products = vec4<f32>();
            for (var i = 0u; i < D4; i += 1u) {
                products = fma(queries_tile[row * D4 + i], tile[j * D4 + i], products);
            }
            var score = products.x + products.y + products.z + products.w;
            let key = block + j;
            if key >= seen {
                score = UNSEEN;
            } else {
                score = biased(score, head, query, key);
            }
            scores[row * KEYS + j] = max(score, UNSEEN);
        }
        workgroupBarrier();
        for (var i = local; i < KEYS * D4; i += 256u) {
            let token = text.first_key + min(block + i / D4, text.keys - 1u);
            tile[i] = load_value(place_of_value(token, key_head), i % D4 * 4u);
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
            let power = select(exp2(score - top), 0.0, score <= UNSEEN);
            sum += power;
            scores[row * KEYS + j] = power * kept(random_row, block + j);
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
    if first + row >= text.queries {
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
