use super::*;
use crate::conformance::{Array, Case, Input, numbers};

/// `softmax(scale q k^T + bias) v` of each text and head, term by term.
pub(super) fn reference(
    [q, k, v]: [&Array; 3],
    bias: Option<&Array>,
    lengths: &[(usize, usize)],
    causal: bool,
    scale: f64,
    dropout: Option<AttentionDropout>,
) -> Array {
    let (heads, head_dim) = (q.shape[1], q.shape[2]);
    let group = heads / k.shape[1];
    let mut result = Array::from_fn(&q.shape, |_| 0.0);
    let (mut first_query, mut first_key) = (0, 0);
    for &(queries, keys) in lengths {
        let of_key =
            |key: usize, head: usize| ((first_key + key) * k.shape[1] + head / group) * head_dim;
        for query in 0..queries {
            for head in 0..heads {
                let seen = |key: &usize| !causal || key + queries <= query + keys;
                let scores: Vec<f64> = (0..keys)
                    .filter(seen)
                    .map(|key| {
                        let products = (0..head_dim).map(|at| {
                            q.data[((first_query + query) * heads + head) * head_dim + at]
                                * k.data[of_key(key, head) + at]
                        });
                        let bias = bias.map_or(0.0, |bias| bias.at(&[head, query, key]));
                        products.sum::<f64>() * scale + bias
                    })
                    .collect();
                let kept = |key: usize| match dropout {
                    Some(AttentionDropout {
                        probability,
                        key: random,
                    }) => {
                        let row = (first_query + query) * heads + head;
                        let word = random.word((row as u64) << 34 | key as u64);
                        let dropped = f64::from(word) < f64::from(probability) * 2.0_f64.powi(32);
                        if dropped {
                            0.0
                        } else {
                            1.0 / (1.0 - f64::from(probability))
                        }
                    }
                    None => 1.0,
                };
                let sum: f64 = scores.iter().map(|score| score.exp()).sum();
                for at in 0..head_dim {
                    let values = scores.iter().enumerate().map(|(key, score)| {
                        kept(key) * score.exp() / sum * v.data[of_key(key, head) + at]
                    });
                    let place = ((first_query + query) * heads + head) * head_dim + at;
                    result.data[place] = values.sum();
                }
            }
        }
        first_query += queries;
        first_key += keys;
    }
    result
}

/// One of queries, keys and values.
fn part(qkv: &Array, part: usize) -> Array {
    let shape = [qkv.shape[0], qkv.shape[2], qkv.shape[3]];
    Array::from_fn(shape, |at| qkv.at(&[at[0], part, at[1], at[2]]))
}

struct Shapes {
    lengths: &'static [usize],
    heads: usize,
    head_dim: usize,
    causal: bool,
    bias: Option<[usize; 3]>,
    dropout: Option<AttentionDropout>,
}

fn packed(shapes: Shapes, has_gradient: bool) -> Case {
    let Shapes {
        lengths,
        heads,
        head_dim,
        causal,
        bias,
        dropout,
    } = shapes;
    let tokens: usize = lengths.iter().sum();
    let mut inputs = vec![numbers([tokens, 3, heads, head_dim])];
    inputs.extend(bias.map(numbers));
    if !has_gradient {
        inputs = inputs.into_iter().map(Input::without_gradient).collect();
    }
    let pairs: Vec<_> = lengths.iter().map(|&length| (length, length)).collect();
    let case = Case::new(
        format!("attention of {lengths:?}, {heads} heads of {head_dim}, causal {causal}, bias {bias:?}, {dropout:?}"),
        inputs,
        move |x| {
            let options = AttentionOptions {
                causal,
                bias: x.get(1).cloned(),
                dropout,
                ..AttentionOptions::default()
            };
            x[0].attention(&Offsets::of_lengths(lengths, x[0].device())?, &options)
        },
        move |x| {
            let [q, k, v] = [0, 1, 2].map(|place| part(&x[0], place));
            let scale = 1.0 / (head_dim as f64).sqrt();
            reference([&q, &k, &v], x.get(1), &pairs, causal, scale, dropout)
        },
    )
    .tolerance(5e-6);
    // Halves differ in what they round, which small shapes show as well.
    if has_gradient {
        case
    } else {
        case.not_in_half()
    }
}

