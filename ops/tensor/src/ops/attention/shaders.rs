//! Launches of `shaders/attention*.wgsl`.

use super::{Attention, AttentionGradient, Sizes};
use crate::gpu::{Binding, Gpu, Kernel};
use crate::launch::groups;
use crate::op::{GpuInput, GpuOutput};
use crate::{Result, Shape, TensorError};

const FORWARD: Kernel = Kernel {
    label: "attention",
    source: include_str!("../../../../../shaders/attention.wgsl"),
    entry: "main",
};

const ALONG: Kernel = Kernel {
    label: "attention gradient, along the result",
    source: include_str!("../../../../../shaders/attention_along.wgsl"),
    entry: "main",
};

const QUERIES: Kernel = Kernel {
    label: "attention gradient of queries",
    source: include_str!("../../../../../shaders/attention_gradient.wgsl"),
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
        params.extend([self.scale.to_bits(), tokens as u32, texts as u32]);
        params
    }

    /// Queries, keys, values, the offsets of queries and of keys, and the bias, or what stands in for one.
    fn bindings<'a>(&self, inputs: &[GpuInput<'a>]) -> Vec<Binding<'a>> {
        let places = match self.packed {
            true => [0, 0, 0, 1, 1],
            false => [0, 1, 2, 3, 4],
        };
        let bias = if self.has_bias {
            self.arguments()
        } else {
            places[4]
        };
        let places = places.into_iter().chain([bias]);
        places.map(|place| inputs[place].binding()).collect()
    }
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
    let mut bindings = op.bindings(inputs);
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
    let along = gpu.allocate((rows * 4).max(16))?;
    let head_dim = sizes.head_dim;
    let bindings = [
        result.binding(),
        upstream.binding(),
        Binding::read_write(&along),
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
    let values = if forward.packed {
        "target_0"
    } else {
        "target_1"
    };
    defines.push(("VALUES", values.to_owned()));
    let params = forward.params(sizes, result.layout.shape[0]);
    let texts = forward.query_offsets.len() - 1;
    let launch = |kernel: &Kernel, to: &[&GpuOutput<'_>], grid: [usize; 3]| {
        let mut bindings = forward.bindings(inputs);
        bindings.extend([upstream.binding(), sums.binding(), Binding::read(&along)]);
        bindings.extend(to.iter().map(|output| output.binding()));
        gpu.launch(
            kernel,
            &defines,
            &bindings,
            &params,
            grid.map(|count| count as u32),
        )
    };
    let longest = Attention::longest(&forward.query_offsets);
    launch(
        &QUERIES,
        &[&outputs[0]],
        [longest.div_ceil(rows), sizes.heads, texts],
    )?;
    let longest = Attention::longest(&forward.key_offsets);
    let grid = [longest.div_ceil(rows), sizes.key_heads, texts];
    match forward.packed {
        true => launch(&KEYS, &[&outputs[0]], grid)?,
        false => launch(&KEYS, &[&outputs[1], &outputs[2]], grid)?,
    }
    match (op.of_bias, outputs.last()) {
        (true, Some(of_bias)) => {
            let [workgroups, ..] = groups(of_bias.shape.elements());
            launch(&BIASES, &[of_bias], [workgroups as usize, 1, 1])
        }
        _ => Ok(()),
    }
}
