//! Scaled-dot-product attention over packed texts of different lengths, in memory linear in length (Dao et al. 2022, 2023).

#[cfg(test)]
mod cases;
mod shaders;

use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use crate::autograd::Pass;
use crate::cpu::Cpu;
use crate::cpu::attention::{self, Bias, Dropout, Problem, Rows, RowsMut};
use crate::gpu::Gpu;
use crate::op::{
    CpuInput, CpuOutput, GpuInput, GpuOutput, Gradients, Keeps, Op, Spec, Specs, apply,
};
use crate::{DType, Offsets, RandomKey, Result, Shape, Tensor, TensorError};

#[cfg(test)]
pub(crate) use cases::cases;

/// How attention is computed.
#[derive(Clone, Debug, Default)]
pub struct AttentionOptions {
    /// Whether a query sees only the keys up to its own place. Where a text has more or fewer keys than queries, its last
    /// query sees all of them: query `i` of `n` sees the keys up to `i + keys - n`.
    pub causal: bool,
    /// What scores are multiplied by; without it, `1 / sqrt(head_dim)`.
    pub scale: Option<f32>,
    /// Added to the scores of every text, `[heads or 1, queries, keys]`, at least as long as the longest text (ALiBi, T5).
    pub bias: Option<Tensor>,
    /// Whether probabilities are dropped at random.
    pub dropout: Option<AttentionDropout>,
}

/// Dropout of probabilities (Srivastava et al. 2014): each is set to 0 with some probability, else divided by the rest. Every
/// device draws the same ones, and the backward pass draws them again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttentionDropout {
    /// From 0 to 1.
    pub probability: f32,
    /// What is drawn. The probability of query token `i` (of all texts) in head `h` for key `j` of its text is decided by
    /// random word `2^34 (i heads + h) + j`.
    pub key: RandomKey,
}

/// Inputs: queries, keys and values in one, `[tokens, 3, heads, head_dim]`, and the offsets; or queries `[tokens, heads,
/// head_dim]`, keys and values `[tokens, key heads, head_dim]`, and the offsets of queries and of keys. Then maybe the bias.
/// Outputs: the result, `[tokens, heads, head_dim]`, and of each token and head the logarithm (base 2) of the sum of its scores'
/// exponentials.
#[derive(Clone, Debug)]
pub(crate) struct Attention {
    packed: bool,
    query_offsets: Arc<[u32]>,
    key_offsets: Arc<[u32]>,
    causal: bool,
    scale: f32,
    has_bias: bool,
    dropout: Option<Dropout>,
}

/// Inputs: those of [`Attention`], its outputs and the upstream gradient. Outputs: the gradients of the inputs that have one.
#[derive(Debug)]
struct AttentionGradient {
    forward: Attention,
    of_bias: bool,
}

/// The sizes that follow from the inputs' shapes.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    heads: usize,
    key_heads: usize,
    head_dim: usize,
    /// Of the bias; 0 without one.
    bias: [usize; 3],
}

impl Attention {
    /// How many inputs there are before the bias.
    fn arguments(&self) -> usize {
        if self.packed { 2 } else { 5 }
    }

    fn inputs(&self) -> usize {
        self.arguments() + usize::from(self.has_bias)
    }

    fn sizes(&self, shapes: &[&Shape]) -> Sizes {
        let [heads, key_heads, head_dim] = match self.packed {
            true => [shapes[0][2], shapes[0][2], shapes[0][3]],
            false => [shapes[0][1], shapes[1][1], shapes[0][2]],
        };
        let bias = match self.has_bias {
            true => shapes[self.arguments()],
            false => &Shape::from([0, 0, 0]),
        };
        Sizes {
            heads,
            key_heads,
            head_dim,
            bias: [bias[0], bias[1], bias[2]],
        }
    }

    fn longest(offsets: &[u32]) -> usize {
        let lengths = offsets.windows(2).map(|pair| (pair[1] - pair[0]) as usize);
        lengths.max().unwrap_or(0)
    }

