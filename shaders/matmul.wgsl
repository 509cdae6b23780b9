// out = activation(alpha * left x right + bias + out), for a batch of matrices [rows, depth] x [depth, columns].
//
// A thread computes up to 2 x 2 blocks of 4 x 4 outputs, held in matrices whose column r is the block's row r: four outputs
// side by side, so that loads and stores are vectors. `tiled` shares both sides through workgroup memory; `direct` loads
// them itself, which is faster where workgroup memory is ordinary memory. In `cooperative` the 32 threads of a subgroup
// together compute 4 x 2 matrices of MATRIX x MATRIX outputs from sides in half precision, with sums in f32.
//
// Launch: a grid of [columns / TILE_COLUMNS, rows / TILE_ROWS, batch], each rounded up. Params:
//   0 rows, 1 columns, 2 depth, 3 inner batch
//   4.. left, 9.. right, 14.. out: offset, strides of outer batch, inner batch, and of
//       row and depth (left), depth and column (right), row (out)
//   18 offset of bias, 19 offset of the pre-activation, laid out as out otherwise, 20 alpha
// Defines: LEFT, RIGHT, OUT, BIAS: element types. *_BF16: that one holds bf16, which WGSL has no type for: two a word. *_VECTOR: that side is read four elements at a time, since everything
// about it is a multiple of four. LEFT_ALONG_DEPTH, RIGHT_ALONG_DEPTH: it is contiguous along the depth, else across it.
// EXACT: all sizes are multiples of the tile. HAS_BIAS, ACCUMULATE, KEEP_PRE: what else there is. IDENTITY, RELU, GELU,
// GELU_TANH, TANH, SIGMOID: one of these activations. TILED, COOPERATIVE, or neither: the entry point. BLOCK_ROWS,
// BLOCK_COLUMNS: blocks a thread, 1 or 2. THREAD_ROWS, THREAD_COLUMNS: threads a workgroup. TILE_*: outputs and depth of a
// tile; the depth is a multiple of 4, and of `cooperative` twice MATRIX.

#if HALF
enable f16;
#endif
#if COOPERATIVE
enable wgpu_cooperative_matrix;
#endif

// The bf16 at an even or odd place of a word: the upper half of a f32.
fn bf16(pair: u32, place: u32) -> f32 {
    return bitcast<f32>(select(pair << 16u, pair & 0xffff0000u, (place & 1u) == 1u));
}

#if LEFT_BF16
#if LEFT_VECTOR
@group(0) @binding(0) var<storage, read> left: array<vec2<u32>>;

fn left_quad(at: u32) -> vec4<f32> {
    let pairs = left[at];
    return vec4<f32>(bf16(pairs.x, 0u), bf16(pairs.x, 1u), bf16(pairs.y, 0u), bf16(pairs.y, 1u));
}
#else
@group(0) @binding(0) var<storage, read> left: array<u32>;

fn left_one(at: u32) -> f32 {
    return bf16(left[at >> 1u], at);
}
#endif
#else
#if LEFT_VECTOR
@group(0) @binding(0) var<storage, read> left: array<vec4<{{LEFT}}>>;

fn left_quad(at: u32) -> vec4<f32> {
    return vec4<f32>(left[at]);
}
#else
@group(0) @binding(0) var<storage, read> left: array<{{LEFT}}>;

fn left_one(at: u32) -> f32 {
    return f32(left[at]);
}
#endif
#endif

#if RIGHT_BF16
#if RIGHT_VECTOR
@group(0) @binding(1) var<storage, read> right: array<vec2<u32>>;

fn right_quad(at: u32) -> vec4<f32> {
    let pairs = right[at];
    return vec4<f32>(bf16(pairs.x, 0u), bf16(pairs.x, 1u), bf16(pairs.y, 0u), bf16(pairs.y, 1u));
}
#else
@group(0) @binding(1) var<storage, read> right: array<u32>;