fn across(
    lengths: &'static [(usize, usize)],
    heads: [usize; 2],
    head_dim: usize,
    options: (bool, f32),
) -> Case {
    let (causal, scale) = options;
    let queries: usize = lengths.iter().map(|pair| pair.0).sum();
    let keys: usize = lengths.iter().map(|pair| pair.1).sum();
    let inputs = [
        numbers([queries, heads[0], head_dim]),
        numbers([keys, heads[1], head_dim]),
        numbers([keys, heads[1], head_dim]),
    ];
    Case::new(
        format!("attention of {lengths:?}, {heads:?} heads of {head_dim}, causal {causal}"),
        inputs,
        move |x| {
            let (queries, keys): (Vec<usize>, Vec<usize>) = lengths.iter().copied().unzip();
            let options = AttentionOptions {
                causal,
                scale: Some(scale),
                ..AttentionOptions::default()
            };
            let device = x[0].device();
            let offsets = [
                Offsets::of_lengths(&queries, device)?,
                Offsets::of_lengths(&keys, device)?,
            ];
            x[0].attention_to([&x[1], &x[2]], &offsets[0], &offsets[1], &options)
        },
        move |x| {
            reference(
                [&x[0], &x[1], &x[2]],
                None,
                lengths,
                causal,
                scale.into(),
                None,
            )
        },
    )
    .tolerance(5e-6)
}

pub(crate) fn cases() -> Vec<Case> {
    let shapes = |lengths: &'static [usize], heads: usize, head_dim: usize| Shapes {
        lengths,
        heads,
        head_dim,
        causal: false,
        bias: None,
        dropout: None,
    };
    let causal = |shapes: Shapes| Shapes {
        causal: true,
        ..shapes
    };
    let biased = |shapes: Shapes, bias: [usize; 3]| Shapes {
        bias: Some(bias),
        ..shapes
    };
    let dropped = |shapes: Shapes, probability: f32| Shapes {
        dropout: Some(AttentionDropout {
            probability,
            key: RandomKey {
                seed: 0xfeed_0000_0000_0001,
                counter: 0x1_0000_0003,
            },
        }),
        ..shapes
    };
    vec![
        packed(shapes(&[3, 1, 5], 2, 4), true),
        packed(shapes(&[1], 1, 1), true),
        packed(shapes(&[2, 0, 3], 1, 3), true),
        packed(shapes(&[], 2, 3), true),
        packed(causal(shapes(&[4, 2], 1, 5)), true),
        // More keys than a block of the backward pass.
        packed(shapes(&[130, 3], 1, 1), true),
        packed(causal(shapes(&[130], 1, 1)), true),
        packed(biased(shapes(&[3, 2], 2, 3), [2, 3, 3]), true),
        packed(causal(biased(shapes(&[3, 4], 2, 3), [1, 5, 6])), true),
        packed(dropped(shapes(&[3, 4], 2, 3), 0.3), true),
        packed(dropped(causal(shapes(&[131], 1, 1)), 0.5), true),
        packed(dropped(shapes(&[2], 1, 2), 1.0), true),
        packed(dropped(shapes(&[520], 1, 8), 0.1), false),
        // More than a block of the forward pass; and heads of common sizes.
        packed(shapes(&[520, 33], 1, 20), false),
        packed(causal(shapes(&[514], 1, 33)), false),
        packed(biased(shapes(&[40, 17], 2, 32), [1, 40, 40]), false),
        packed(causal(shapes(&[50, 65, 6], 2, 64)), false),
        packed(shapes(&[20, 9], 1, 128), false),
        packed(shapes(&[5], 2, 300), false),
        across(&[(2, 4), (3, 2)], [2, 2], 3, (false, 0.3)),
        // Queries that see no key, in a text and in a whole text.
        across(&[(3, 1), (2, 4), (2, 0), (0, 2)], [4, 2], 3, (true, -0.8)),
        across(&[(1, 150)], [2, 1], 2, (true, 0.7)),
    ]
}
