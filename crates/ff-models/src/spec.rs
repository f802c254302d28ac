//! What to build: architecture, outputs, image size, precision.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::architecture::Architecture;
use crate::error::Error;

/// Type that convolutions, linear layers and attention compute in. Weights, normalisation and logits are fp32 always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floats.
    Fp32,
    /// bfloat16 with fp32 master weights: weights and activations are cast where they meet, as PyTorch's autocast does.
    Bf16,
}

impl Precision {
    /// Whether it is slow where it is to be computed: bf16 on a processor without instructions for it takes some ten times as
    /// long as fp32.
    pub fn is_slow_on(self, device: tch::Device) -> bool {
        self == Self::Bf16 && device == tch::Device::Cpu && !has_bf16()
    }

    /// tch's name for the compute type.
    pub(crate) fn kind(self) -> tch::Kind {
        match self {
            Self::Fp32 => tch::Kind::Float,
            Self::Bf16 => tch::Kind::BFloat16,
        }
    }
}

/// Whether the processor multiplies bf16 numbers itself.
fn has_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx512bf16");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("bf16");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fp32 => "fp32",
            Self::Bf16 => "bf16",
        })
    }
}

impl FromStr for Precision {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "fp32" => Ok(Self::Fp32),
            "bf16" => Ok(Self::Bf16),
            _ => Err(Error::Unknown {
                what: "precision",
                found: text.to_owned(),
                expected: "fp32, bf16".to_owned(),
            }),
        }
    }
}

/// A model to build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Which backbone.
    pub architecture: Architecture,
    /// Number of logits, at least 1.
    pub outputs: usize,
    /// Side of the images in pixels. DeiT's position embedding is made for it, so every batch must have it: a multiple
    /// of the patch (16; 4 for pico). ResNet and VGG take any size from 32 px (VGG-pico from 8, ResNet from 1).
    #[serde(rename = "px", alias = "image_size")]
    pub image_size: u32,
    /// Compute type.
    pub precision: Precision,
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
        assert!("fp16".parse::<Precision>().is_err());
    }
}
