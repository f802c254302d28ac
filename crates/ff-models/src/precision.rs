//! The type that a model computes in.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use ff_torch_sys::set_tf32;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, VariantNames};

use crate::error::Error;

/// Number type that convolutions, linear layers and attention compute in. Weights and normalisation
/// layers are always fp32, as are logits but for `tf32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Display, EnumString, VariantNames)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase", parse_err_ty = Error, parse_err_fn = unknown)]
pub enum Precision {
    /// 32-bit floats, on a GPU too.
    Fp32,
    /// 32-bit floats, of which a GPU rounds the factors of convolutions and products to 10 bits of
    /// mantissa (TF32); several times faster there. Attention stays fp32. PyTorch's own default is TF32 for convolutions
    /// and fp32 for products. The CPU computes in fp32.
    Tf32,
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
            Self::Fp32 | Self::Tf32 => tch::Kind::Float,
            Self::Bf16 => tch::Kind::BFloat16,
        }
    }
}

/// Keeps the process's TF32 switch as a model on a GPU needs it.
#[derive(Debug)]
pub(crate) struct Hold(#[expect(dead_code, reason = "it counts the models")] Arc<()>);

/// The switch, and whether a model holds it.
static SWITCH: Mutex<(bool, Weak<()>)> = Mutex::new((false, Weak::new()));

impl Precision {
    /// Sets the process's TF32 switch for a model on a GPU, until the value is dropped.
    ///
    /// # Errors
    /// [`Error::Tf32`] if a model needs the other setting.
    pub(crate) fn hold(self) -> Result<Hold, Error> {
        let mut switch = SWITCH.lock().unwrap_or_else(PoisonError::into_inner);
        let on = self == Self::Tf32;
        if let Some(held) = switch.1.upgrade() {
            let others = if on { "fp32 or bf16" } else { "tf32" };
            let refused = || Error::Tf32 { precision: self.to_string(), others };
            return (switch.0 == on).then_some(Hold(held)).ok_or_else(refused);
        }
        set_tf32(on);
        let held = Arc::new(());
        *switch = (on, Arc::downgrade(&held));
        Ok(Hold(held))
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
        for precision in [Precision::Fp32, Precision::Tf32, Precision::Bf16] {
            assert_eq!(precision.to_string().parse::<Precision>().unwrap(), precision);
            assert_eq!(serde_json::to_string(&precision).unwrap(), format!("\"{precision}\""));
        }
        let error = "fp16".parse::<Precision>().unwrap_err().to_string();
        assert_eq!(error, "unknown precision `fp16`: expected one of fp32, tf32, bf16");
    }

    #[test]
    fn models_on_a_gpu_agree_on_tf32() {
        let (first, second) = (Precision::Tf32.hold().unwrap(), Precision::Tf32.hold().unwrap());
        assert!(ff_torch_sys::tf32());
        drop(first);
        let error = Precision::Bf16.hold().unwrap_err().to_string();
        assert!(error.starts_with("precision bf16: a model of this process computes in tf32"), "{error}");
        drop(second);
        let _third = Precision::Fp32.hold().unwrap();
        assert!(!ff_torch_sys::tf32());
        assert!(Precision::Bf16.hold().is_ok());
    }
}
