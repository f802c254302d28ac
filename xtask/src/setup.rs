//! `cargo xtask setup`: installs libtorch where every build finds it without an environment
//! variable.

mod install;
mod libtorch;
mod link;
mod wheels;

use std::fs;

use anyhow::{Context, Result, bail};

pub use install::python;
pub use libtorch::VERSION;

use crate::workspace::Workspace;
use install::Installer;
use libtorch::Libtorch;
use link::point;

/// Runs [`ensure`] and prints where libtorch is.
pub fn run(workspace: &Workspace, cuda: bool) -> Result<()> {
    ensure(workspace, cuda)?;
    let folder = fs::read_link(workspace.link()).unwrap_or_else(|_| workspace.link());
    eprintln!("libtorch {VERSION} is ready in {}", folder.display());
    Ok(())
}

/// Makes `.libtorch` at the top of the checkout a link to libtorch 2.11.0, and downloads it if it
/// is missing.
///
/// A `LIBTORCH` that the user has set takes precedence: it is checked and linked, and nothing is
/// downloaded. A link that already leads to the right libtorch is kept. All messages go to stderr.
pub fn ensure(workspace: &Workspace, cuda: bool) -> Result<()> {
    let link = workspace.link();
    if let Some(own) = workspace.users_libtorch() {
        let own = std::path::absolute(own).context("LIBTORCH")?;
        let found =
            Libtorch::inspect(&own).with_context(|| format!("LIBTORCH is set to {}", own.display()))?;
        if cuda && !found.cuda {
            bail!(
                "LIBTORCH is set to {}, which has no CUDA libraries (lib/libtorch_cuda.so)\n\
                 hint: unset LIBTORCH to download them, or set it to a libtorch with CUDA",
                own.display()
            );
        }
        return point(&link, &own);
    }
    match Libtorch::inspect(&link) {
        Ok(found) if found.cuda || !cuda => Ok(()),
        _ => {
            supported_platform()?;
            let wanted = if cuda { &wheels::CUDA } else { &wheels::CPU };
            let installed = Installer::from_environment()?.install(wanted)?;
            point(&link, &installed)
        }
    }
}

fn supported_platform() -> Result<()> {
    if cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        return Ok(());
    }
    bail!(
        "libtorch can be downloaded for Linux on x86-64 (glibc) only, found {} on {}\n\
         hint: set LIBTORCH to the folder of an installed libtorch {}, such as the folder `torch` of a \
         PyTorch of that version",
        std::env::consts::OS,
        std::env::consts::ARCH,
        VERSION
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_users_libtorch_is_linked() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        libtorch::tests::fake(&own, "2.11.0", false);
        let workspace = Workspace::at(folder.path(), Some(own.clone().into()));
        symlink("nowhere", workspace.link()).unwrap();
        run(&workspace, false).unwrap();
        assert_eq!(fs::read_link(workspace.link()).unwrap(), own);

        let error = run(&workspace, true).unwrap_err();
        assert!(error.to_string().contains("no CUDA libraries"), "{error}");
    }

    #[test]
    fn a_wrong_libtorch_of_the_user_is_refused_and_not_linked() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        libtorch::tests::fake(&own, "2.10.0", false);
        let workspace = Workspace::at(folder.path(), Some(own.into()));
        let error = format!("{:#}", run(&workspace, false).unwrap_err());
        assert!(error.contains("LIBTORCH is set to") && error.contains("2.10.0"), "{error}");
        assert!(!workspace.link().is_symlink());
    }

    #[test]
    fn a_working_link_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        libtorch::tests::fake(&own, "2.11.0", true);
        let workspace = Workspace::at(folder.path(), None);
        symlink(&own, workspace.link()).unwrap();
        run(&workspace, false).unwrap();
        run(&workspace, true).unwrap();
        assert_eq!(fs::read_link(workspace.link()).unwrap(), own);
    }
}