fn right_one(at: u32) -> f32 {
    return bf16(right[at >> 1u], at);
}
#endif
#else
#if RIGHT_VECTOR
@group(0) @binding(1) var<storage, read> right: array<vec4<{{RIGHT}}>>;

fn right_quad(at: u32) -> vec4<f32> {
    return vec4<f32>(right[at]);
}
#else
@group(0) @binding(1) var<storage, read> right: array<{{RIGHT}}>;

fn right_one(at: u32) -> f32 {
    return f32(right[at]);
}
#endif
#endif

#if OUT_VECTOR
@group(0) @binding(2) var<storage, read_write> out: array<vec4<{{OUT}}>>;
#else
@group(0) @binding(2) var<storage, read_write> out: array<{{OUT}}>;
#endif
#if HAS_BIAS
#if BIAS_BF16
@group(0) @binding(3) var<storage, read> bias: array<u32>;
#else
@group(0) @binding(3) var<storage, read> bias: array<{{BIAS}}>;
#endif
#endif
#if KEEP_PRE
#if OUT_VECTOR
@group(0) @binding({{PRE_BINDING}}) var<storage, read_write> pre: array<vec4<{{OUT}}>>;
#else
@group(0) @binding({{PRE_BINDING}}) var<storage, read_write> pre: array<{{OUT}}>;
#endif
#endif

const BLOCK_ROWS = {{BLOCK_ROWS}}u;
const BLOCK_COLUMNS = {{BLOCK_COLUMNS}}u;
const THREAD_ROWS = {{THREAD_ROWS}}u;
const THREAD_COLUMNS = {{THREAD_COLUMNS}}u;
const TILE_DEPTH = {{TILE_DEPTH}}u;
const THREADS = THREAD_ROWS * THREAD_COLUMNS;
const TILE_ROWS = {{TILE_ROWS}}u;
const TILE_COLUMNS = {{TILE_COLUMNS}}u;
const LEFT_QUADS = TILE_ROWS / 4u;
const RIGHT_QUADS = TILE_COLUMNS / 4u;
const DEPTH_QUADS = TILE_DEPTH / 4u;
// Vectors that a thread carries into each tile of workgroup memory: 1, 2 or 4.
const LEFT_LOADS = TILE_DEPTH * LEFT_QUADS / THREADS;
const RIGHT_LOADS = TILE_DEPTH * RIGHT_QUADS / THREADS;

// Where the matrices of batch z begin.
struct Bases {
    left: u32,
    right: u32,
    out: u32,
}

fn bases(z: u32) -> Bases {
    let outer = z / param(3u);
    let inner = z - outer * param(3u);
    return Bases(
        param(4u) + outer * param(5u) + inner * param(6u),
        param(9u) + outer * param(10u) + inner * param(11u),
        param(14u) + outer * param(15u) + inner * param(16u),
    );
}

#if LEFT_VECTOR
fn left4(base: u32, row: u32, k: u32) -> vec4<f32> {
#if EXACT
    return left_quad((base + row * param(7u) + k * param(8u)) >> 2u);
#else
    if (row >= param(0u) || k >= param(2u)) {
        return vec4<f32>();
    }
    return left_quad((base + row * param(7u) + k * param(8u)) >> 2u);
#endif
}
#else
fn left1(base: u32, row: u32, k: u32) -> f32 {
    if (row >= param(0u) || k >= param(2u)) {
        return 0.0;
    }
    return left_one(base + row * param(7u) + k * param(8u));
}

fn left4(base: u32, row: u32, k: u32) -> vec4<f32> {
#if LEFT_ALONG_DEPTH
    return vec4<f32>(left1(base, row, k), left1(base, row, k + 1u), left1(base, row, k + 2u), left1(base, row, k + 3u));
#else
    return vec4<f32>(left1(base, row, k), left1(base, row + 1u, k), left1(base, row + 2u, k), left1(base, row + 3u, k));
#endif
}
#endif

