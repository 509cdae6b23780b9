//! [`Cache`]: keys and values of tokens that were read, so that they are computed once.

use tensor::{Device, Offsets, Result, Tensor, TensorError};

/// What a decoder remembers of texts that it reads bit by bit: keys and values of each layer and token. Each row is a text, or
/// one of several ways in which a text goes on. With every reading, rows go on from rows of before, any number from one, so that
/// the same call extends texts, drops some, and copies others.
///
/// In an encoder-decoder, each row belongs to a source text, whose keys and values all of its rows share.
#[derive(Clone, Debug)]
pub struct Cache {
    layers: Vec<Option<[Tensor; 2]>>,
    lengths: Vec<usize>,
    sources: Option<Sources>,
    device: Device,
}

/// Source texts in an encoder-decoder.
#[derive(Clone, Debug)]
struct Sources {
    /// Keys and values of each layer, `[tokens, heads, head_dim]`.
    layers: Vec<[Tensor; 2]>,
    offsets: Offsets,
    /// The source of each row, which never decreases.
    of_rows: Vec<usize>,
}

/// How a cache grows in one reading.
#[derive(Clone, Debug)]
pub(crate) struct Growth {
    /// Where, in the tokens of before followed by the new ones, each token of the rows comes from; none if nothing was read
    /// before.
    order: Option<Tensor>,
    /// Where rows begin and end then.
    offsets: Offsets,
    /// Where the new tokens of each source's rows begin and end.
    by_source: Option<Offsets>,
    /// How many tokens each row had before.
    starts: Vec<usize>,
}

impl Growth {
    pub fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    pub fn starts(&self) -> &[usize] {
        &self.starts
    }
}

impl Cache {
    /// Of `rows` texts of which nothing was read, for a model of `layers` layers.
    pub fn new(layers: usize, rows: usize, device: &Device) -> Self {
        Self {
            layers: vec![None; layers],
            lengths: vec![0; rows],
            sources: None,
            device: device.clone(),
        }
    }

    /// The same with a row for each source text, and keys and values of the sources for each layer.
    pub(crate) fn with_sources(layers: Vec<[Tensor; 2]>, offsets: &Offsets) -> Self {
        let texts = offsets.texts();
        Self {
            sources: Some(Sources {
                of_rows: (0..texts).collect(),
                offsets: offsets.clone(),
                layers: layers.clone(),
            }),
            ..Self::new(layers.len(), texts, offsets.tensor().device())
        }
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.lengths.len()
    }

    /// How many tokens of each row were read.
    pub fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    /// The device that it lies on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Makes place for new tokens of rows, of which each goes on from row `parents[row]` of before.
    pub(crate) fn grow(&mut self, parents: &[u32], tokens: &Offsets) -> Result<Growth> {
        let misfit = |reason: &str| {
            Err(TensorError::Shape {
                op: "cache",
                reason: reason.to_owned(),
                shapes: Vec::new(),
            })
        };
        if parents.len() != tokens.texts() {
            return misfit("takes a parent for each row that goes on");
        }
        if parents.iter().any(|&parent| parent as usize >= self.rows()) {
            return misfit("a row goes on from a row that is not there");
        }
        let starts: Vec<usize> = parents
            .iter()
            .map(|&parent| self.lengths[parent as usize])
            .collect();
        let lengths: Vec<usize> = starts
            .iter()
            .zip(tokens.lengths())
            .map(|(start, length)| start + length)
            .collect();
        let device = &self.device;
        let offsets = Offsets::of_lengths(&lengths, device)?;
        let read: usize = self.lengths.iter().sum();
        let order = match read {
            0 => None,
            _ => {
                let mut ends = vec![0];
                for length in &self.lengths {
                    ends.push(ends.last().copied().unwrap_or(0) + length);
                }
                let rows = parents.iter().zip(tokens.as_slice().windows(2));
                let order: Vec<u32> = rows
                    .flat_map(|(&parent, new)| {
                        let parent = parent as usize;
                        let new = read + new[0] as usize..read + new[1] as usize;
                        (ends[parent]..ends[parent + 1]).chain(new)
                    })
                    .map(|place| place as u32)
                    .collect();
                Some(Tensor::new(&order, [order.len()], device)?)
            }
        };
        let by_source = match &mut self.sources {
            None => None,
            Some(sources) => {
                let of_rows: Vec<usize> = parents
                    .iter()
                    .map(|&parent| sources.of_rows[parent as usize])
                    .collect();
                if !of_rows.is_sorted() {
                    return misfit("rows must stay in the order of their source texts");
                }
                let mut counts = vec![0; sources.offsets.texts()];
                for (&source, length) in of_rows.iter().zip(tokens.lengths()) {
                    counts[source] += length;
                }
                sources.of_rows = of_rows;
                Some(Offsets::of_lengths(&counts, device)?)
            }
        };
        self.lengths = lengths;
        Ok(Growth {
            order,
            offsets,
            by_source,
            starts,
        })
    }

    /// Keys and values of all rows' tokens in a layer, from those of the new tokens, `[tokens, heads, head_dim]` each.
    pub(crate) fn extend(
        &mut self,
        layer: usize,
        growth: &Growth,
        new: [Tensor; 2],
    ) -> Result<&[Tensor; 2]> {
        let held = &mut self.layers[layer];
        let all = match (&growth.order, held.take()) {
            (Some(order), Some([keys, values])) => {
                let grown = |old: &Tensor, new: &Tensor| {
                    Tensor::concat(&[old, new], 0)?.index_select(0, order)
                };
                [grown(&keys, &new[0])?, grown(&values, &new[1])?]
            }
            _ => [new[0].contiguous()?, new[1].contiguous()?],
        };
        Ok(held.insert(all))
    }

    /// Keys and values of the source texts in a layer, where the rows' new tokens begin and end by source, and where the
    /// sources do.
    pub(crate) fn source<'a>(
        &'a self,
        layer: usize,
        growth: &'a Growth,
    ) -> Result<(&'a [Tensor; 2], [&'a Offsets; 2])> {
        match (&self.sources, &growth.by_source) {
            (Some(sources), Some(by_source)) => {
                Ok((&sources.layers[layer], [by_source, &sources.offsets]))
            }
            _ => Err(TensorError::Shape {
                op: "cache",
                reason: "has no sources; begin with the cache that the model gives".to_owned(),
                shapes: Vec::new(),
            }),
        }
    }
}