    fn check(&self, inputs: &[Spec]) -> Result<()> {
        let misfit = |reason: &str| Err(self.misfit(inputs, reason));
        let projections = if self.packed { 1 } else { 3 };
        for input in &inputs[..projections] {
            self.expect_float(input)?;
            self.expect(
                input,
                inputs[0].dtype.name(),
                input.dtype == inputs[0].dtype,
            )?;
        }
        let tokens = |offsets: &[u32]| offsets.last().map_or(0, |&end| end as usize);
        let shape = |input: usize| &inputs[input].shape;
        if self.packed {
            if shape(0).rank() != 4 || shape(0)[1] != 3 {
                return misfit("takes queries, keys and values as [tokens, 3, heads, head_dim]");
            }
            if shape(0)[0] != tokens(&self.query_offsets) {
                return misfit("the offsets must end where the tokens do");
            }
        } else {
            if (0..3).any(|input| shape(input).rank() != 3) {
                return misfit("takes queries, keys and values as [tokens, heads, head_dim] each");
            }
            if shape(1) != shape(2) {
                return misfit("keys and values must have one shape");
            }
            if shape(0)[2] != shape(1)[2] {
                return misfit("queries and keys must have the same head_dim");
            }
            if shape(1)[1] == 0 || shape(0)[1] % shape(1)[1] != 0 {
                return misfit("the heads of keys must divide those of queries");
            }
            let ends = [tokens(&self.query_offsets), tokens(&self.key_offsets)];
            if [shape(0)[0], shape(1)[0]] != ends {
                return misfit("the offsets must end where the tokens do");
            }
            if self.query_offsets.len() != self.key_offsets.len() {
                return misfit("there must be as many texts of queries as of keys");
            }
        }
        if !self.has_bias {
            return Ok(());
        }
        let bias = &inputs[self.arguments()];
        self.expect_float(bias)?;
        let shapes: SmallVec<[&Shape; 6]> = inputs.iter().map(|input| &input.shape).collect();
        let fits = bias.shape.rank() == 3 && {
            let sizes = self.sizes(&shapes);
            (sizes.bias[0] == 1 || sizes.bias[0] == sizes.heads)
                && sizes.bias[1] >= Self::longest(&self.query_offsets)
                && sizes.bias[2] >= Self::longest(&self.key_offsets)
        };
        match fits {
            true => Ok(()),
            false => {
                misfit("the bias must be [heads or 1, queries, keys], as long as the longest text")
            }
        }
    }

    fn problem<'a>(&'a self, sizes: Sizes, bias: Option<&'a [f32]>) -> Problem<'a> {
        Problem {
            query_offsets: &self.query_offsets,
            key_offsets: &self.key_offsets,
            heads: sizes.heads,
            key_heads: sizes.key_heads,
            head_dim: sizes.head_dim,
            scale: self.scale,
            causal: self.causal,
            bias: bias.map(|data| Bias {
                data,
                heads: sizes.bias[0],
                queries: sizes.bias[1],
                keys: sizes.bias[2],
            }),
            dropout: self.dropout,
        }
    }

    /// Queries, keys and values.
    fn rows<'a>(&self, sizes: Sizes, inputs: &[CpuInput<'a>]) -> [Rows<'a>; 3] {
        let width = sizes.heads * sizes.head_dim;
        if self.packed {
            let data = inputs[0].slice::<f32>();
            return std::array::from_fn(|part| Rows {
                data: data.get(part * width..).unwrap_or_default(),
                token_stride: 3 * width,
                head_stride: sizes.head_dim,
            });
        }
        std::array::from_fn(|part| {
            let heads = if part == 0 {
                sizes.heads
            } else {
                sizes.key_heads
            };
            rows_of(inputs[part].slice(), heads, sizes.head_dim)
        })
    }

    fn bias<'a>(&self, inputs: &[CpuInput<'a>]) -> Option<&'a [f32]> {
        self.has_bias.then(|| inputs[self.arguments()].slice())
    }
}

fn rows_of(data: &[f32], heads: usize, head_dim: usize) -> Rows<'_> {
    Rows {
        data,
        token_stride: heads * head_dim,
        head_stride: head_dim,
    }
}

