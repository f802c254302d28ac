//! Downloads wheels with pip and makes a libtorch of them in the user's cache folder.
//!
//! All work is done in a sibling folder that is renamed at the end, so the folder of a libtorch is
//! complete or absent. After an interruption, downloaded wheels are used again and everything else
//! is done again.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, io};

use anyhow::{Context, Result, anyhow, bail};

use super::libtorch::{Libtorch, VERSION};
use super::link::sync_parent;
use super::wheels::{Build, Wheel};

/// Platform tags of the pinned wheels. pip accepts only the tags that it is given, not lower ones.
const PLATFORMS: [&str; 5] = [
    "manylinux2014_x86_64",
    "manylinux_2_18_x86_64",
    "manylinux_2_25_x86_64",
    "manylinux_2_27_x86_64",
    "manylinux_2_28_x86_64",
];

const UNPACK: &str = include_str!("unpack.py");

/// Returns the Python that installs: `PYTHON` or `python3`.
pub fn python() -> OsString {
    set("PYTHON").unwrap_or_else(|| "python3".into())
}

/// Returns a variable of the environment that is set and not empty.
fn set(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// The cache folder to install into, and the Python that installs.
pub struct Installer {
    python: OsString,
    cache: PathBuf,
}

impl Installer {
    /// Takes `PYTHON` or `python3`, and `fissionfusion` in `XDG_CACHE_HOME` or `~/.cache`.
    pub fn from_environment() -> Result<Installer> {
        // The XDG specification says to ignore a relative XDG_CACHE_HOME.
        let xdg = set("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let Some(cache) = xdg.or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".cache"))) else {
            bail!("no cache folder: neither XDG_CACHE_HOME nor HOME is set\nhint: set one of them");
        };
        Ok(Installer { python: python(), cache: cache.join("fissionfusion") })
    }

    /// Returns the folder of the libtorch, and installs it first if it is missing.
    ///
    /// Concurrent installations are safe: one does the work, the others wait for it.
    pub fn install(&self, build: &Build) -> Result<PathBuf> {
        let folder = self.cache.join(build.name);
        fs::create_dir_all(&self.cache).map_err(|error| {
            let cache = self.cache.display();
            anyhow!("{cache}: could not be created: {error}\nhint: set XDG_CACHE_HOME to another folder")
        })?;
        let lock = self.lock()?;
        if Libtorch::inspect(&folder).is_ok() {
            return Ok(folder);
        }
        self.check_pip(&lock)?;
        let megabytes: u64 = build.wheels.iter().map(|wheel| wheel.megabytes).sum();
        eprintln!(
            "{}: downloading {megabytes} MB ({} wheels from the Python package index) for {} MB in {}; \
             the installation needs up to {} MB more meanwhile",
            build.title,
            build.wheels.len(),
            build.unpacked_megabytes,
            folder.display(),
            2 * megabytes
        );
        let partial = self.cache.join(format!("{}.partial", build.name));
        let (tree, temporary) = (partial.join("tree"), partial.join("tmp"));
        for old in [&tree, &temporary, &folder] {
            remove(old)?;
        }
        fs::create_dir_all(&temporary).with_context(|| temporary.display().to_string())?;
        for wheel in build.wheels {
            let file = self.download(wheel, &partial, &lock)?;
            self.unpack(wheel, &file, &tree, &lock)?;
        }
        finish(&tree).with_context(|| tree.display().to_string())?;
        Libtorch::inspect(&tree).context("the unpacked libtorch is incomplete")?;
        fs::rename(&tree, &folder)
            .and_then(|()| sync_parent(&folder))
            .with_context(|| folder.display().to_string())?;
        remove(&partial)?;
        Ok(folder)
    }

    /// Locks the cache. The system releases the lock however the process ends.
    fn lock(&self) -> Result<File> {
        let path = self.cache.join("setup.lock");
        let lock = || {
            let file = File::options().read(true).write(true).create(true).truncate(false).open(&path)?;
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => {
                    eprintln!("waiting for another setup to finish ({})", path.display())
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
            file.lock().map(|()| file)
        };
        lock().with_context(|| format!("{} could not be locked", path.display()))
    }

    /// Returns a Python command whose output goes to stderr, since stdout is for the data of the
    /// command that runs.
    ///
    /// Its standard input is the lock. If only this process is killed, the lock is held until its
    /// Python has stopped writing into the cache.
    fn python(&self, lock: &File) -> Result<Command> {
        let mut python = Command::new(&self.python);
        python.stdin(Stdio::from(lock.try_clone()?)).stdout(io::stderr());
        Ok(python)
    }

    fn check_pip(&self, lock: &File) -> Result<()> {
        let name = self.python.to_string_lossy();
        let hint = format!(
            "hint: install Python 3 with pip from your distribution (the packages are often called python3 and \
             python3-pip), or set PYTHON to a Python that has pip, or set LIBTORCH to an installed libtorch {VERSION}"
        );
        let output = self
            .python(lock)?
            .args(["-m", "pip", "--version"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output();
        match output {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                bail!(
                    "`{name} -m pip --version` failed, and pip is needed to download libtorch: {}\n{hint}",
                    said.trim()
                )
            }
            Err(error) => bail!(
                "Python is needed to download libtorch, and `{name}` could not be started: {error}\n{hint}"
            ),
        }
    }

    /// Downloads one wheel with pip into its folder below `partial` and checks its hash.
    ///
    /// A wheel that is already there is checked too, and downloaded again if its hash differs.
    fn download(&self, wheel: &Wheel, partial: &Path, lock: &File) -> Result<PathBuf> {
        let name = wheel.requirement.split("==").next().unwrap_or(wheel.requirement);
        let folder = partial.join("wheels").join(name);
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let requirements = folder.join("requirements.txt");
        fs::write(&requirements, format!("{} --hash=sha256:{}\n", wheel.requirement, wheel.sha256))
            .with_context(|| requirements.display().to_string())?;

        let mut pip = self.python(lock)?;
        pip.args(["-m", "pip", "download", "--no-input", "--disable-pip-version-check", "--no-cache-dir"]);
        pip.args(["--no-deps", "--only-binary=:all:", "--implementation=cp", "--python-version=3.11"]);
        for platform in PLATFORMS {
            pip.args(["--platform", platform]);
        }
        pip.arg("--require-hashes").arg("--dest").arg(&folder).arg("--requirement").arg(&requirements);
        pip.env("PIP_REQUIRE_VIRTUALENV", "0").env("TMPDIR", partial.join("tmp"));
        let status = pip.status().context("pip could not be started")?;
        if !status.success() {
            bail!(
                "pip could not download {} ({status}); its own message is above\n\
                 hint: run `cargo xtask setup` again, which keeps downloaded wheels. If pip reports hashes, a mirror or a \
                 proxy served another file than the pinned one; if pip finds no such version, upgrade pip",
                wheel.requirement
            );
        }
        let found = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
        let mut paths = found.filter_map(|entry| entry.ok().map(|entry| entry.path()));
        paths.find(|path| path.extension().is_some_and(|extension| extension == "whl")).with_context(|| {
            format!("{}: expected a wheel of {}, found none", folder.display(), wheel.requirement)
        })
    }

    fn unpack(&self, wheel: &Wheel, file: &Path, tree: &Path, lock: &File) -> Result<()> {
        let rules = wheel.keep.iter().flat_map(|(prefix, replacement)| [prefix, replacement]);
        let mut unpack = self.python(lock)?;
        unpack.args(["-I", "-c", UNPACK]).args([file, tree]).args(rules);
        if !unpack.status().context("Python could not be started")?.success() {
            bail!(
                "{} could not be unpacked into {}; Python's own message is above",
                file.display(),
                tree.display()
            );
        }
        Ok(())
    }
}

/// Adds the files that torch-sys expects of a libtorch besides libraries and headers.
fn finish(tree: &Path) -> io::Result<()> {
    let libtorch = tree.join("lib/libtorch.so");
    if !libtorch.exists() {
        // The original only pulls in the CUDA libraries besides the CPU one.
        fs::write(&libtorch, "INPUT(-ltorch_cpu)\n")?;
        File::open(&libtorch)?.sync_all()?;
    }
    let version = tree.join("build-version");
    fs::write(&version, format!("{VERSION}\n"))?;
    File::open(&version)?.sync_all()
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} could not be removed", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