#if RIGHT_VECTOR
fn right4(base: u32, k: u32, column: u32) -> vec4<f32> {
#if EXACT
    return right_quad((base + k * param(12u) + column * param(13u)) >> 2u);
#else
    if (column >= param(1u) || k >= param(2u)) {
        return vec4<f32>();
    }
    return right_quad((base + k * param(12u) + column * param(13u)) >> 2u);
#endif
}
#else
fn right1(base: u32, k: u32, column: u32) -> f32 {
    if (column >= param(1u) || k >= param(2u)) {
        return 0.0;
    }
    return right_one(base + k * param(12u) + column * param(13u));
}

fn right4(base: u32, k: u32, column: u32) -> vec4<f32> {
#if RIGHT_ALONG_DEPTH
    return vec4<f32>(right1(base, k, column), right1(base, k + 1u, column), right1(base, k + 2u, column), right1(base, k + 3u, column));
#else
    return vec4<f32>(right1(base, k, column), right1(base, k, column + 1u), right1(base, k, column + 2u), right1(base, k, column + 3u));
#endif
}
#endif

fn activate1(x: f32) -> f32 {
#if RELU
    return max(x, 0.0);
#endif
#if GELU
    return gelu(x);
#endif
#if GELU_TANH
    return gelu_tanh(x);
#endif
#if TANH
    return tanh_safe(x);
#endif
#if SIGMOID
    return sigmoid(x);
#endif
#if IDENTITY
    return x;
#endif
}

fn activate(x: vec4<f32>) -> vec4<f32> {
    return vec4<f32>(activate1(x.x), activate1(x.y), activate1(x.z), activate1(x.w));
}

#if HAS_BIAS
fn bias1(column: u32) -> f32 {
#if BIAS_BF16
    let at = param(18u) + column;
    return bf16(bias[at >> 1u], at);
#else
    return f32(bias[param(18u) + column]);
#endif
}
#endif

// Stores four outputs side by side, as far as they are inside.
fn finish(base: u32, row: u32, column: u32, sums: vec4<f32>) {
    if (row >= param(0u) || column >= param(1u)) {
        return;
    }
    let at = base + row * param(17u) + column;
    var value = param_f32(20u) * sums;
#if OUT_VECTOR
#if HAS_BIAS
    value += vec4<f32>(bias1(column), bias1(column + 1u), bias1(column + 2u), bias1(column + 3u));
#endif
#if ACCUMULATE
    value += vec4<f32>(out[at >> 2u]);
#endif
#if KEEP_PRE
    pre[(at - param(14u) + param(19u)) >> 2u] = vec4<{{OUT}}>(value);
#endif
    out[at >> 2u] = vec4<{{OUT}}>(activate(value));
#else
    let count = min(4u, param(1u) - column);
    for (var i = 0u; i < count; i++) {
        var one = value[i];
#if HAS_BIAS
        one += bias1(column + i);
#endif
#if ACCUMULATE
        one += f32(out[at + i]);
#endif
#if KEEP_PRE
        pre[at + i - param(14u) + param(19u)] = {{OUT}}(one);
#endif
        out[at + i] = {{OUT}}(activate1(one));
    }
#endif
}

fn finish_block(base: u32, row: u32, column: u32, block: mat4x4<f32>) {
    finish(base, row, column, block[0]);
    finish(base, row + 1u, column, block[1]);
    finish(base, row + 2u, column, block[2]);
    finish(base, row + 3u, column, block[3]);
}

#if SHARED
// The vectors of a tile are numbered so that neighbouring threads read neighbouring memory.
fn fetch_left(base: u32, row: u32, k: u32, v: u32) -> vec4<f32> {
#if LEFT_ALONG_DEPTH
    return left4(base, row + v / DEPTH_QUADS, k + 4u * (v % DEPTH_QUADS));
#else
    return left4(base, row + 4u * (v % LEFT_QUADS), k + v / LEFT_QUADS);
#endif
}