impl Op for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        self.check(inputs)?;
        let shapes: SmallVec<[&Shape; 6]> = inputs.iter().map(|input| &input.shape).collect();
        let sizes = self.sizes(&shapes);
        let tokens = inputs[0].shape[0];
        Ok(smallvec![
            Spec::new(
                [tokens, sizes.heads, sizes.head_dim].into(),
                inputs[0].dtype
            ),
            Spec::new([tokens, sizes.heads].into(), DType::F32),
        ])
    }

    fn keeps(&self) -> Keeps {
        const ALL: [usize; 6] = [0, 1, 2, 3, 4, 5];
        Keeps {
            inputs: &ALL[..self.inputs()],
            outputs: &[0, 1],
        }
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        let shapes: SmallVec<[&Shape; 6]> =
            inputs.iter().map(|input| &input.layout.shape).collect();
        let sizes = self.sizes(&shapes);
        let (result, sums) = outputs.split_at_mut(1);
        let (heads, head_dim) = (sizes.heads, sizes.head_dim);
        attention::forward(
            cpu,
            &self.problem(sizes, self.bias(inputs)),
            self.rows(sizes, inputs),
            RowsMut::new(result[0].slice(), heads * head_dim, head_dim),
            RowsMut::new(sums[0].slice(), heads, 1),
        );
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        shaders::forward(self, gpu, inputs, outputs)
    }

    fn gradient(&self, pass: &Pass) -> Result<Gradients> {
        let op = AttentionGradient {
            forward: self.clone(),
            of_bias: self.has_bias && pass.wants(self.arguments()),
        };
        let mut inputs: SmallVec<[&Tensor; 9]> = SmallVec::new();
        for input in 0..self.inputs() {
            inputs.push(pass.input(input)?);
        }
        inputs.extend([pass.output(0)?, pass.output(1)?, pass.upstream()?]);
        let mut found = apply(op, &inputs)?.into_iter().map(Some);
        let mut gradients: Gradients = found
            .by_ref()
            .take(if self.packed { 1 } else { 3 })
            .collect();
        gradients.resize(self.arguments(), None);
        gradients.extend(found);
        gradients.resize(self.inputs(), None);
        Ok(gradients)
    }
}

impl Op for AttentionGradient {
    fn name(&self) -> &'static str {
        "gradient of attention"
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Specs> {
        let projections = if self.forward.packed { 1 } else { 3 };
        let bias = self.of_bias.then(|| &inputs[self.forward.arguments()]);
        Ok(inputs[..projections].iter().chain(bias).cloned().collect())
    }

    fn has_gradient(&self, _input: usize) -> bool {
        false
    }

    fn cpu(&self, cpu: &Cpu, inputs: &[CpuInput<'_>], outputs: &mut [CpuOutput<'_>]) -> Result<()> {
        let forward = &self.forward;
        let shapes: SmallVec<[&Shape; 9]> =
            inputs.iter().map(|input| &input.layout.shape).collect();
        let sizes = forward.sizes(&shapes);
        let Sizes {
            heads,
            key_heads,
            head_dim,
            ..
        } = sizes;
        let first = forward.inputs();
        let [result, sums, upstream] = [0, 1, 2].map(|place| {
            let head_dim = if place == 1 { 1 } else { head_dim };
            rows_of(inputs[first + place].slice(), heads, head_dim)
        });
        let (projections, of_bias) = outputs.split_at_mut(if forward.packed { 1 } else { 3 });
        let of = match projections {
            [of_q, of_k, of_v] => [
                RowsMut::new(of_q.slice(), heads * head_dim, head_dim),
                RowsMut::new(of_k.slice(), key_heads * head_dim, head_dim),
                RowsMut::new(of_v.slice(), key_heads * head_dim, head_dim),
            ],
            others => RowsMut::beside(others[0].slice(), heads, head_dim),
        };
        let [bias_heads, queries, keys] = sizes.bias;
        let mut of_bias: Option<&mut [f32]> = of_bias.first_mut().map(CpuOutput::slice);
        // A bias that all heads share gets its gradient of each head first.
        let mut of_heads = match of_bias {
            Some(_) if bias_heads != heads => vec![0.0; heads * queries * keys],
            _ => Vec::new(),
        };
        let shared = !of_heads.is_empty();
        if let Some(of_bias) = &mut of_bias {
            of_bias.fill(0.0);
        }
        attention::backward(
            cpu,
            &forward.problem(sizes, forward.bias(inputs)),
            forward.rows(sizes, inputs),
            [result, sums, upstream],
            attention::Gradients {
                of,
                of_bias: match &mut of_bias {
                    Some(_) if shared => Some(&mut of_heads),
                    of_bias => of_bias.as_deref_mut(),
                },
            },
        );
        if let (true, Some(of_bias)) = (shared, of_bias) {
            for of_head in of_heads.chunks_exact(queries * keys) {
                for (sum, of_head) in of_bias.iter_mut().zip(of_head) {
                    *sum += of_head;
                }
            }
        }
        Ok(())
    }

