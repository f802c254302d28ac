//! Installs with the real pip, offline, from a wheel of a few bytes.

use super::*;

/// Makes a wheel that unpacks to a folder that looks like libtorch, and prints its SHA-256.
const MAKE_WHEEL: &str = r##"
import hashlib, sys, zipfile
path = sys.argv[1] + "/tiny_torch-1.0-py3-none-any.whl"
info = "tiny_torch-1.0.dist-info/"
with zipfile.ZipFile(path, "w") as wheel:
    wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: tiny-torch\nVersion: 1.0\n")
    wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(info + "RECORD", "")
    wheel.writestr("torch/lib/libc10.so", "c10")
    wheel.writestr("torch/lib/libtorch_cpu.so", "cpu")
    wheel.writestr("torch/lib/libtorch_python.so", "not kept")
    wheel.writestr("torch/include/torch/headeronly/version.h", "#define TORCH_VERSION \\\n  \"2.11.0\"\n")
print(hashlib.sha256(open(path, "rb").read()).hexdigest())
"##;

struct Bench {
    folder: tempfile::TempDir,
    sha256: &'static str,
}

impl Bench {
    fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let made = Command::new("python3").args(["-c", MAKE_WHEEL]).arg(folder.path()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let sha256 = String::from_utf8(made.stdout).unwrap().trim().to_owned().leak();
        Bench { folder, sha256 }
    }

    /// Returns an installer whose `python` is a shell script: `first`, then the real one without a
    /// network.
    fn installer(&self, first: &str) -> Installer {
        let python = self.folder.path().join("python");
        let script = format!(
            "#!/bin/sh\n{first}\nexport PIP_CONFIG_FILE=/dev/null PIP_NO_INDEX=1 PIP_FIND_LINKS='{}'\nexec python3 \"$@\"\n",
            self.folder.path().display()
        );
        // Another process writes it: a program that this process has open for writing, in any
        // thread, cannot be started.
        let mut write = Command::new("sh");
        write.args(["-c", "printf %s \"$1\" > \"$0\" && chmod +x \"$0\""]).arg(&python).arg(script);
        assert!(write.status().unwrap().success());
        Installer { python: python.into(), cache: self.cache() }
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache/fissionfusion")
    }

    fn build(&self, sha256: &'static str) -> Build {
        let keep = &[
            ("torch/lib/libc10", "lib/libc10"),
            ("torch/lib/libtorch_cpu", "lib/libtorch_cpu"),
            ("torch/include/", "include/"),
        ];
        let wheel = Wheel { requirement: "tiny-torch==1.0", sha256, megabytes: 1, keep };
        Build { name: "libtorch-test", title: "a test", wheels: vec![wheel].leak(), unpacked_megabytes: 1 }
    }

    fn left_in_cache(&self) -> Vec<String> {
        let entries = fs::read_dir(self.cache()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[test]
fn libtorch_is_installed_once() {
    let bench = Bench::new();
    let build = bench.build(bench.sha256);
    let folder = bench.installer("").install(&build).unwrap();
    assert_eq!(fs::read_to_string(folder.join("lib/libtorch_cpu.so")).unwrap(), "cpu");
    assert_eq!(fs::read_to_string(folder.join("lib/libtorch.so")).unwrap(), "INPUT(-ltorch_cpu)\n");
    assert_eq!(fs::read_to_string(folder.join("build-version")).unwrap(), "2.11.0\n");
    assert!(!folder.join("lib/libtorch_python.so").exists());
    assert_eq!(bench.left_in_cache(), ["libtorch-test", "setup.lock"]);

    let again = bench.installer("echo 'nothing is left to do' >&2; exit 1").install(&build).unwrap();
    assert_eq!(again, folder);
}

#[test]
fn a_wheel_with_another_hash_is_refused() {
    let bench = Bench::new();
    let other = "0000000000000000000000000000000000000000000000000000000000000000";
    let error = bench.installer("").install(&bench.build(other)).unwrap_err().to_string();
    assert!(error.contains("could not download tiny-torch==1.0") && error.contains("hashes"), "{error}");
    assert!(!bench.cache().join("libtorch-test").exists());
}

#[test]
fn an_interrupted_setup_resumes() {
    let bench = Bench::new();
    let build = bench.build(bench.sha256);
    // Killed while it unpacks, after the download.
    let killed =
        "if [ \"$2\" = -c ]; then mkdir -p \"$5/lib\"; echo half > \"$5/lib/half.so\"; kill -9 $$; fi";
    let error = bench.installer(killed).install(&build).unwrap_err().to_string();
    assert!(error.contains("could not be unpacked"), "{error}");
    assert_eq!(bench.left_in_cache(), ["libtorch-test.partial", "setup.lock"]);
    assert!(bench.cache().join("libtorch-test.partial/tree/lib/half.so").exists());

    // The downloaded wheel is used, not the one that the index has now.
    fs::write(bench.folder.path().join("tiny_torch-1.0-py3-none-any.whl"), "another file").unwrap();
    let folder = bench.installer("").install(&build).unwrap();
    assert!(!folder.join("lib/half.so").exists());
    assert_eq!(bench.left_in_cache(), ["libtorch-test", "setup.lock"]);
}

#[test]
fn a_damaged_wheel_is_downloaded_again() {
    let bench = Bench::new();
    let arrived = bench.cache().join("libtorch-test.partial/wheels/tiny-torch");
    fs::create_dir_all(&arrived).unwrap();
    fs::write(arrived.join("tiny_torch-1.0-py3-none-any.whl"), "half of it").unwrap();
    bench.installer("").install(&bench.build(bench.sha256)).unwrap();
}

#[test]
fn an_incomplete_folder_is_replaced() {
    let bench = Bench::new();
    let folder = bench.cache().join("libtorch-test");
    fs::create_dir_all(folder.join("lib")).unwrap();
    fs::write(folder.join("lib/old.so"), "").unwrap();
    bench.installer("").install(&bench.build(bench.sha256)).unwrap();
    assert!(!folder.join("lib/old.so").exists());
    Libtorch::inspect(&folder).unwrap();
}

#[test]
fn concurrent_setups_install_once() {
    let bench = Bench::new();
    let build = bench.build(bench.sha256);
    let count = bench.folder.path().join("count");
    let first = format!("[ \"$2\" != -c ] || echo unpacked >> '{}'", count.display());
    let installer = bench.installer(&first);
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..3).map(|_| scope.spawn(|| installer.install(&build).unwrap())).collect();
        all.into_iter().for_each(|one| assert!(one.join().unwrap().is_dir()));
    });
    assert_eq!(fs::read_to_string(count).unwrap(), "unpacked\n");
}

#[test]
fn a_missing_python_or_pip_gives_a_hint() {
    let bench = Bench::new();
    let build = bench.build(bench.sha256);
    let missing = Installer { python: "no-such-python".into(), cache: bench.cache() };
    let error = missing.install(&build).unwrap_err().to_string();
    assert!(
        error.contains("`no-such-python` could not be started") && error.contains("hint: install Python 3"),
        "{error}"
    );

    let without_pip = bench.installer("echo 'No module named pip' >&2; exit 1");
    let error = without_pip.install(&build).unwrap_err().to_string();
    assert!(error.contains("No module named pip") && error.contains("hint: install Python 3"), "{error}");
}