fn fetch_right(base: u32, k: u32, column: u32, v: u32) -> vec4<f32> {
#if RIGHT_ALONG_DEPTH
    return right4(base, k + 4u * (v % DEPTH_QUADS), column + v / DEPTH_QUADS);
#else
    return right4(base, k + v / RIGHT_QUADS, column + 4u * (v % RIGHT_QUADS));
#endif
}

fn fetch_lefts(base: u32, row: u32, k: u32, lid: u32) -> mat4x4<f32> {
    var fetched: mat4x4<f32>;
    fetched[0] = fetch_left(base, row, k, lid);
    if (LEFT_LOADS > 1u) {
        fetched[1] = fetch_left(base, row, k, lid + THREADS);
    }
    if (LEFT_LOADS > 2u) {
        fetched[2] = fetch_left(base, row, k, lid + 2u * THREADS);
        fetched[3] = fetch_left(base, row, k, lid + 3u * THREADS);
    }
    return fetched;
}

fn fetch_rights(base: u32, k: u32, column: u32, lid: u32) -> mat4x4<f32> {
    var fetched: mat4x4<f32>;
    fetched[0] = fetch_right(base, k, column, lid);
    if (RIGHT_LOADS > 1u) {
        fetched[1] = fetch_right(base, k, column, lid + THREADS);
    }
    if (RIGHT_LOADS > 2u) {
        fetched[2] = fetch_right(base, k, column, lid + 2u * THREADS);
        fetched[3] = fetch_right(base, k, column, lid + 3u * THREADS);
    }
    return fetched;
}

#if COOPERATIVE
// Lines of a tile are eight elements longer than they need to be, so that a column does not lie in one memory bank.
#if LEFT_ALONG_DEPTH
const LEFT_LINE = TILE_DEPTH + 8u;
#else
const LEFT_LINE = TILE_ROWS + 8u;
#endif
#if RIGHT_ALONG_DEPTH
const RIGHT_LINE = TILE_DEPTH + 8u;
#else
const RIGHT_LINE = TILE_COLUMNS + 8u;
#endif
const MATRIX = {{MATRIX}}u;

// [TILE_ROWS][TILE_DEPTH] or the other way around, as in memory; the right side likewise.
var<workgroup> left_tile: array<f16, {{LEFT_TILE}}>;
var<workgroup> right_tile: array<f16, {{RIGHT_TILE}}>;
// One matrix of sums for each of the eight subgroups.
var<workgroup> results: array<f32, {{RESULTS}}>;

fn put_left(v: u32, value: vec4<f32>) {
#if LEFT_ALONG_DEPTH
    let at = v / DEPTH_QUADS * LEFT_LINE + 4u * (v % DEPTH_QUADS);
#else
    let at = v / LEFT_QUADS * LEFT_LINE + 4u * (v % LEFT_QUADS);
#endif
    left_tile[at] = f16(value.x);
    left_tile[at + 1u] = f16(value.y);
    left_tile[at + 2u] = f16(value.z);
    left_tile[at + 3u] = f16(value.w);
}

fn put_right(v: u32, value: vec4<f32>) {
#if RIGHT_ALONG_DEPTH
    let at = v / DEPTH_QUADS * RIGHT_LINE + 4u * (v % DEPTH_QUADS);
#else
    let at = v / RIGHT_QUADS * RIGHT_LINE + 4u * (v % RIGHT_QUADS);
#endif
    right_tile[at] = f16(value.x);
    right_tile[at + 1u] = f16(value.y);
    right_tile[at + 2u] = f16(value.z);
    right_tile[at + 3u] = f16(value.w);
}
#else
// [TILE_DEPTH][TILE_ROWS / 4] and [TILE_DEPTH][TILE_COLUMNS / 4].
var<workgroup> left_tile: array<vec4<f32>, {{LEFT_TILE}}>;
var<workgroup> right_tile: array<vec4<f32>, {{RIGHT_TILE}}>;