    fn gpu(&self, gpu: &Gpu, inputs: &[GpuInput<'_>], outputs: &[GpuOutput<'_>]) -> Result<()> {
        shaders::backward(self, gpu, inputs, outputs)
    }

    fn gradient(&self, _pass: &Pass) -> Result<Gradients> {
        Ok(Gradients::new())
    }
}

fn run(op: Attention, inputs: &[&Tensor], options: &AttentionOptions) -> Result<Tensor> {
    let mut inputs: SmallVec<[&Tensor; 6]> = SmallVec::from_slice(inputs);
    inputs.extend(&options.bias);
    Ok(apply(op, &inputs)?.swap_remove(0))
}

fn operation(
    shape: &Shape,
    packed: bool,
    offsets: [&Offsets; 2],
    options: &AttentionOptions,
) -> Result<Attention> {
    // Of a shape of another rank, which the op's rule refuses.
    let head_dim = shape.last().copied().unwrap_or(1).max(1);
    let scale = options.scale.unwrap_or(1.0 / (head_dim as f32).sqrt());
    let dropout = match options.dropout {
        None => None,
        Some(AttentionDropout {
            probability: 0.0, ..
        }) => None,
        Some(AttentionDropout { probability, key }) => {
            if !(0.0..=1.0).contains(&probability) {
                return Err(TensorError::Argument {
                    op: "attention",
                    reason: format!(
                        "dropout of {probability} is no probability; it must be from 0 to 1"
                    ),
                });
            }
            Some(Dropout::new(probability, key))
        }
    };
    if !scale.is_finite() {
        return Err(TensorError::Argument {
            op: "attention",
            reason: format!("the scale is {scale}; it must be a finite number"),
        });
    }
    Ok(Attention {
        packed,
        query_offsets: offsets[0].host(),
        key_offsets: offsets[1].host(),
        causal: options.causal,
        scale,
        has_bias: options.bias.is_some(),
        dropout,
    })
}

impl Tensor {
    /// Self-attention of packed texts: this tensor holds queries, keys and values, `[tokens, 3, heads, head_dim]`, and gives
    /// `softmax(scale q k^T + bias) v`, `[tokens, heads, head_dim]`, within each text and head (Vaswani et al. 2017, eq. 1).
    /// Memory is linear in length (Dao et al. 2022, 2023).
    ///
    /// # Errors
    /// [`TensorError::Shape`] for shapes, offsets or a bias that do not fit; [`TensorError::Argument`] for a probability or a scale
    /// that is none; [`TensorError::DType`].
    pub fn attention(&self, offsets: &Offsets, options: &AttentionOptions) -> Result<Self> {
        let op = operation(self.shape(), true, [offsets; 2], options)?;
        run(op, &[self, offsets.tensor()], options)
    }

    /// Attention of these queries, `[query tokens, heads, head_dim]`, to keys and values, `[key tokens, key heads, head_dim]`
    /// each, of as many texts: as [`Tensor::attention`]. The heads of keys divide those of queries, and each serves as many
    /// neighbours (grouped queries, Ainslie et al. 2023). A query that sees no key gets zeros.
    ///
    /// # Errors
    /// As [`Tensor::attention`].
    pub fn attention_to(
        &self,
        [keys, values]: [&Self; 2],
        query_offsets: &Offsets,
        key_offsets: &Offsets,
        options: &AttentionOptions,
    ) -> Result<Self> {
        let op = operation(self.shape(), false, [query_offsets, key_offsets], options)?;
        let offsets = [query_offsets.tensor(), key_offsets.tensor()];
        run(op, &[self, keys, values, offsets[0], offsets[1]], options)
    }
}
