//! [`Packed`]: texts of different lengths, one after the other, without padding.

use std::sync::Arc;

use tensor::{Device, Offsets, Result, Tensor};

use crate::NnError;

/// The tokens of several texts, one text after the other, as models take them.
#[derive(Clone, Debug)]
pub struct Packed {
    ids: Arc<[u32]>,
    token_ids: Tensor,
    token_types: Option<Tensor>,
    positions: Tensor,
    offsets: Offsets,
    largest_id: u32,
    largest_type: u32,
}

impl Packed {
    /// The token ids of each text.
    ///
    /// # Errors
    /// [`tensor::TensorError::OutOfMemory`]; [`tensor::TensorError::Shape`] for more than 2^32 tokens.
    pub fn new<T: AsRef<[u32]>>(texts: &[T], device: &Device) -> Result<Self> {
        let lengths: Vec<usize> = texts.iter().map(|text| text.as_ref().len()).collect();
        let ids: Vec<u32> = texts.iter().flat_map(AsRef::as_ref).copied().collect();
        let positions: Vec<u32> = lengths
            .iter()
            .flat_map(|&length| 0..length as u32)
            .collect();
        Ok(Self {
            token_ids: Tensor::new(&ids, [ids.len()], device)?,
            token_types: None,
            positions: Tensor::new(&positions, [positions.len()], device)?,
            offsets: Offsets::of_lengths(&lengths, device)?,
            largest_id: ids.iter().copied().max().unwrap_or(0),
            largest_type: 0,
            ids: ids.into(),
        })
    }

    /// The same with a type for every token, such as 0 in the first and 1 in the second sentence of a pair.
    ///
    /// # Errors
    /// [`tensor::TensorError::Shape`] unless there are as many types as tokens.
    pub fn with_token_types(self, types: &[u32]) -> Result<Self> {
        let tensor = Tensor::new(types, [self.tokens()], self.token_ids.device())?;
        Ok(Self {
            token_types: Some(tensor),
            largest_type: types.iter().copied().max().unwrap_or(0),
            ..self
        })
    }

    /// The same where text `i` goes on behind `starts[i]` tokens that were read before: see [`Cache`](crate::Cache).
    ///
    /// # Errors
    /// [`tensor::TensorError::Shape`] unless there are as many starts as texts.
    pub fn behind(self, starts: &[usize]) -> Result<Self> {
        if starts.len() != self.texts() {
            return Err(tensor::TensorError::Shape {
                op: "packed texts",
                reason: format!("{} starts for {} texts", starts.len(), self.texts()),
                shapes: Vec::new(),
            });
        }
        let lengths = self.offsets.lengths();
        let positions: Vec<u32> = starts
            .iter()
            .zip(lengths)
            .flat_map(|(&start, length)| start as u32..(start + length) as u32)
            .collect();
        let device = self.token_ids.device();
        Ok(Self {
            positions: Tensor::new(&positions, [positions.len()], device)?,
            ..self
        })
    }

    /// The token ids of all texts, for the host.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// The token ids of each text, for the host.
    pub fn ids_by_text(&self) -> impl Iterator<Item = &[u32]> {
        let ends = self.offsets.as_slice().windows(2);
        ends.map(|pair| &self.ids[pair[0] as usize..pair[1] as usize])
    }

    /// The device that the texts lie on.
    pub fn device(&self) -> &Device {
        self.token_ids.device()
    }

    /// The token ids of all texts, `[tokens]`.
    pub fn token_ids(&self) -> &Tensor {
        &self.token_ids
    }

    /// The type of each token, `[tokens]`; without, all are of type 0.
    pub fn token_types(&self) -> Option<&Tensor> {
        self.token_types.as_ref()
    }

    /// The place of each token in its text, `[tokens]`.
    pub fn positions(&self) -> &Tensor {
        &self.positions
    }

    /// Where texts begin and end.
    pub fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    /// How many tokens there are in all.
    pub fn tokens(&self) -> usize {
        self.offsets.tokens()
    }

    /// How many texts there are.
    pub fn texts(&self) -> usize {
        self.offsets.texts()
    }

    /// The largest token id.
    pub fn largest_id(&self) -> u32 {
        self.largest_id
    }

    /// The largest type of a token.
    pub fn largest_type(&self) -> u32 {
        self.largest_type
    }
}

impl Packed {
    /// The tokens that another follows in its text, `[places]`, and those that follow.
    pub(crate) fn next_tokens(&self, model: &'static str) -> crate::Result<(Tensor, Tensor)> {
        let texts = self.offsets.as_slice().windows(2);
        let places: Vec<u32> = texts
            .flat_map(|text| text[0]..text[1].saturating_sub(1).max(text[0]))
            .collect();
        if places.is_empty() {
            return Err(NnError::Input {
                model,
                reason: "no text has a second token, which could be told from the first".to_owned(),
            });
        }
        let targets: Vec<u32> = places
            .iter()
            .map(|&place| self.ids[place as usize + 1])
            .collect();
        let tensor = |values: &[u32]| Tensor::new(values, [values.len()], self.device());
        Ok((tensor(&places)?, tensor(&targets)?))
    }

    /// Fails for tokens that a model has no vector for, and for texts that are too long, of which `starts` were read before.
    pub(crate) fn check_for(
        &self,
        model: &'static str,
        vocabulary: usize,
        longest: usize,
        starts: &[usize],
    ) -> crate::Result<()> {
        let refused = |reason| Err(NnError::Input { model, reason });
        if self.largest_id() as usize >= vocabulary {
            return refused(format!(
                "has no token {}: its vocabulary has {vocabulary}; use the tokenizer of this model",
                self.largest_id()
            ));
        }
        let starts = starts.iter().copied().chain(std::iter::repeat(0));
        let lengths = self.offsets().lengths().zip(starts);
        match lengths
            .map(|(length, start)| length + start)
            .position(|length| length > longest)
        {
            Some(text) => refused(format!(
                "takes texts of {longest} tokens at most, and text {text} is longer; truncate it, or write less behind it"
            )),
            None => Ok(()),
        }
    }
}