fn put_left(v: u32, value: vec4<f32>) {
#if LEFT_ALONG_DEPTH
    let row = v / DEPTH_QUADS;
    let at = 4u * (v % DEPTH_QUADS) * LEFT_QUADS + row / 4u;
    left_tile[at][row % 4u] = value.x;
    left_tile[at + LEFT_QUADS][row % 4u] = value.y;
    left_tile[at + 2u * LEFT_QUADS][row % 4u] = value.z;
    left_tile[at + 3u * LEFT_QUADS][row % 4u] = value.w;
#else
    left_tile[v] = value;
#endif
}

fn put_right(v: u32, value: vec4<f32>) {
#if RIGHT_ALONG_DEPTH
    let column = v / DEPTH_QUADS;
    let at = 4u * (v % DEPTH_QUADS) * RIGHT_QUADS + column / 4u;
    right_tile[at][column % 4u] = value.x;
    right_tile[at + RIGHT_QUADS][column % 4u] = value.y;
    right_tile[at + 2u * RIGHT_QUADS][column % 4u] = value.z;
    right_tile[at + 3u * RIGHT_QUADS][column % 4u] = value.w;
#else
    right_tile[v] = value;
#endif
}
#endif

fn put_tiles(lid: u32, lefts: mat4x4<f32>, rights: mat4x4<f32>) {
    put_left(lid, lefts[0]);
    if (LEFT_LOADS > 1u) {
        put_left(lid + THREADS, lefts[1]);
    }
    if (LEFT_LOADS > 2u) {
        put_left(lid + 2u * THREADS, lefts[2]);
        put_left(lid + 3u * THREADS, lefts[3]);
    }
    put_right(lid, rights[0]);
    if (RIGHT_LOADS > 1u) {
        put_right(lid + THREADS, rights[1]);
    }
    if (RIGHT_LOADS > 2u) {
        put_right(lid + 2u * THREADS, rights[2]);
        put_right(lid + 3u * THREADS, rights[3]);
    }
}
#endif

#if TILED
// sums + the outer product of four rows of left and four columns of right.
fn outer(sums: mat4x4<f32>, l: vec4<f32>, r: vec4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(
        fma(vec4<f32>(l.x), r, sums[0]),
        fma(vec4<f32>(l.y), r, sums[1]),
        fma(vec4<f32>(l.z), r, sums[2]),
        fma(vec4<f32>(l.w), r, sums[3]),
    );
}

@compute @workgroup_size({{THREADS}})
fn tiled(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) nwg: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
    let w = grid_place(wid, nwg);
    if (outside_grid(w)) {
        return;
    }
    let base = bases(w.z);
    let row = w.y * TILE_ROWS;
    let column = w.x * TILE_COLUMNS;
    let thread_row = lid / THREAD_COLUMNS;
    let thread_column = lid % THREAD_COLUMNS;
    let depth = param(2u);

    var sums00: mat4x4<f32>;
    var sums01: mat4x4<f32>;
    var sums10: mat4x4<f32>;
    var sums11: mat4x4<f32>;
    var lefts: mat4x4<f32>;
    var rights: mat4x4<f32>;
    if (depth > 0u) {
        lefts = fetch_lefts(base.left, row, 0u, lid);
        rights = fetch_rights(base.right, 0u, column, lid);
    }
    for (var k = 0u; k < depth; k += TILE_DEPTH) {
        workgroupBarrier();
        put_tiles(lid, lefts, rights);
        workgroupBarrier();
        // The next tile is on its way while this one is multiplied.
        if (k + TILE_DEPTH < depth) {
            lefts = fetch_lefts(base.left, row, k + TILE_DEPTH, lid);
            rights = fetch_rights(base.right, k + TILE_DEPTH, column, lid);
        }
        for (var i = 0u; i < TILE_DEPTH; i++) {
            let l0 = left_tile[i * LEFT_QUADS + thread_row];
            let r0 = right_tile[i * RIGHT_QUADS + thread_column];
            sums00 = outer(sums00, l0, r0);
            if (BLOCK_COLUMNS > 1u) {
                let r1 = right_tile[i * RIGHT_QUADS + THREAD_COLUMNS + thread_column];
                sums01 = outer(sums01, l0, r1);
                if (BLOCK_ROWS > 1u) {
                    sums11 = outer(sums11, left_tile[i * LEFT_QUADS + THREAD_ROWS + thread_row], r1);
                }
            }
            if (BLOCK_ROWS > 1u) {
                sums10 = outer(sums10, left_tile[i * LEFT_QUADS + THREAD_ROWS + thread_row], r0);
            }
        }
    }
    finish_blocks(base.out, row + 4u * thread_row, column + 4u * thread_column, sums00, sums01, sums10, sums11);
}
#endif

