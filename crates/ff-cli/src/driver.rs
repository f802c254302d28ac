//! NVIDIA's driver, as the kernel tells of it.

use std::fs;
use std::path::Path;

/// The first version of the driver that supports CUDA 13.
const OLDEST: u32 = 580;

/// The driver and the GPUs that it has found.
pub struct Driver {
    /// Version, such as `580.65.06`; empty if it cannot be read.
    version: String,
    /// Models of the GPUs, in the order of their addresses.
    pub models: Vec<String>,
}

impl Driver {
    /// Returns the driver of this machine; `None` if none is loaded.
    pub fn find() -> Option<Self> {
        Self::read(Path::new("/proc/driver/nvidia"))
    }

    fn read(folder: &Path) -> Option<Self> {
        let text = fs::read_to_string(folder.join("version")).ok()?;
        let is_version =
            |word: &&str| word.contains('.') && word.split('.').all(|part| part.parse::<u32>().is_ok());
        let version = text.split_whitespace().find(is_version).unwrap_or_default().to_owned();
        let mut gpus: Vec<_> =
            fs::read_dir(folder.join("gpus")).into_iter().flatten().flatten().map(|gpu| gpu.path()).collect();
        gpus.sort();
        let model = |gpu: &std::path::PathBuf| {
            let text = fs::read_to_string(gpu.join("information")).ok()?;
            Some(text.lines().find_map(|line| line.strip_prefix("Model:"))?.trim().to_owned())
        };
        Some(Self { version, models: gpus.iter().filter_map(model).collect() })
    }

    /// Says why CUDA finds no device. `visible` is the value of `CUDA_VISIBLE_DEVICES`.
    pub fn why_none(&self, visible: Option<&str>) -> String {
        if let Some(visible) = visible.filter(|visible| {
            !visible.starts_with(|c: char| c.is_ascii_alphanumeric()) || *visible == "NoDevFiles"
        }) {
            return format!("CUDA_VISIBLE_DEVICES is `{visible}`, which hides every GPU\nhint: unset it");
        }
        let major = self.version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        if major.is_some_and(|major| major < OLDEST) {
            let version = &self.version;
            return format!(
                "the NVIDIA driver is version {version}, and CUDA 13 needs {OLDEST} or newer\nhint: update the driver"
            );
        }
        format!("CUDA finds no device (driver {})\nhint: `nvidia-smi` tells more", self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn driver(version: &str) -> (tempfile::TempDir, Driver) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("version"), version).unwrap();
        for (gpu, model) in [("0000:c1:00.0", "NVIDIA B"), ("0000:41:00.0", "NVIDIA A 80GB")] {
            let gpu = folder.path().join("gpus").join(gpu);
            fs::create_dir_all(&gpu).unwrap();
            fs::write(gpu.join("information"), format!("Model: \t\t {model}\nIRQ:   3\n")).unwrap();
        }
        let driver = Driver::read(folder.path()).unwrap();
        (folder, driver)
    }

    #[test]
    fn version_and_models_are_read() {
        for text in [
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul 27 07:17:13 UTC 2025\nGCC version:  gcc version 12.2.0\n",
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build\n",
        ] {
            let (_folder, found) = driver(text);
            assert_eq!(found.version, "580.65.06");
            assert_eq!(found.models, ["NVIDIA A 80GB", "NVIDIA B"]);
        }
        assert!(Driver::read(Path::new("/nonexistent")).is_none());
    }

    #[test]
    fn reasons_name_what_to_change() {
        let (_folder, new) = driver("NVRM version: Module 580.65.06 x");
        let (_other, old) = driver("NVRM version: Module 535.104.05 x");
        for hidden in ["", "-1", "NoDevFiles"] {
            assert!(old.why_none(Some(hidden)).contains("hides every GPU"), "{hidden}");
        }
        assert!(old.why_none(Some("0,1")).contains("version 535.104.05, and CUDA 13 needs 580"));
        assert!(new.why_none(None).contains("finds no device (driver 580.65.06)"));
    }
}
