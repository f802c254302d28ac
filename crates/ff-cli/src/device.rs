//! The option `--device`: `auto`, `cpu` or `cuda:N`.

use std::fmt;
use std::str::FromStr;

use anyhow::bail;
use ff_models::Precision;
use tch::Device;
use tracing::info;

use crate::driver::Driver;
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

impl From<Device> for DeviceChoice {
    fn from(device: Device) -> Self {
        match device {
            Device::Cuda(number) => Self::Cuda(number),
            _ => Self::Cpu,
        }
    }
}

impl DeviceChoice {
    /// Returns all chosen devices; `auto` is every GPU, or the CPU if there is none. Says what `auto`
    /// has taken.
    ///
    /// # Errors
    /// As [`DeviceChoice::find`].
    pub fn find_all(choices: &[Self]) -> anyhow::Result<Vec<Device>> {
        let mut devices = Vec::new();
        for choice in choices {
            let (device, gpus) = choice.resolve()?;
            match choice {
                Self::Auto if gpus > 0 => devices.extend((0..gpus).map(Device::Cuda)),
                _ => devices.push(device),
            }
        }
        if choices.contains(&Self::Auto) {
            say_taken(&devices);
        }
        Ok(devices)
    }

    /// Returns the chosen device; loads the CUDA libraries unless it is the CPU. Says what `auto` has
    /// taken.
    ///
    /// # Errors
    /// There is no GPU of the chosen number, or it cannot be used; the text says why.
    pub fn find(self) -> anyhow::Result<Device> {
        let (device, _) = self.resolve()?;
        if self == Self::Auto {
            say_taken(&[device]);
        }
        Ok(device)
    }

    /// Returns the device and the number of GPUs.
    fn resolve(self) -> anyhow::Result<(Device, usize)> {
        if self == Self::Cpu {
            return Ok((Device::Cpu, 0));
        }
        let found = gpus();
        match (self, found) {
            (Self::Cuda(number), Ok(count)) if number < count => Ok((Device::Cuda(number), count)),
            (Self::Cuda(number), Ok(1)) => bail!("--device cuda:{number}: the only GPU is cuda:0"),
            (Self::Cuda(number), Ok(count)) => {
                bail!("--device cuda:{number}: expected a GPU from cuda:0 to cuda:{}", count - 1)
            }
            (Self::Cuda(number), Err(why)) => {
                let none =
                    "no NVIDIA driver is loaded\nhint: install one, or leave --device out to use the CPU";
                bail!("--device cuda:{number}: {}", why.unwrap_or_else(|| none.into()))
            }
            (_, Ok(count)) => Ok((Device::Cuda(0), count)),
            (_, Err(Some(why))) => {
                say(&format!("warning: this machine's GPU is not used: {why}"));
                Ok((Device::Cpu, 0))
            }
            (_, Err(None)) => Ok((Device::Cpu, 0)),
        }
    }
}

/// Says which GPUs `auto` has taken.
fn say_taken(devices: &[Device]) {
    let driver = Driver::find();
    let model = driver.as_ref().and_then(Driver::model).map_or(String::new(), |model| format!(" ({model})"));
    for device in devices {
        if let Device::Cuda(number) = device {
            info!("device: cuda:{number}{model}");
        }
    }
}

/// Returns the number of GPUs that can be used, at least 1, or why there are none; nothing on a
/// machine without a GPU.
fn gpus() -> Result<usize, Option<String>> {
    let loaded = load_cuda();
    if tch::Cuda::is_available() && tch::Cuda::device_count() > 0 {
        // Deterministic mode sets a variable of the environment, which is safe only before other
        // threads run. A run's own setting comes later; until then cuDNN measures its algorithms.
        ff_train::set_deterministic(true);
        ff_train::set_deterministic(false);
        return Ok(tch::Cuda::device_count() as usize);
    }
    let driver = Driver::find().ok_or(None)?;
    Err(Some(match loaded {
        Err(why) => {
            format!(
                "{why}\nhint: in a clone, `cargo xtask setup --cuda` installs the CUDA libraries; then build again. \
                 Programs that pip installed use those of PyTorch's CUDA build"
            )
        }
        Ok(()) => driver.why_none(std::env::var("CUDA_VISIBLE_DEVICES").ok().as_deref()),
    }))
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
