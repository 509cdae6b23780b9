//! What a trained model computes in.

use nn::Forward;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tensor::cpu::gemm::Precision;
use tensor::{DType, Device};

/// What a model computes in that only reads. It belongs to the key: in half precision, scores and vectors differ in the third digit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InferencePrecision {
    /// Half precision where the processor multiplies in it at twice the rate, as AMD's since Zen 4 and Intel's with AVX-512 FP16 do;
    /// else as "f32".
    Auto,
    /// Single precision: the same results everywhere, but for the last digits.
    #[default]
    F32,
    /// Half precision everywhere, even where it is slower.
    Half,
}

impl InferencePrecision {
    /// Whether it is what a file means that does not say. It is then left out of keys, which are those of before there was a choice.
    pub fn is_default(&self) -> bool {
        *self == InferencePrecision::default()
    }

    /// How a model on `device` is to compute.
    pub fn forward(self, device: &Device) -> Forward {
        let is_fast = matches!(device, Device::Cpu(_)) && Precision::best() != Precision::F32;
        match self {
            InferencePrecision::Auto if is_fast => Forward::inference().with_half_products(),
            InferencePrecision::Auto | InferencePrecision::F32 => Forward::inference(),
            InferencePrecision::Half if is_fast => Forward::inference().with_half_products(),
            InferencePrecision::Half => Forward::inference().in_precision(DType::F16),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_precision_is_what_files_mean_that_say_nothing() {
        let device = Device::cpu();
        assert!(InferencePrecision::default().is_default());
        assert!(!InferencePrecision::Auto.is_default());
        let forward = InferencePrecision::F32.forward(&device);
        assert_eq!(forward.precision(), DType::F32);
    }
}
