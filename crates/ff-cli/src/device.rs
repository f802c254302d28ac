//! The option `--device`: `auto`, `cpu` or `cuda:N`.

use std::fmt;
use std::str::FromStr;

use anyhow::bail;
use ff_models::Precision;
use tch::Device;

use crate::output::say;

/// A device as the command line names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The first GPU if the CUDA libraries load and there is a device, else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// A GPU by its number.
    Cuda(usize),
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|number| number.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(|| format!("expected auto, cpu or cuda:N, found `{text}`")),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

impl DeviceChoice {
    /// Returns all chosen devices; `auto` is every GPU, or the CPU if there is none.
    ///
    /// # Errors
    /// As [`DeviceChoice::find`].
    pub fn find_all(choices: &[Self]) -> anyhow::Result<Vec<Device>> {
        let mut devices = Vec::new();
        for choice in choices {
            match (choice, choice.find()?) {
                (Self::Auto, Device::Cuda(_)) => {
                    devices.extend((0..tch::Cuda::device_count() as usize).map(Device::Cuda));
                }
                (_, device) => devices.push(device),
            }
        }
        Ok(devices)
    }

    /// Returns the chosen device; loads the CUDA libraries unless it is the CPU.
    ///
    /// # Errors
    /// There is no GPU of the chosen number.
    pub fn find(self) -> anyhow::Result<Device> {
        if self == Self::Cpu {
            return Ok(Device::Cpu);
        }
        let loaded = load_cuda();
        let count = if tch::Cuda::is_available() { tch::Cuda::device_count() } else { 0 };
        match self {
            Self::Cuda(number) if (number as i64) < count => Ok(Device::Cuda(number)),
            Self::Cuda(number) => {
                let why = loaded.err().unwrap_or_else(|| format!("found {count} CUDA devices"));
                bail!(
                    "--device cuda:{number}: {why}\nhint: `cargo xtask setup --cuda` installs the CUDA libraries"
                )
            }
            _ if count > 0 => Ok(Device::Cuda(0)),
            _ => Ok(Device::Cpu),
        }
    }
}

/// Loads libtorch's CUDA library, which registers itself with the CPU library that the binary is
/// linked to.
fn load_cuda() -> Result<(), String> {
    #[cfg(target_os = "linux")]
    {
        use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
        // SAFETY: the library's initialisers only register kernels, and it is never unloaded.
        #[allow(unsafe_code)]
        let library = unsafe { Library::open(Some("libtorch_cuda.so"), RTLD_NOW | RTLD_GLOBAL) };
        let failed = |error: libloading::Error| format!("cannot load libtorch's CUDA library: {error}");
        library.map(std::mem::forget).map_err(failed)
    }
    #[cfg(not(target_os = "linux"))]
    Ok(())
}

/// Warns if a precision is slow on a device.
pub fn warn_of_precision(precision: Precision, device: Device) {
    if precision.is_slow_on(device) {
        say(&format!(
            "warning: this processor has no {precision} instructions: {precision} is about ten times slower than fp32"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_parse_from_their_names() {
        assert_eq!("auto".parse(), Ok(DeviceChoice::Auto));
        assert_eq!("cuda:3".parse(), Ok(DeviceChoice::Cuda(3)));
        assert_eq!("cuda".parse(), Ok(DeviceChoice::Cuda(0)));
        assert_eq!(DeviceChoice::Cuda(3).to_string(), "cuda:3");
        assert!("cuda:x".parse::<DeviceChoice>().is_err());
        assert!("gpu".parse::<DeviceChoice>().is_err());
    }
}
