//! [`Packed`]: texts of different lengths, one after the other, without padding.

use tensor::{Device, Offsets, Result, Tensor};

/// The tokens of several texts, one text after the other, as models take them.
#[derive(Clone, Debug)]
pub struct Packed {
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
            largest_id: ids.into_iter().max().unwrap_or(0),
            largest_type: 0,
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
