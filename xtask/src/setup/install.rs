//! Downloads wheels with pip and makes a libtorch of them in the user's cache folder.
//!
//! All work is done in a sibling folder and renamed at the end, so the folder of a libtorch is
//! whole or absent. After an interruption the wheels that had arrived are used again, and
//! everything else starts anew.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, io};

use anyhow::{Context, Result, anyhow, bail};

use super::libtorch::{Libtorch, VERSION};
use super::link::sync_parent;
use super::wheels::{Build, Wheel};

/// The glibc versions that the pinned wheels name: pip takes each of these tags by itself, not the
/// lower ones.
const PLATFORMS: [&str; 5] = [
    "manylinux2014_x86_64",
    "manylinux_2_18_x86_64",
    "manylinux_2_25_x86_64",
    "manylinux_2_27_x86_64",
    "manylinux_2_28_x86_64",
];

const UNPACK: &str = include_str!("unpack.py");

/// Where to install, and the Python that does the work.
pub struct Installer {
    python: OsString,
    cache: PathBuf,
}

impl Installer {
    /// `PYTHON` or `python3`; `fissionfusion` in `XDG_CACHE_HOME` or `~/.cache`.
    pub fn from_environment() -> Result<Installer> {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty());
        // A relative XDG_CACHE_HOME is to be ignored, says its specification.
        let xdg = set("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let Some(cache) = xdg.or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".cache"))) else {
            bail!("there is no cache folder\nhint: set XDG_CACHE_HOME or HOME");
        };
        let python = set("PYTHON").unwrap_or_else(|| "python3".into());
        Ok(Installer { python, cache: cache.join("fissionfusion") })
    }

    /// Returns the folder of the libtorch, made now if it is not there.
    ///
    /// Several at once are safe: one does the work, the others wait for it.
    pub fn install(&self, build: &Build) -> Result<PathBuf> {
        let folder = self.cache.join(build.name);
        fs::create_dir_all(&self.cache).map_err(|error| {
            let cache = self.cache.display();
            anyhow!("{cache} could not be made: {error}\nhint: XDG_CACHE_HOME can name another cache folder")
        })?;
        let lock = self.lock()?;
        if Libtorch::inspect(&folder).is_ok() {
            return Ok(folder);
        }
        self.check_pip(&lock)?;
        let megabytes: u64 = build.wheels.iter().map(|wheel| wheel.megabytes).sum();
        eprintln!(
            "{}: downloading {megabytes} MB ({} wheels from the Python package index) for {} MB in {}; \
             up to {} MB more are needed until it is done",
            build.title,
            build.wheels.len(),
            build.unpacked_megabytes,
            folder.display(),
            2 * megabytes
        );
        let partial = self.cache.join(format!("{}.partial", build.name));
        let (tree, temporary) = (partial.join("tree"), partial.join("tmp"));
        for left_over in [&tree, &temporary, &folder] {
            remove(left_over)?;
        }
        fs::create_dir_all(&temporary).with_context(|| temporary.display().to_string())?;
        for wheel in build.wheels {
            let file = self.download(wheel, &partial, &lock)?;
            self.unpack(wheel, &file, &tree, &lock)?;
        }
        finish(&tree).with_context(|| tree.display().to_string())?;
        Libtorch::inspect(&tree).context("what was unpacked is not complete")?;
        fs::rename(&tree, &folder)
            .and_then(|()| sync_parent(&folder))
            .with_context(|| folder.display().to_string())?;
        remove(&partial)?;
        Ok(folder)
    }

    /// Held while one works on the cache; the system gives it back however the process ends.
    fn lock(&self) -> Result<File> {
        let path = self.cache.join("setup.lock");
        let lock = || {
            let file = File::options().read(true).write(true).create(true).truncate(false).open(&path)?;
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => {
                    eprintln!("waiting for another setup to end ({})", path.display())
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
            file.lock().map(|()| file)
        };
        lock().with_context(|| format!("{} could not be locked", path.display()))
    }

    /// A Python that says what it has to say on stderr, as stdout is for the data of the command
    /// that runs.
    ///
    /// The lock is its standard input: should this process be killed alone, the lock outlives it
    /// for as long as its Python still writes into the cache.
    fn python(&self, lock: &File) -> Result<Command> {
        let mut python = Command::new(&self.python);
        python.stdin(Stdio::from(lock.try_clone()?)).stdout(io::stderr());
        Ok(python)
    }

    fn check_pip(&self, lock: &File) -> Result<()> {
        let name = self.python.to_string_lossy();
        let hint = format!(
            "hint: install Python 3 with pip from your distribution (the packages are often called python3 and \
             python3-pip), or set PYTHON to a Python that has pip, or set LIBTORCH to a libtorch {VERSION} of your own"
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

    /// Has pip download one wheel into its folder below `partial` and compare its hash.
    ///
    /// A wheel that lies there already is compared too, and downloaded again if it is not the one.
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
                 hint: `cargo xtask setup` goes on with what has arrived. If pip speaks of hashes, a mirror or a proxy gave \
                 another file than the pinned one; if it knows no such version, a newer pip may help",
                wheel.requirement
            );
        }
        let found = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
        let mut paths = found.filter_map(|entry| entry.ok().map(|entry| entry.path()));
        paths
            .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
            .with_context(|| format!("pip left no wheel of {} in {}", wheel.requirement, folder.display()))
    }

    fn unpack(&self, wheel: &Wheel, file: &Path, tree: &Path, lock: &File) -> Result<()> {
        let rules = wheel.keep.iter().flat_map(|(beginning, replacement)| [beginning, replacement]);
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

/// Adds what makes a folder of libraries and headers a libtorch for torch-sys.
fn finish(tree: &Path) -> io::Result<()> {
    let libtorch = tree.join("lib/libtorch.so");
    if !libtorch.exists() {
        // The real one does nothing but pull in the CUDA libraries beside the CPU one.
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
