// Gradients of attention over packed texts: probabilities are computed again from the logarithms of their sums (Dao et al.
// 2022). A workgroup adds up all that belongs to its own queries or keys, so nothing is added by two. Behind
// attention_texts.wgsl, which has the params; then where gradients of values begin, the first text for `biases`, and the one
// behind the last.

@group(0) @binding(5) var<storage, read> upstream: array<f32>;
// Of each token and head: the logarithm of the sum of its powers, and the sum of the result times its gradient.
@group(0) @binding(6) var<storage, read> statistics: array<vec2<f32>>;
@group(0) @binding(7) var<storage, read_write> of_inputs: array<f32>;

// Rows that pass by at a time.
const PASSING: u32 = {{PASSING}}u;

// The workgroup's own rows of two inputs, and those that pass by.
var<workgroup> own_a: array<vec4<f32>, ROWS * D4>;
var<workgroup> own_b: array<vec4<f32>, ROWS * D4>;
var<workgroup> passing_a: array<vec4<f32>, PASSING * D4>;
var<workgroup> passing_b: array<vec4<f32>, PASSING * D4>;
var<workgroup> probabilities: array<f32, ROWS * PASSING>;
var<workgroup> of_scores: array<f32, ROWS * PASSING>;

fn load_upstream(row: u32, at: u32) -> vec4<f32> {
    var value = vec4<f32>();
    for (var lane = 0u; lane < 4u && at + lane < D; lane += 1u) {
        value[lane] = upstream[row + at + lane];
    }
    return value;
}

// The probability, as values are multiplied by it, and the gradient of the score, from q k and the gradient times v.
fn differentiate(text: Text, head: u32, query: u32, key: u32, product: f32, of_probability: f32) -> vec2<f32> {
    if query >= text.queries || key >= visible(text, query) {
        return vec2<f32>();
    }
    let score = biased(product * param_f32(3u), head, query, key);
    let row = (text.first_query + query) * param(0u) + head;
    let probability = exp2(score - statistics[row].x);
    let factor = kept(row, key);
    return vec2<f32>(probability * factor, probability * (of_probability * factor - statistics[row].y));
}

fn total(x: vec4<f32>) -> f32 {
    return x.x + x.y + x.z + x.w;
}

// Gradients of queries.
@compute @workgroup_size(256)
fn queries(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) nwg: vec3<u32>) {
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
        let at = i % D4 * 4u;
        own_a[i] = load_query(place_of_query(token, head), at);
        own_b[i] = load_upstream((token * param(0u) + head) * D, at);
    }
    let row = local / TEAM;
    let member = local % TEAM;
    let most = visible(text, min(first + ROWS, text.queries) - 1u);
    var gradient: array<vec4<f32>, SHARE>;
    for (var block = 0u; block < most; block += PASSING) {
        workgroupBarrier();
        for (var i = local; i < PASSING * D4; i += 256u) {
            let token = text.first_key + min(block + i / D4, text.keys - 1u);
            let at = i % D4 * 4u;
            passing_a[i] = load_key(place_of_key(token, key_head), at);
            passing_b[i] = load_value(place_of_value(token, key_head), at);
        }
        workgroupBarrier();
        for (var j = member; j < PASSING; j += TEAM) {
            var products = vec4<f32>();
            var of_probability = vec4<f32>();
            for (var i = 0u; i < D4; i += 1u) {
                products = fma(own_a[row * D4 + i], passing_a[j * D4 + i], products);
                of_probability = fma(own_b[row * D4 + i], passing_b[j * D4 + i], of_probability);
            }
            let found = differentiate(text, head, first + row, block + j, total(products), total(of_probability));
            of_scores[row * PASSING + j] = found.y;
        }
        workgroupBarrier();
        for (var i = 0u; i < SHARE; i += 1u) {
            let column = min(member + i * TEAM, D4 - 1u);
            for (var j = 0u; j < PASSING; j += 1u) {
                gradient[i] = fma(vec4<f32>(of_scores[row * PASSING + j]), passing_a[j * D4 + column], gradient[i]);
            }
        }
    }
    if first + row >= text.queries {
        return;
    }
    let to = place_of_query(text.first_query + first + row, head);
    for (var i = 0u; i < SHARE; i += 1u) {
        let column = (member + i * TEAM) * 4u;
        for (var lane = 0u; lane < 4u && column + lane < D; lane += 1u) {
            of_inputs[to + column + lane] = gradient[i][lane] * param_f32(19u);
        }
    }
}

