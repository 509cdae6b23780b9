//! Launches of `shaders/attention*.wgsl`.

use super::{Attention, AttentionGradient, Sizes};
use crate::gpu::{Binding, Gpu, GpuBuffer, Kernel};
use crate::launch::groups;
use crate::op::{GpuInput, GpuOutput};
use crate::{Result, Shape, TensorError};

const FORWARD: Kernel = Kernel {
    label: "attention",
    source: concat!(
        include_str!("../../../../../shaders/attention_texts.wgsl"),
        include_str!("../../../../../shaders/attention.wgsl")
    ),
    entry: "main",
};

const ALONG: Kernel = Kernel {
    label: "attention gradient, along the result",
    source: include_str!("../../../../../shaders/attention_along.wgsl"),
    entry: "main",
};

const QUERIES: Kernel = Kernel {
    label: "attention gradient of queries",
    source: concat!(
        include_str!("../../../../../shaders/attention_texts.wgsl"),
        include_str!("../../../../../shaders/attention_gradient.wgsl")
    ),
    entry: "queries",
};

const KEYS: Kernel = Kernel {
    label: "attention gradient of keys and values",
    entry: "keys",
    ..QUERIES
};

const BIASES: Kernel = Kernel {
    label: "attention gradient of the bias",
    entry: "biases",
    ..QUERIES
};

/// Numbers of a head that a workgroup has room for.
const MOST: usize = 1024;

/// Turns of loops that an invocation makes at most for a gradient of the bias before its sum goes to memory.
const TURNS: usize = 1 << 14;

/// As many rows of `head_dim` numbers, a power of two, as fit into `numbers`, and `most` at most.
fn rows_that_fit(numbers: usize, head_dim: usize, most: usize) -> usize {
    let rows = (numbers / head_dim.next_multiple_of(4)).clamp(1, most);
    1 << rows.ilog2()
}

impl Attention {
    fn check_head(&self, head_dim: usize, shape: &Shape) -> Result<()> {
        if head_dim <= MOST {
            return Ok(());
        }
        Err(TensorError::Shape {
            op: "attention",
            reason: format!(
                "heads of more than {MOST} numbers fit no workgroup; use the device `cpu`"
            ),
            shapes: vec![shape.clone()],
        })
    }

    fn params(&self, sizes: Sizes, tokens: usize) -> Vec<u32> {
        let Sizes {
            heads,
            key_heads,
            head_dim,
            bias,
        } = sizes;
        let width = heads * head_dim;
        let [strides, starts] = match self.packed {
            true => [[3 * width; 3], [0, width, 2 * width]],
            false => [[width, key_heads * head_dim, key_heads * head_dim], [0; 3]],
        };
        let mut params = vec![
            heads as u32,
            key_heads as u32,
            u32::from(self.causal),
            (self.scale * std::f32::consts::LOG2_E).to_bits(),
        ];
        params.extend(
            strides
                .iter()
                .chain(&starts)
                .chain(&bias)
                .map(|&size| size as u32),
        );
        match self.dropout {
            Some(dropout) => {
                params.extend([dropout.threshold, dropout.scale.to_bits()]);
                params.extend(dropout.key.params());
            }
            None => params.extend([0; 6]),
        }
        let texts = self.query_offsets.len() - 1;
        let key_offsets = if self.packed { 0 } else { texts + 1 };
        params.extend([self.scale.to_bits(), tokens as u32, texts as u32]);
        params.push(key_offsets as u32);
        params
    }

    /// The offsets of queries and of keys in one, where they are two: a kernel has eight buffers on every adapter.
    fn joined_offsets(&self, gpu: &Gpu, inputs: &[GpuInput<'_>]) -> Result<Option<GpuBuffer>> {
        if self.packed {
            return Ok(None);
        }
        let bytes = self.query_offsets.len() * 4;
        let joined = gpu.allocate(2 * bytes)?;
        gpu.copy(inputs[3].buffer, 0, &joined, 0, bytes)?;
        gpu.copy(inputs[4].buffer, 0, &joined, bytes, bytes)?;
        Ok(Some(joined))
    }

    /// Queries, keys, values, the offsets, and the bias, or what stands in for one.
    fn bindings<'a>(
        &self,
        inputs: &[GpuInput<'a>],
        joined_offsets: Option<&'a GpuBuffer>,
    ) -> Vec<Binding<'a>> {
        let places = if self.packed { [0; 3] } else { [0, 1, 2] };
        let offsets = joined_offsets.map_or_else(|| inputs[1].binding(), Binding::read);
        let bias = match self.has_bias {
            true => inputs[self.arguments()].binding(),
            false => offsets,
        };
        let projections = places.map(|place| inputs[place].binding());
        projections.into_iter().chain([offsets, bias]).collect()
    }
}

/// Turns of loops that an invocation makes for each of the rows that pass by, over all.
fn turns(head_dim: usize, longest: usize) -> usize {
    longest * (4 + head_dim.div_ceil(16))
}

fn head_defines(head_dim: usize, rows: usize) -> Vec<(&'static str, String)> {
    let d4 = head_dim.div_ceil(4).max(1);
    vec![
        ("D", head_dim.to_string()),
        ("D4", d4.to_string()),
        ("ROWS", rows.to_string()),
    ]
}

