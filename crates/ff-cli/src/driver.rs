//! NVIDIA's driver, as the kernel tells of it.

use std::fs;
use std::path::Path;

use itertools::Itertools;

/// The first version of the driver that supports CUDA 13.
const OLDEST: u32 = 580;

/// The driver and the GPUs that it has found.
pub struct Driver {
    /// Version, such as `580.65.06`; empty if it cannot be read.
    version: String,
    /// Models of the GPUs.
    models: Vec<String>,
    /// Whether its device files are there. A container may see the driver without them.
    has_files: bool,
}

impl Driver {
    /// Returns the driver of this machine; `None` if there is no sign of one.
    pub fn find() -> Option<Self> {
        Self::read(Path::new("/"))
    }

    fn read(root: &Path) -> Option<Self> {
        let folder = root.join("proc/driver/nvidia");
        let has_files = ["dev/nvidiactl", "dev/nvidia0"].iter().any(|file| root.join(file).exists());
        let text = fs::read_to_string(folder.join("version")).ok();
        if text.is_none() && !has_files {
            return None;
        }
        let is_version =
            |word: &&str| word.contains('.') && word.split('.').all(|part| part.parse::<u32>().is_ok());
        let text = text.unwrap_or_default();
        let version = text.split_whitespace().find(is_version).unwrap_or_default().to_owned();
        let gpus = fs::read_dir(folder.join("gpus")).into_iter().flatten().flatten();
        let model = |gpu: fs::DirEntry| {
            let text = fs::read_to_string(gpu.path().join("information")).ok()?;
            Some(text.lines().find_map(|line| line.strip_prefix("Model:"))?.trim().to_owned())
        };
        Some(Self { version, models: gpus.filter_map(model).collect(), has_files })
    }

    /// Returns the model of the GPUs. `None` if they differ: CUDA counts them in an order of its own,
    /// by default the fastest first.
    pub fn model(&self) -> Option<&str> {
        self.models.iter().all_equal_value().ok().map(String::as_str)
    }

    /// Says why CUDA finds no device. `visible` is the value of `CUDA_VISIBLE_DEVICES`.
    pub fn why_none(&self, visible: Option<&str>) -> String {
        if let Some(visible) = visible.filter(|visible| {
            !visible.starts_with(|c: char| c.is_ascii_alphanumeric()) || *visible == "NoDevFiles"
        }) {
            return format!("CUDA_VISIBLE_DEVICES is `{visible}`, which hides every GPU\nhint: unset it");
        }
        if !self.has_files {
            return "the NVIDIA driver is loaded, but there are no files /dev/nvidia*\nhint: give a container its GPUs, such as with `docker run --gpus all`".into();
        }
        let major = self.version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        if major.is_some_and(|major| major < OLDEST) {
            let version = &self.version;
            return format!(
                "the NVIDIA driver is version {version}, and CUDA 13 needs {OLDEST} or newer\nhint: update the driver"
            );
        }
        let version = if self.version.is_empty() { "of an unknown version" } else { &self.version };
        format!("CUDA finds no device (driver {version})\nhint: `nvidia-smi` tells more")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes the root folder of a machine with a driver and two GPUs, and returns what is read there.
    fn driver(version: &str, models: [&str; 2]) -> (tempfile::TempDir, Driver) {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("proc/driver/nvidia");
        for (gpu, model) in ["0000:c1:00.0", "0000:41:00.0"].iter().zip(models) {
            let gpu = folder.join("gpus").join(gpu);
            fs::create_dir_all(&gpu).unwrap();
            fs::write(gpu.join("information"), format!("Model: \t\t {model}\nIRQ:   3\n")).unwrap();
        }
        fs::write(folder.join("version"), version).unwrap();
        fs::create_dir(root.path().join("dev")).unwrap();
        fs::write(root.path().join("dev/nvidiactl"), "").unwrap();
        let driver = Driver::read(root.path()).unwrap();
        (root, driver)
    }

    const SAME: [&str; 2] = ["NVIDIA A 80GB"; 2];

    #[test]
    fn version_and_model_are_read() {
        for text in [
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul 27 07:17:13 UTC 2025\nGCC version:  gcc version 12.2.0\n",
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build\n",
        ] {
            let (_root, found) = driver(text, SAME);
            assert_eq!(found.version, "580.65.06");
            assert_eq!(found.model(), Some("NVIDIA A 80GB"));
        }
        let (_root, mixed) = driver("", ["NVIDIA A 80GB", "NVIDIA B"]);
        assert_eq!((mixed.models.len(), mixed.model()), (2, None));
        assert!(Driver::read(tempfile::tempdir().unwrap().path()).is_none());
    }

    #[test]
    fn reasons_name_what_to_change() {
        let (root, new) = driver("NVRM version: Module 580.65.06 x", SAME);
        let (_other, old) = driver("NVRM version: Module 535.104.05 x", SAME);
        for hidden in ["", "-1", "NoDevFiles"] {
            assert!(old.why_none(Some(hidden)).contains("hides every GPU"), "{hidden}");
        }
        assert!(old.why_none(Some("0,1")).contains("version 535.104.05, and CUDA 13 needs 580"));
        assert!(new.why_none(None).contains("finds no device (driver 580.65.06)"));

        fs::remove_file(root.path().join("dev/nvidiactl")).unwrap();
        let without_files = Driver::read(root.path()).unwrap();
        assert!(without_files.why_none(None).contains("docker run --gpus all"));
        fs::remove_dir_all(root.path().join("proc")).unwrap();
        fs::write(root.path().join("dev/nvidia0"), "").unwrap();
        let files_only = Driver::read(root.path()).unwrap();
        assert!(files_only.why_none(None).contains("of an unknown version"));
    }
}
