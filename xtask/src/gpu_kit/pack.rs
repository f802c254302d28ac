//! The packed folder: scripts, stripped programs, images.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::images;

/// The programs that the kit runs.
pub const PROGRAMS: [&str; 4] = ["ff-models", "ff-train", "ff-grid", "ff-inmerge"];

/// Largest size of a kit in bytes, so that it can travel to a machine as one upload.
const LARGEST: u64 = 56_000_000;

/// Folders of a kit that packing replaces; its results stay.
const PARTS: [&str; 6] = ["bin", "configs", "harness", "images", "peers", "stages"];

/// The file by which a folder is known as a kit.
const RUN: &str = "run.sh";

/// Refuses a folder that has files but is no kit.
pub fn check_output(output: &Path) -> Result<()> {
    let is_kit = output.join(RUN).is_file() && output.join("kit.py").is_file();
    let is_free = !output.exists() || output.is_dir() && fs::read_dir(output)?.next().is_none();
    if !is_kit && !is_free {
        bail!(
            "--output {}: expected a new folder or a kit, found something else\n\
             hint: name a folder that does not exist",
            output.display()
        );
    }
    Ok(())
}

/// Packs a kit from the scripts in `sources`, the files of the programs and class folders of
/// images. Returns its size in bytes, without results.
pub fn pack(sources: &Path, programs: &[PathBuf], images: Option<&Path>, output: &Path) -> Result<u64> {
    check_output(output)?;
    if let Some(missing) = programs.iter().find(|path| !path.is_file()) {
        bail!("{}: expected a program, found none", missing.display());
    }
    for part in PARTS.map(|part| output.join(part)) {
        if part.exists() {
            fs::remove_dir_all(&part).with_context(|| part.display().to_string())?;
        }
    }
    let mut bytes = copy_folder(sources, output)?;
    fs::create_dir_all(output.join("bin"))?;
    for program in programs {
        let name = program.file_name().context("a program without a name")?;
        let copy = output.join("bin").join(name);
        fs::copy(program, &copy).with_context(|| program.display().to_string())?;
        strip(&copy);
        bytes += copy.metadata()?.len();
    }
    if let Some(folder) = images {
        bytes += images::copy(folder, &output.join("images"), LARGEST.saturating_sub(bytes))?;
    }
    if bytes > LARGEST {
        bail!(
            "{}: expected at most {} MB, found {} MB\n\
             hint: strip the programs (Debian: package binutils), or pack programs of a release build",
            output.display(),
            megabytes(LARGEST),
            megabytes(bytes)
        );
    }
    Ok(bytes)
}

/// Returns a size in MB (10⁶ bytes), rounded up.
pub fn megabytes(bytes: u64) -> u64 {
    bytes.div_ceil(1_000_000)
}

/// Copies the files of a folder except what Python compiled and a kit's own results, and returns
/// their size.
fn copy_folder(from: &Path, to: &Path) -> Result<u64> {
    fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    let mut bytes = 0;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        let copy = to.join(&name);
        if path.is_dir() {
            if name != "__pycache__" && name != "results" {
                bytes += copy_folder(&path, &copy)?;
            }
        } else {
            bytes += fs::copy(&path, &copy).with_context(|| path.display().to_string())?;
        }
    }
    Ok(bytes)
}

/// Removes symbols from a program, if `strip` is installed. Without it the program is only larger.
fn strip(program: &Path) {
    let mut strip = Command::new("strip");
    let status = strip.arg(program).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !status.is_ok_and(|status| status.success()) {
        eprintln!("warning: {}: not stripped", program.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a file of `size` bytes with its folders.
    fn file(path: &Path, size: usize) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, vec![b'x'; size]).unwrap();
    }

    fn programs(folder: &Path, size: usize) -> Vec<PathBuf> {
        let paths = PROGRAMS.map(|name| folder.join(name)).to_vec();
        paths.iter().for_each(|path| file(path, size));
        paths
    }

    #[test]
    fn a_kit_has_scripts_programs_and_some_images_and_keeps_its_results() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("gpu-kit");
        let programs = programs(&root.join("target"), 1000);
        for class in ["a", "b"] {
            (0..3).for_each(|n| file(&root.join(format!("cells/{class}/{n}.jpg")), 9_000_000));
        }
        let kit = root.join("kit");
        let bytes = pack(&sources, &programs, Some(&root.join("cells")), &kit).unwrap();
        assert!((18_000_000..20_000_000).contains(&bytes), "{bytes}");
        for name in ["run.sh", "kit.py", "bin/ff-grid", "stages/right.py", "images/a/0.jpg", "images/b/0.jpg"]
        {
            assert!(kit.join(name).is_file(), "{name}");
        }
        assert!(!kit.join("images/a/1.jpg").exists());

        file(&kit.join("results/right.json"), 10);
        file(&kit.join("stages/old.py"), 10);
        pack(&sources, &programs, None, &kit).unwrap();
        assert!(kit.join("results/right.json").is_file());
        assert!(!kit.join("stages/old.py").exists() && !kit.join("images").exists());
    }

    #[test]
    fn other_folders_missing_programs_and_large_kits_are_refused() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("gpu-kit");
        let refused = |programs: &[PathBuf], output: &str| {
            pack(&sources, programs, None, &root.join(output)).unwrap_err().to_string()
        };
        file(&root.join("other/thesis.tex"), 10);
        let small = programs(&root.join("small"), 1000);
        assert!(refused(&small, "other").contains("expected a new folder or a kit"));
        assert!(refused(&[root.join("gone/ff-grid")], "kit").contains("gone/ff-grid"));
        let large = programs(&root.join("large"), 15_000_000);
        assert!(refused(&large, "kit").contains("at most 56 MB, found 61 MB"));
    }
}
