//! [`Offsets`]: where texts that are packed one after the other begin and end.

use std::fmt;
use std::sync::Arc;

use crate::{Device, Result, Tensor, TensorError};

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
            offsets
                .push(u32::try_from(end).map_err(|_| faulty("there are more than 2^32 tokens"))?);
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
            let reason = format!(
                "text {text} ends at {} before it begins at {}",
                host[text + 1],
                host[text]
            );
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
        self.host
            .windows(2)
            .map(|pair| (pair[1] - pair[0]) as usize)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_lie_one_after_the_other() {
        let offsets = Offsets::of_lengths(&[3, 0, 5], &Device::cpu()).unwrap();
        assert_eq!(offsets.as_slice(), [0, 3, 3, 8]);
        assert_eq!(
            (offsets.texts(), offsets.tokens(), offsets.longest()),
            (3, 8, 5)
        );
        assert_eq!(offsets.tensor().to_vec::<u32>().unwrap(), [0, 3, 3, 8]);
    }

    #[test]
    fn offsets_that_decrease_or_begin_elsewhere_are_refused() {
        let refused = |offsets: &[u32]| {
            Offsets::new(offsets, &Device::cpu())
                .unwrap_err()
                .to_string()
        };
        assert!(refused(&[0, 4, 2]).contains("text 1 ends at 2 before it begins at 4"));
        assert!(refused(&[1, 4]).contains("begin at 0"));
        assert!(refused(&[]).contains("begin at 0"));
    }
}
