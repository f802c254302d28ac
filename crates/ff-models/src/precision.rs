//! The type that a model computes in.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, VariantNames};

use crate::error::Error;

/// Number type that convolutions, linear layers and attention compute in. Weights, normalisation
/// layers and logits are always fp32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Display, EnumString, VariantNames)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase", parse_err_ty = Error, parse_err_fn = unknown)]
pub enum Precision {
    /// 32-bit floats.
    Fp32,
    /// bfloat16 with fp32 weights: weights and activations are cast for each operation, as under
    /// PyTorch's autocast.
    Bf16,
}

fn unknown(name: &str) -> Error {
    Error::unknown("precision", name, Precision::VARIANTS.iter().copied())
}

impl Precision {
    /// Returns whether the precision is slow on a device: bf16 on a processor without bf16
    /// instructions takes about ten times as long as fp32.
    pub fn is_slow_on(self, device: tch::Device) -> bool {
        self == Self::Bf16 && device == tch::Device::Cpu && !has_bf16()
    }

    /// Returns tch's name for the compute type.
    pub(crate) fn kind(self) -> tch::Kind {
        match self {
            Self::Fp32 => tch::Kind::Float,
            Self::Bf16 => tch::Kind::BFloat16,
        }
    }
}

/// Returns whether the processor has bf16 instructions.
fn has_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx512bf16");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("bf16");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_reads_back() {
        for precision in [Precision::Fp32, Precision::Bf16] {
            assert_eq!(precision.to_string().parse::<Precision>().unwrap(), precision);
            assert_eq!(serde_json::to_string(&precision).unwrap(), format!("\"{precision}\""));
        }
        let error = "fp16".parse::<Precision>().unwrap_err().to_string();
        assert_eq!(error, "unknown precision `fp16`: expected one of fp32, bf16");
    }
}
