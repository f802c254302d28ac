//! The wheel in a fresh virtual environment: pip installs it, and its programs run without Rust.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

const PROGRAMS: [&str; 7] =
    ["ff-data", "ff-eval", "ff-grid", "ff-inmerge", "ff-models", "ff-soup", "ff-train"];

/// A run of one small network on drawn images.
const CONFIG: &str = r#"
name = "tiny"

[model]
image_size = 16
batch_size = 8

[probe]
epochs = 1

[finetune]
epochs = 1

[grid]
learning_rates = [1e-2, 1e-3]
augmentations = ["minimal"]
seeds = [0]

[[backbone]]
name = "pico"
architecture = "resnet_pico"
weights = "random"

[[dataset]]
name = "shapes"
metric = "accuracy"
source = { kind = "phantom", task = "shapes", image_size = 16, train = 24, val = 8, test = 8, seed = 1 }

[[method]]
name = "Uniform Soup"
pool = "grid"
select = { kind = "uniform" }
"#;

#[test]
fn pip_installs_programs_that_run_with_pytorchs_libraries() {
    let Some(wheel) = wheel() else { return };
    let place = tempfile::tempdir().unwrap();
    let environment = place.path().join("venv");
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    if !Command::new(&python).args(["-m", "venv"]).arg(&environment).status().is_ok_and(|it| it.success()) {
        eprintln!("skipped: `{python} -m venv` makes no virtual environment, so the wheel was not installed");
        return;
    }
    let scripts = environment.join("bin");
    let pip = ["install", "--quiet", "--no-index", "--no-deps", "--disable-pip-version-check"];
    ok(Command::new(scripts.join("pip")).args(pip).arg(&wheel));
    let library = fs::read_dir(environment.join("lib")).unwrap().next().unwrap().unwrap().path();
    let packages = library.join("site-packages");

    // What pip would install with it takes gigabytes. PyTorch's own libraries are here already.
    fs::create_dir(packages.join("torch")).unwrap();
    let libtorch = fs::canonicalize(Path::new(ROOT).join(".libtorch/lib")).unwrap();
    symlink(libtorch, packages.join("torch/lib")).unwrap();

    for name in PROGRAMS {
        let path = text(Command::new("readelf").arg("-d").arg(scripts.join(name)));
        let path = path.lines().find(|line| line.contains("RUNPATH")).unwrap_or_else(|| panic!("{path}"));
        let entries = path.split_once('[').unwrap().1.trim_end_matches(']');
        assert!(entries.split(':').all(|entry| entry.starts_with("$ORIGIN/")), "{name}: {path}");
        let version = text(&mut program(name, &["--version"], place.path(), &scripts));
        assert_eq!(version.trim(), format!("{name} {}", env!("CARGO_PKG_VERSION")));
    }
    fs::write(place.path().join("tiny.toml"), CONFIG).unwrap();
    let table = text(&mut program("ff-grid", &["run", "--config", "tiny.toml"], place.path(), &scripts));
    assert!(table.contains("Uniform Soup"), "{table}");

    let about = packages.join(format!("fissionfusion-{}.dist-info", env!("CARGO_PKG_VERSION")));
    let metadata = fs::read_to_string(about.join("METADATA")).unwrap();
    assert!(metadata.contains("Requires-Dist: torch==2.11.*"), "{metadata}");
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        let packed = fs::read(about.join("licenses").join(licence)).unwrap();
        assert!(packed == fs::read(Path::new(ROOT).join(licence)).unwrap(), "{licence}");
    }
}

/// Returns the wheel that `FF_WHEEL` names, from the top of the checkout. Building one here would
/// compile everything once more.
fn wheel() -> Option<PathBuf> {
    let wheel = std::env::var_os("FF_WHEEL").map(|wheel| Path::new(ROOT).join(wheel));
    if wheel.is_none() {
        eprintln!("skipped: FF_WHEEL names no wheel of `cargo xtask wheel`, so none was installed");
    }
    wheel
}

/// Returns a command of an installed program, in an environment that has nothing but its folder.
fn program(name: &str, arguments: &[&str], folder: &Path, scripts: &Path) -> Command {
    let mut program = Command::new(scripts.join(name));
    program.args(arguments).current_dir(folder).env_clear().env("PATH", scripts);
    program
}

fn text(command: &mut Command) -> String {
    String::from_utf8(ok(command)).unwrap()
}

/// Runs a command that succeeds, and returns its stdout.
fn ok(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