// Gradients of keys and of values.
@compute @workgroup_size(256)
fn keys(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) nwg: vec3<u32>) {
    let w = grid_place(wid, nwg);
    if outside_grid(w) {
        return;
    }
    let key_head = w.y;
    let served = param(0u) / param(1u);
    let text = text_of(w.z);
    let first = w.x * ROWS;
    if first >= text.keys {
        return;
    }
    for (var i = local; i < ROWS * D4; i += 256u) {
        let token = text.first_key + min(first + i / D4, text.keys - 1u);
        let at = i % D4 * 4u;
        own_a[i] = load_key(place_of_key(token, key_head), at);
        own_b[i] = load_value(place_of_value(token, key_head), at);
    }
    let row = local / TEAM;
    let member = local % TEAM;
    var of_key: array<vec4<f32>, SHARE>;
    var of_value: array<vec4<f32>, SHARE>;
    for (var head = key_head * served; head < (key_head + 1u) * served; head += 1u) {
        for (var block = 0u; block < text.queries; block += PASSING) {
            if visible(text, min(block + PASSING, text.queries) - 1u) <= first {
                continue;
            }
            workgroupBarrier();
            for (var i = local; i < PASSING * D4; i += 256u) {
                let token = text.first_query + min(block + i / D4, text.queries - 1u);
                let at = i % D4 * 4u;
                passing_a[i] = load_query(place_of_query(token, head), at);
                passing_b[i] = load_upstream((token * param(0u) + head) * D, at);
            }
            workgroupBarrier();
            for (var j = member; j < PASSING; j += TEAM) {
                var products = vec4<f32>();
                var of_probability = vec4<f32>();
                for (var i = 0u; i < D4; i += 1u) {
                    products = fma(own_a[row * D4 + i], passing_a[j * D4 + i], products);
                    of_probability = fma(own_b[row * D4 + i], passing_b[j * D4 + i], of_probability);
                }
                let found = differentiate(text, head, block + j, first + row, total(products), total(of_probability));
                probabilities[row * PASSING + j] = found.x;
                of_scores[row * PASSING + j] = found.y;
            }
            workgroupBarrier();
            for (var i = 0u; i < SHARE; i += 1u) {
                let column = min(member + i * TEAM, D4 - 1u);
                for (var j = 0u; j < PASSING; j += 1u) {
                    of_key[i] = fma(vec4<f32>(of_scores[row * PASSING + j]), passing_a[j * D4 + column], of_key[i]);
                    of_value[i] = fma(vec4<f32>(probabilities[row * PASSING + j]), passing_b[j * D4 + column], of_value[i]);
                }
            }
        }
    }
    if first + row >= text.keys {
        return;
    }
    let token = text.first_key + first + row;
    let to_key = place_of_key(token, key_head);
    let to_value = param(23u) + token * param(6u) + key_head * D;
    for (var i = 0u; i < SHARE; i += 1u) {
        let column = (member + i * TEAM) * 4u;
        for (var lane = 0u; lane < 4u && column + lane < D; lane += 1u) {
            of_inputs[to_key + column + lane] = of_key[i][lane] * param_f32(19u);
            of_inputs[to_value + column + lane] = of_value[i][lane];
        }
    }
}

// Gradients of the bias: a thread an element, over texts, and all heads where these share it.
@compute @workgroup_size(256)
fn biases(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) nwg: vec3<u32>) {
    let element = linear_id(wid, local, nwg, 256u);
    if element >= param(10u) * param(11u) * param(12u) {
        return;
    }
    let key = element % param(12u);
    let query = element / param(12u) % param(11u);
    let bias_head = element / param(12u) / param(11u);
    let shared_by = param(0u) / param(10u);
    var sum = 0.0;
    if param(24u) > 0u {
        sum = of_inputs[element];
    }
    for (var place = param(24u); place < param(25u); place += 1u) {
        let text = text_of(place);
        if query >= text.queries || key >= visible(text, query) {
            continue;
        }
        for (var head = bias_head * shared_by; head < (bias_head + 1u) * shared_by; head += 1u) {
            let key_head = head / (param(0u) / param(1u));
            let q_row = place_of_query(text.first_query + query, head);
            let k_row = place_of_key(text.first_key + key, key_head);
            let v_row = place_of_value(text.first_key + key, key_head);
            let up_row = ((text.first_query + query) * param(0u) + head) * D;
            var product = 0.0;
            var of_probability = 0.0;
            for (var i = 0u; i < D; i += 1u) {
                product = fma(q[q_row + i], k[k_row + i], product);
                of_probability = fma(upstream[up_row + i], v[v_row + i], of_probability);
            }
            sum += differentiate(text, head, query, key, product, of_probability).y;
        }
    }
    of_inputs[element] = sum;
}
