//! [`FileType`]: types of elements as files name them.

use tensor::DType;

/// The type of a stored tensor's elements, of which files know more than tensors do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileType {
    /// One that tensors have.
    Tensor(DType),
    /// Double precision.
    F64,
    /// Integers of 64 bits.
    I64,
    /// One of the others, by its name.
    Other(String),
}

impl FileType {
    /// Of a name in a header.
    pub fn named(name: &str) -> Self {
        match name {
            "F32" => Self::Tensor(DType::F32),
            "F16" => Self::Tensor(DType::F16),
            "BF16" => Self::Tensor(DType::BF16),
            "U32" => Self::Tensor(DType::U32),
            "I32" => Self::Tensor(DType::I32),
            "BOOL" => Self::Tensor(DType::Bool),
            "F64" => Self::F64,
            "I64" => Self::I64,
            other => Self::Other(other.to_owned()),
        }
    }

    /// As headers name it.
    pub fn name(&self) -> &str {
        match self {
            Self::Tensor(DType::F32) => "F32",
            Self::Tensor(DType::F16) => "F16",
            Self::Tensor(DType::BF16) => "BF16",
            Self::Tensor(DType::U32) => "U32",
            Self::Tensor(DType::I32) => "I32",
            Self::Tensor(DType::Bool) => "BOOL",
            Self::F64 => "F64",
            Self::I64 => "I64",
            Self::Other(name) => name,
        }
    }

    /// Bytes of an element in a file; `None` for types that this reader does not know.
    pub fn size(&self) -> Option<usize> {
        match self {
            Self::Tensor(DType::Bool) => Some(1),
            Self::Tensor(dtype) => Some(dtype.size()),
            Self::F64 | Self::I64 => Some(8),
            Self::Other(name) => match name.as_str() {
                "U8" | "I8" | "F8_E4M3" | "F8_E5M2" | "F8_E8M0" => Some(1),
                "U16" | "I16" => Some(2),
                "U64" | "C64" => Some(8),
                _ => None,
            },
        }
    }
}