#if COOPERATIVE
// Stores one matrix of sums from workgroup memory, where they are no longer the driver's secret.
fn finish_matrix(base: u32, row: u32, column: u32, result: u32, lane: u32) {
    for (var quad = lane; quad < MATRIX * MATRIX / 4u; quad += 32u) {
        let at = result + 4u * quad;
        let sums = vec4<f32>(results[at], results[at + 1u], results[at + 2u], results[at + 3u]);
        finish(base, row + 4u * quad / MATRIX, column + 4u * quad % MATRIX, sums);
    }
}

@compute @workgroup_size({{THREADS}})
fn cooperative(
    @builtin(workgroup_id) wid: vec3<u32>,
    @builtin(num_workgroups) nwg: vec3<u32>,
    @builtin(local_invocation_index) lid: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let w = grid_place(wid, nwg);
    // Cooperative calls may not follow a return, so a workgroup too many does the work of another and stores it nowhere.
    let base = bases(min(w.z, launch_params[15].z - 1u));
    let nowhere = select(0u, 0x80000000u, outside_grid(w));
    let row = w.y * TILE_ROWS;
    let column = w.x * TILE_COLUMNS;
    let depth = param(2u);
    // Eight subgroups: two along the rows, four along the columns.
    let my_row = subgroup / 4u * 4u * MATRIX;
    let my_column = subgroup % 4u * 2u * MATRIX;
    let result = subgroup * MATRIX * MATRIX;

    var sums00: {{SUM_MATRIX}};
    var sums01: {{SUM_MATRIX}};
    var sums10: {{SUM_MATRIX}};
    var sums11: {{SUM_MATRIX}};
    var sums20: {{SUM_MATRIX}};
    var sums21: {{SUM_MATRIX}};
    var sums30: {{SUM_MATRIX}};
    var sums31: {{SUM_MATRIX}};
    var lefts: mat4x4<f32>;
    var rights: mat4x4<f32>;
    if (depth > 0u) {
        lefts = fetch_lefts(base.left, row, 0u, lid);
        rights = fetch_rights(base.right, 0u, column, lid);
    }
    for (var k = 0u; k < depth; k += TILE_DEPTH) {
        workgroupBarrier();
        put_tiles(lid, lefts, rights);
        workgroupBarrier();
        if (k + TILE_DEPTH < depth) {
            lefts = fetch_lefts(base.left, row, k + TILE_DEPTH, lid);
            rights = fetch_rights(base.right, k + TILE_DEPTH, column, lid);
        }
        for (var i = 0u; i < TILE_DEPTH; i += MATRIX) {
#if LEFT_ALONG_DEPTH
            let l0 = coopLoadT<{{LEFT_MATRIX}}>(&left_tile[(my_row + 0u * MATRIX) * LEFT_LINE + i], LEFT_LINE);
            let l1 = coopLoadT<{{LEFT_MATRIX}}>(&left_tile[(my_row + 1u * MATRIX) * LEFT_LINE + i], LEFT_LINE);
            let l2 = coopLoadT<{{LEFT_MATRIX}}>(&left_tile[(my_row + 2u * MATRIX) * LEFT_LINE + i], LEFT_LINE);
            let l3 = coopLoadT<{{LEFT_MATRIX}}>(&left_tile[(my_row + 3u * MATRIX) * LEFT_LINE + i], LEFT_LINE);
#else
            let l0 = coopLoad<{{LEFT_MATRIX}}>(&left_tile[i * LEFT_LINE + my_row + 0u * MATRIX], LEFT_LINE);
            let l1 = coopLoad<{{LEFT_MATRIX}}>(&left_tile[i * LEFT_LINE + my_row + 1u * MATRIX], LEFT_LINE);
            let l2 = coopLoad<{{LEFT_MATRIX}}>(&left_tile[i * LEFT_LINE + my_row + 2u * MATRIX], LEFT_LINE);
            let l3 = coopLoad<{{LEFT_MATRIX}}>(&left_tile[i * LEFT_LINE + my_row + 3u * MATRIX], LEFT_LINE);
#endif
#if RIGHT_ALONG_DEPTH
            let r0 = coopLoad<{{RIGHT_MATRIX}}>(&right_tile[(my_column + 0u * MATRIX) * RIGHT_LINE + i], RIGHT_LINE);
            let r1 = coopLoad<{{RIGHT_MATRIX}}>(&right_tile[(my_column + 1u * MATRIX) * RIGHT_LINE + i], RIGHT_LINE);
#else
            let r0 = coopLoadT<{{RIGHT_MATRIX}}>(&right_tile[i * RIGHT_LINE + my_column + 0u * MATRIX], RIGHT_LINE);
            let r1 = coopLoadT<{{RIGHT_MATRIX}}>(&right_tile[i * RIGHT_LINE + my_column + 1u * MATRIX], RIGHT_LINE);
#endif
            sums00 = coopMultiplyAdd(l0, r0, sums00);
            sums01 = coopMultiplyAdd(l0, r1, sums01);
            sums10 = coopMultiplyAdd(l1, r0, sums10);
            sums11 = coopMultiplyAdd(l1, r1, sums11);
            sums20 = coopMultiplyAdd(l2, r0, sums20);
            sums21 = coopMultiplyAdd(l2, r1, sums21);
            sums30 = coopMultiplyAdd(l3, r0, sums30);
            sums31 = coopMultiplyAdd(l3, r1, sums31);
        }
    }
    workgroupBarrier();
    coopStoreT(sums00, &results[result], MATRIX);
    workgroupBarrier();
    finish_matrix(base.out, nowhere + row + my_row + 0u * MATRIX, column + my_column + 0u * MATRIX, result, lane);
    workgroupBarrier();
    coopStoreT(sums01, &results[result], MATRIX);
    workgroupBarrier();
    finish_matrix(base.out, nowhere + row + my_row + 0u * MATRIX, column + my_column + 1u * MATRIX, result, lane);
    workgroupBarrier();
    coopStoreT(sums10, &results[result], MATRIX);
    workgroupBarrier();
    finish_matrix(base.out, nowhere + row + my_row + 1u * MATRIX, column + my_column + 0u * MATRIX, result, lane);
    workgroupBarrier();
    coopStoreT(sums11, &results[result], MATRIX);
    workgroupBarrier();
    finish_matrix(base.out, nowhere + row + my_row + 1u * MATRIX, column + my_column + 1u * MATRIX, result, lane);
    workgroupBarrier();
    coopStoreT(sums20, &results[result], MATRIX);
    workgroupBarrier();
    finish_matrix(base.out, nowhere + row + my_row + 2u * MATRIX, column + my_column + 0u * MATRIX, result, lane);
    workgroupBarrier();
    coopStoreT(sums21, &results[result], MATRIX);
    workgroupBarrier();
    finish_matrix(base.out, nowhere + row + my_row + 2u * MATRIX, column + my_column + 1u * MATRIX, result, lane);
    workgroupBarrier();
    coopStoreT(sums30, &results[result], MATRIX);
    workgroupBarrier();
    finish_matrix(base.out, nowhere + row + my_row + 3u * MATRIX, column + my_column + 0u * MATRIX, result, lane);
    workgroupBarrier();
    coopStoreT(sums31, &results[result], MATRIX);
    workgroupBarrier();
    finish_matrix(base.out, nowhere + row + my_row + 3u * MATRIX, column + my_column + 1u * MATRIX, result, lane);
}
#endif