fn sizes_of(op: &Attention, inputs: &[GpuInput<'_>]) -> Sizes {
    let shapes: Vec<&Shape> = inputs.iter().map(|input| &input.layout.shape).collect();
    op.sizes(&shapes)
}

pub(super) fn forward(
    op: &Attention,
    gpu: &Gpu,
    inputs: &[GpuInput<'_>],
    outputs: &[GpuOutput<'_>],
) -> Result<()> {
    let sizes = sizes_of(op, inputs);
    op.check_head(sizes.head_dim, &inputs[0].layout.shape)?;
    if outputs[0].shape.elements() == 0 {
        return Ok(());
    }
    let rows = rows_that_fit(2048, sizes.head_dim, 32);
    let mut defines = head_defines(sizes.head_dim, rows);
    defines.push(("KEYS", rows_that_fit(1024, sizes.head_dim, 32).to_string()));
    let longest = Attention::longest(&op.key_offsets);
    gpu.check_loops("attention", turns(sizes.head_dim, longest))?;
    let joined = op.joined_offsets(gpu, inputs)?;
    let mut bindings = op.bindings(inputs, joined.as_ref());
    bindings.extend(outputs.iter().map(GpuOutput::binding));
    let longest = Attention::longest(&op.query_offsets);
    let texts = op.query_offsets.len() - 1;
    let grid = [longest.div_ceil(rows), sizes.heads, texts].map(|count| count as u32);
    let params = op.params(sizes, outputs[0].shape[0]);
    gpu.launch(&FORWARD, &defines, &bindings, &params, grid)
}

pub(super) fn backward(
    op: &AttentionGradient,
    gpu: &Gpu,
    inputs: &[GpuInput<'_>],
    outputs: &[GpuOutput<'_>],
) -> Result<()> {
    let forward = &op.forward;
    let sizes = sizes_of(forward, inputs);
    let first = forward.inputs();
    let [result, sums, upstream] = [0, 1, 2].map(|place| &inputs[first + place]);
    let rows = result.layout.shape[0] * sizes.heads;
    let statistics = gpu.allocate((rows * 8).max(16))?;
    let head_dim = sizes.head_dim;
    let bindings = [
        result.binding(),
        upstream.binding(),
        sums.binding(),
        Binding::read_write(&statistics),
    ];
    gpu.launch(
        &ALONG,
        &[],
        &bindings,
        &[rows as u32, head_dim as u32],
        groups(rows),
    )?;

    let rows = rows_that_fit(1024, head_dim, 32);
    let mut defines = head_defines(head_dim, rows);
    defines.push(("PASSING", rows_that_fit(512, head_dim, 8).to_string()));
    let lengths = [&forward.query_offsets, &forward.key_offsets];
    let [longest_queries, longest_keys] = lengths.map(|offsets| Attention::longest(offsets));
    let served = sizes.heads / sizes.key_heads.max(1);
    let passing = longest_keys.max(longest_queries * served);
    gpu.check_loops("gradient of attention", turns(head_dim, passing))?;
    let key_tokens = forward.key_offsets.last().map_or(0, |&end| end as usize);
    let key_bytes = key_tokens * sizes.key_heads * head_dim * 4;
    let mut params = forward.params(sizes, result.layout.shape[0]);
    params.push(match forward.packed {
        true => 2 * sizes.heads * head_dim,
        false => key_bytes / 4,
    } as u32);
    let texts = forward.query_offsets.len() - 1;
    let joined = forward.joined_offsets(gpu, inputs)?;
    let mut bindings = forward.bindings(inputs, joined.as_ref());
    bindings.extend([upstream.binding(), Binding::read(&statistics)]);
    let launch = |kernel: &Kernel, to: Binding<'_>, params: &[u32], grid: [usize; 3]| {
        let mut bindings = bindings.clone();
        bindings.push(to);
        let grid = grid.map(|count| count as u32);
        gpu.launch(kernel, &defines, &bindings, params, grid)
    };
    let grid = [longest_queries.div_ceil(rows), sizes.heads, texts];
    launch(&QUERIES, outputs[0].binding(), &params, grid)?;
    let grid = [longest_keys.div_ceil(rows), sizes.key_heads, texts];
    if forward.packed {
        launch(&KEYS, outputs[0].binding(), &params, grid)?;
    } else if key_bytes > 0 {
        // One buffer for both: with a second one, kernels would have nine.
        let both = gpu.allocate(2 * key_bytes)?;
        launch(&KEYS, Binding::read_write(&both), &params, grid)?;
        gpu.copy(&both, 0, outputs[1].buffer, 0, key_bytes)?;
        gpu.copy(&both, key_bytes, outputs[2].buffer, 0, key_bytes)?;
    }
    let (true, Some(of_bias)) = (op.of_bias, outputs.last()) else {
        return Ok(());
    };
    let [workgroups, ..] = groups(of_bias.shape.elements());
    let sharing = sizes.heads / sizes.bias[0].max(1);
    let at_once = (TURNS / (sharing * (head_dim + 1))).max(1);
    for first in (0..texts.max(1)).step_by(at_once) {
        let end = (first + at_once).min(texts);
        let mut params = params.clone();
        params.extend([first as u32, end as u32]);
        let grid = [workgroups as usize, 1, 1];
        launch(&BIASES, of_bias.binding(), &params, grid)?;
    }
    Ok(())
}
