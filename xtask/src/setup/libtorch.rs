//! The check that a folder holds the libtorch that the workspace is built against.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

/// The version that tch 0.24 needs.
pub const VERSION: &str = "2.11.0";

/// Headers that state libtorch's version, the newest location first.
const VERSION_HEADERS: [&str; 2] =
    ["include/torch/headeronly/version.h", "include/torch/csrc/api/include/torch/version.h"];

/// Libraries that every libtorch has. `libtorch.so` may be a linker script.
const LIBRARIES: [&str; 3] = ["lib/libc10.so", "lib/libtorch_cpu.so", "lib/libtorch.so"];

/// A folder that holds libtorch 2.11.0.
#[derive(Clone, Copy, Debug)]
pub struct Libtorch {
    /// Whether the CUDA libraries are there.
    pub cuda: bool,
}

impl Libtorch {
    /// Checks a folder for headers of the right version and for the libraries.
    pub fn inspect(folder: &Path) -> Result<Libtorch> {
        ensure!(folder.is_dir(), "{}: expected a folder of libtorch {VERSION}, found none", folder.display());
        let headers = VERSION_HEADERS.map(|header| folder.join(header));
        let Some(header) = headers.iter().find(|header| header.is_file()) else {
            bail!("{}: expected libtorch {VERSION}, found no {}", folder.display(), VERSION_HEADERS[0]);
        };
        let text = fs::read_to_string(header).with_context(|| header.display().to_string())?;
        match stated_version(&text) {
            Some(VERSION) => {}
            found => bail!(
                "{}: expected libtorch {VERSION}, found {}",
                folder.display(),
                found.unwrap_or("an unknown version")
            ),
        }
        for library in LIBRARIES {
            ensure!(
                folder.join(library).is_file(),
                "{}: expected libtorch {VERSION}, found no {library}",
                folder.display()
            );
        }
        Ok(Libtorch { cuda: folder.join("lib/libtorch_cuda.so").is_file() })
    }
}

/// Returns the value of the macro `TORCH_VERSION`, without a build's suffix (`+cu130`).
fn stated_version(header: &str) -> Option<&str> {
    let (_, after) = header.split_once("#define TORCH_VERSION ")?;
    let version = after.split('"').nth(1)?;
    Some(version.split('+').next().unwrap_or(version))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Makes a folder that looks like libtorch.
    pub fn fake(folder: &Path, version: &str, cuda: bool) {
        let cuda = cuda.then_some("lib/libtorch_cuda.so");
        for library in LIBRARIES.into_iter().chain(cuda) {
            let library = folder.join(library);
            fs::create_dir_all(library.parent().unwrap()).unwrap();
            fs::write(library, "").unwrap();
        }
        let header = folder.join(VERSION_HEADERS[0]);
        fs::create_dir_all(header.parent().unwrap()).unwrap();
        let text = format!("#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION \\\n  \"{version}\"\n");
        fs::write(header, text).unwrap();
    }

    #[test]
    fn the_right_version_is_accepted() {
        let folder = tempfile::tempdir().unwrap();
        fake(folder.path(), "2.11.0+cu130", true);
        assert!(Libtorch::inspect(folder.path()).unwrap().cuda);
    }

    #[test]
    fn wrong_folders_are_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let wrong = || Libtorch::inspect(folder.path()).unwrap_err().to_string();
        assert!(wrong().contains("found no include/torch/headeronly/version.h"), "{}", wrong());
        fake(folder.path(), "2.13.0", false);
        assert!(wrong().contains("expected libtorch 2.11.0, found 2.13.0"), "{}", wrong());
        fake(folder.path(), "2.11.0", false);
        fs::remove_file(folder.path().join("lib/libtorch_cpu.so")).unwrap();
        assert!(wrong().contains("found no lib/libtorch_cpu.so"), "{}", wrong());
        let missing = Libtorch::inspect(&folder.path().join("missing")).unwrap_err().to_string();
        assert!(missing.contains("expected a folder"), "{missing}");
    }
}
