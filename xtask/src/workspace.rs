//! The location of the checkout, and cargo commands for it.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The checkout that this command belongs to.
pub struct Workspace {
    root: PathBuf,
    libtorch: Option<PathBuf>,
}

impl Workspace {
    /// Finds the checkout from the variables that cargo sets for the programs it runs, so that a
    /// moved checkout still works.
    pub fn find() -> Result<Workspace> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        let root = manifest.parent().context("xtask is not in a workspace")?;
        Ok(Workspace::at(root, env::var_os("LIBTORCH")))
    }

    /// Returns a checkout at `root`, with `libtorch` the value of `LIBTORCH`.
    pub fn at(root: &Path, libtorch: Option<OsString>) -> Workspace {
        let libtorch = libtorch.filter(|value| !value.is_empty()).map(PathBuf::from);
        Workspace { root: root.into(), libtorch: libtorch.filter(|path| !is_own_link(root, path)) }
    }

    /// Returns the folder of the top `Cargo.toml`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the link through which every build finds libtorch (`.cargo/config.toml` names it).
    pub fn link(&self) -> PathBuf {
        self.root.join(".libtorch")
    }

    /// Returns `LIBTORCH`, if the user has set it.
    pub fn users_libtorch(&self) -> Option<&Path> {
        self.libtorch.as_deref()
    }

    /// Returns a cargo command in the caller's folder, so that relative paths on the command line
    /// are right.
    pub fn cargo(&self) -> Command {
        self.command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }

    /// Returns a command of a program that runs cargo, or of cargo itself.
    ///
    /// Its environment is that of a plain `cargo build`: without a `LIBTORCH` that only cargo's
    /// configuration has set, and without the variables of this program's package. With them,
    /// torch-sys and ring would be rebuilt each time the two alternate.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut cargo = Command::new(program);
        if self.libtorch.is_none() {
            cargo.env_remove("LIBTORCH");
        }
        let of_package = |name: &OsString| {
            let name = name.to_string_lossy();
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        };
        for name in env::vars_os().map(|(name, _)| name).filter(of_package) {
            cargo.env_remove(name);
        }
        cargo
    }

    /// Builds the programs in release mode.
    pub fn build_programs(&self) -> Result<()> {
        if !self.release("build").status().context("cargo could not be started")?.success() {
            bail!("the programs could not be built; cargo's own message is above");
        }
        Ok(())
    }

    /// Builds the programs in release mode, and returns the files of those that are named. Only
    /// cargo knows where they are.
    pub fn build_and_list(&self, names: &[&str]) -> Result<Vec<PathBuf>> {
        let mut build = self.release("build");
        build.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
        let output = build.output().context("cargo could not be started")?;
        if !output.status.success() {
            bail!("the programs could not be built; cargo's own message is above");
        }
        let built = executables(&String::from_utf8_lossy(&output.stdout));
        let find = |name: &&str| {
            let found = built.iter().find(|path| path.file_name().is_some_and(|file| file == *name));
            found.cloned().with_context(|| format!("cargo built no program `{name}`"))
        };
        names.iter().map(find).collect()
    }

    /// Returns a command for a built program, without its arguments. Cargo runs it, since only
    /// cargo knows every way in which the target folder can be set; with `--quiet` it prints
    /// nothing and passes the program's exit code on.
    pub fn program(&self, name: &str) -> Command {
        let mut program = self.release("run");
        program.args(["--quiet", "--bin", name, "--"]);
        program
    }

    fn release(&self, subcommand: &str) -> Command {
        let mut cargo = self.cargo();
        cargo.arg(subcommand).arg("--manifest-path").arg(self.root.join("Cargo.toml"));
        cargo.args(["--release", "--package", "ff-cli"]);
        cargo
    }
}

/// Returns the programs in cargo's messages.
fn executables(messages: &str) -> Vec<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).collect()
}

/// Returns whether `LIBTORCH` is the link. Cargo sets it so for every program it runs, this one
/// included, so it is not the user's choice.
fn is_own_link(root: &Path, libtorch: &Path) -> bool {
    let parent = libtorch.parent().and_then(|parent| parent.canonicalize().ok());
    libtorch.file_name() == Some(".libtorch".as_ref())
        && parent.is_some()
        && parent == root.canonicalize().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_read_from_cargos_messages() {
        let messages = r#"{"reason":"compiler-artifact","executable":null}
{"reason":"compiler-artifact","executable":"/target/release/ff-grid"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executables(messages), [Path::new("/target/release/ff-grid")]);
    }

    #[test]
    fn the_link_that_cargo_sets_is_not_the_users_choice() {
        let root = tempfile::tempdir().unwrap();
        let own = |value: &Path| {
            Workspace::at(root.path(), Some(value.into())).users_libtorch().map(Path::to_owned)
        };
        assert_eq!(own(&root.path().join(".libtorch")), None);
        assert_eq!(own(Path::new("")), None);
        assert_eq!(own(Path::new("/opt/libtorch")), Some("/opt/libtorch".into()));
    }
}