#if DIRECT
// Column r: row + r of left, at k and on.
fn left_block(base: u32, row: u32, k: u32) -> mat4x4<f32> {
#if LEFT_ALONG_DEPTH
    return mat4x4<f32>(left4(base, row, k), left4(base, row + 1u, k), left4(base, row + 2u, k), left4(base, row + 3u, k));
#else
    return transpose(mat4x4<f32>(left4(base, row, k), left4(base, row, k + 1u), left4(base, row, k + 2u), left4(base, row, k + 3u)));
#endif
}

// Column r: k + r of right, at column and on.
fn right_block(base: u32, k: u32, column: u32) -> mat4x4<f32> {
#if RIGHT_ALONG_DEPTH
    return transpose(mat4x4<f32>(right4(base, k, column), right4(base, k, column + 1u), right4(base, k, column + 2u), right4(base, k, column + 3u)));
#else
    return mat4x4<f32>(right4(base, k, column), right4(base, k + 1u, column), right4(base, k + 2u, column), right4(base, k + 3u, column));
#endif
}

@compute @workgroup_size({{THREADS}})
fn direct(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) nwg: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
    let w = grid_place(wid, nwg);
    if (outside_grid(w)) {
        return;
    }
    let base = bases(w.z);
    let row = w.y * TILE_ROWS + 4u * (lid / THREAD_COLUMNS);
    let column = w.x * TILE_COLUMNS + 4u * (lid % THREAD_COLUMNS);
    let depth = param(2u);

    var sums00: mat4x4<f32>;
    var sums01: mat4x4<f32>;
    var sums10: mat4x4<f32>;
    var sums11: mat4x4<f32>;
    for (var k = 0u; k < depth; k += 4u) {
        let l0 = left_block(base.left, row, k);
        let r0 = right_block(base.right, k, column);
        sums00 += r0 * l0;
        if (BLOCK_COLUMNS > 1u) {
            let r1 = right_block(base.right, k, column + 4u * THREAD_COLUMNS);
            sums01 += r1 * l0;
            if (BLOCK_ROWS > 1u) {
                sums11 += r1 * left_block(base.left, row + 4u * THREAD_ROWS, k);
            }
        }
        if (BLOCK_ROWS > 1u) {
            sums10 += r0 * left_block(base.left, row + 4u * THREAD_ROWS, k);
        }
    }
    finish_blocks(base.out, row, column, sums00, sums01, sums10, sums11);
}
#endif

#if COOPERATIVE
#else
fn finish_blocks(base: u32, row: u32, column: u32, sums00: mat4x4<f32>, sums01: mat4x4<f32>, sums10: mat4x4<f32>, sums11: mat4x4<f32>) {
    finish_block(base, row, column, sums00);
    if (BLOCK_COLUMNS > 1u) {
        finish_block(base, row, column + 4u * THREAD_COLUMNS, sums01);
    }
    if (BLOCK_ROWS > 1u) {
        finish_block(base, row + 4u * THREAD_ROWS, column, sums10);
    }
    if (BLOCK_ROWS > 1u && BLOCK_COLUMNS > 1u) {
        finish_block(base, row + 4u * THREAD_ROWS, column + 4u * THREAD_COLUMNS, sums11);
    }
}
#endif
