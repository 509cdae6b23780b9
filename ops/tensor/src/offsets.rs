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

impl Tensor {
    /// The sum of the rows of each text, `[tokens, ..] -> [texts, ..]`, in their order; zeros for a text without tokens.
    ///
    /// # Errors
    /// [`TensorError::Shape`] if there are more or fewer rows than tokens.
    pub fn sum_by_text(&self, offsets: &Offsets) -> Result<Self> {
        if self.shape().first() != Some(&offsets.tokens()) {
            return Err(TensorError::Shape {
                op: "sum_by_text",
                reason: format!("takes a row for each of {} tokens", offsets.tokens()),
                shapes: vec![self.shape().clone()],
            });
        }
        let texts = (0..).zip(offsets.lengths());
        let text_of: Vec<u32> = texts
            .flat_map(|(text, length)| std::iter::repeat_n(text, length))
            .collect();
        let text_of = Self::new(&text_of, [text_of.len()], self.device())?;
        self.sum_by_index(0, &text_of, offsets.texts())
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
    fn rows_are_summed_within_texts_and_share_the_gradient() -> Result<()> {
        let devices = std::iter::once(Device::cpu()).chain(crate::conformance::gpu());
        for device in devices {
            let x: Vec<f32> = (0..8).map(|x| x as f32).collect();
            let x = Tensor::new(&x, [4, 2], &device)?.requires_grad()?;
            let offsets = Offsets::of_lengths(&[3, 0, 1], &device)?;
            let sums = x.sum_by_text(&offsets)?;
            assert_eq!(sums.to_f32_vec()?, [6.0, 9.0, 0.0, 0.0, 6.0, 7.0]);
            let upstream = Tensor::new(&[1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0], [3, 2], &device)?;
            let gradient = sums
                .backward_from(&upstream)?
                .get(&x)
                .map(Tensor::to_f32_vec)
                .transpose()?;
            assert_eq!(gradient, Some(vec![1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 5.0, 6.0]));
            assert!(x.narrow(0, 0, 3)?.sum_by_text(&offsets).is_err());
        }
        Ok(())
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
