//! [`Offsets`]: where texts that are packed one after the other begin and end.

use std::fmt;
use std::sync::Arc;

use tensor::{Device, Result, Tensor, TensorError, RandomKey};

/// The places of packed texts: `[0, n0, n0 + n1, …]`, on the device and for the host. Cheap to clone.
#[derive(Clone)]
pub struct Offsets {
    host: Arc<[u32]>,
    tensor: Tensor,
}

impl Offsets {
    /// Of texts of these lengths, in tokens.
    ///
    /// # Errors
    /// [`TensorError::Shape`] for more than 2^32 tokens; [`TensorError::OutOfMemory`].
    pub fn of_lengths(lengths: &[usize], device: &Device) -> Result<Self> {
        let mut end = 0_usize;
        let mut offsets = vec![0];
        for length in lengths {
            end = end.saturating_add(*length);
            offsets.push(u32::try_from(end).map_err(|_| faulty("there are more than 2^32 tokens"))?);
        }
        Self::new(offsets, device)
    }

    /// From cumulative lengths: 0 first, then the end of each text.
    ///
    /// # Errors
    /// [`TensorError::Shape`] if they do not begin with 0, or ever decrease; [`TensorError::OutOfMemory`].
    pub fn new(cumulative: impl Into<Arc<[u32]>>, device: &Device) -> Result<Self> {
        let host = cumulative.into();
        if host.first() != Some(&0) {
            return Err(faulty("the first text must begin at 0"));
        }
        if let Some(text) = host.windows(2).position(|pair| pair[0] > pair[1]) {
            let reason = format!("text {text} ends at {} before it begins at {}", host[text + 1], host[text]);
            return Err(faulty(&reason));
        }
        let tensor = Tensor::new(&host, host.len(), device)?;
        Ok(Self { host, tensor })
    }

    /// The cumulative lengths.
    pub fn as_slice(&self) -> &[u32] {
        &self.host
    }

    /// The same as a tensor, `[texts + 1]` of u32.
    pub fn tensor(&self) -> &Tensor {
        &self.tensor
    }

    /// The number of texts.
    pub fn texts(&self) -> usize {
        self.host.len() - 1
    }

    /// The number of tokens of all texts.
    pub fn tokens(&self) -> usize {
        self.host.last().map_or(0, |&end| end as usize)
    }

    /// The tokens of each text.
    pub fn lengths(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.host.windows(2).map(|pair| (pair[1] - pair[0]) as usize)
    }

    /// The tokens of the longest text.
    pub fn longest(&self) -> usize {
        self.lengths().max().unwrap_or(0)
    }

    pub(crate) fn host(&self) -> Arc<[u32]> {
        Arc::clone(&self.host)
    }
}

fn faulty(reason: &str) -> TensorError {
    TensorError::Shape {
        op: "offsets",
        reason: reason.to_owned(),
        shapes: Vec::new(),
    }
}

impl fmt::Debug for Offsets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Offsets({:?})", self.host)
    }
}


#[derive(Clone, Debug, Default)]
pub struct AttentionOptions {
    pub dropout: Option<(f32, RandomKey)>,
}

pub trait Attention {
    fn attention(&self, offsets: &Offsets, options: &AttentionOptions) -> Result<Tensor>;
}

impl Attention for Tensor {
    fn attention(&self, offsets: &Offsets, options: &AttentionOptions) -> Result<Tensor> {
        let scale = 1.0 / (self.shape()[3] as f32).sqrt();
        let mut all = Vec::new();
        for (text, (start, length)) in offsets.as_slice().iter().zip(offsets.lengths()).enumerate() {
            let part = |place: usize| self.narrow(0, *start as usize, length)?.narrow(1, place, 1)?.squeeze(1)?.permute(&[1, 0, 2]);
            let mut weights = part(0)?.matmul(&part(1)?.transpose(1, 2)?)?.affine(scale, 0.0)?.softmax(2)?;
            if let Some((p, key)) = options.dropout {
                weights = weights.dropout(p, key.fold(text as u64))?;
            }
            all.push(weights.matmul(&part(2)?)?.permute(&[1, 0, 2])?);
        }
        Tensor::concat(&all.iter().collect::<Vec<_>>(), 0)
    }
}
