//! The versions of the wheel, and the lines of the Containerfile, which no test can run.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use clap::Parser;

use super::*;
use crate::{Cli, Command as Subcommand};

const PYPROJECT: &str = include_str!("../../../crates/ff-cli/pyproject.toml");
const CONTAINERFILE: &str = include_str!("../../../Containerfile");
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Returns what follows an instruction's name on its lines.
fn instructions(name: &str) -> Vec<&'static str> {
    let after = |line: &'static str| line.strip_prefix(name)?.strip_prefix(' ');
    CONTAINERFILE.lines().filter_map(after).collect()
}

#[test]
fn pyproject_has_the_same_versions() {
    assert!(PYPROJECT.contains(&format!("requires = [\"maturin=={MATURIN}\"]")));
    let oldest = PYTHONS[0].trim_start_matches("python");
    assert!(PYPROJECT.contains(&format!("requires-python = \">={oldest}\"")));
    let torch = setup::VERSION.trim_end_matches(".0");
    assert!(PYPROJECT.contains(&format!("dependencies = [\"torch=={torch}.*\"]")));
}

#[test]
fn every_path_begins_at_the_program() {
    let path = run_path();
    assert!(path.split(':').all(|part| part.starts_with("$ORIGIN/../") && part.ends_with("/torch/lib")));
    assert!(path.contains("$ORIGIN/../lib/python3.12/site-packages/torch/lib"), "{path}");
}

#[test]
fn the_container_has_the_stated_versions_and_one_debian() {
    let [build, last] = instructions("FROM")[..] else { panic!("two stages") };
    let (rust, debian) = build.strip_suffix(" AS build").unwrap().split_once("-slim-").unwrap();
    assert_eq!(rust, concat!("rust:", env!("CARGO_PKG_RUST_VERSION")));
    let (python, other) = last.split_once("-slim-").unwrap();
    assert!(PYTHONS.contains(&python.replace(':', "").as_str()), "{python}");
    // The programs need the C library that they were linked with, or a newer one.
    assert_eq!(debian, other);
}

#[test]
fn the_container_takes_the_documented_steps() {
    let [packages, wheel, install] = instructions("RUN")[..] else { panic!("three commands") };
    // `.ci/run` installs what a bare machine lacks.
    let ci = include_str!("../../../.ci/run");
    for package in packages.split_once("--no-install-recommends ").unwrap().1.split(' ') {
        assert!(ci.lines().any(|line| line.contains("missing+=(") && line.contains(package)), "{package}");
    }
    let cli = Cli::try_parse_from(wheel.split(' ').skip(1)).unwrap_or_else(|error| panic!("{error}"));
    let Subcommand::Wheel(Options { output: Some(folder) }) = cli.command else { panic!("{wheel}") };
    assert_eq!(install, format!("pip install --no-cache-dir {}/*.whl", folder.display()));
    let copied = format!("--from=build {0} {0}", folder.display());
    assert!(instructions("COPY").contains(&copied.as_str()));
}

#[test]
fn what_the_container_copies_is_a_whole_workspace() {
    let clone = tempfile::tempdir().unwrap();
    for line in instructions("COPY").iter().filter(|line| !line.starts_with("--from")) {
        let words: Vec<_> = line.split(' ').collect();
        let (target, sources) = words.split_last().unwrap();
        for source in sources {
            let original = fs::canonicalize(Path::new(ROOT).join(source)).expect(source);
            // What has an absolute target is in the second stage.
            if !target.starts_with('/') {
                let target = if *target == "./" { source } else { target };
                symlink(original, clone.path().join(target)).unwrap();
            }
        }
    }
    let metadata = cargo_metadata::MetadataCommand::new()
        .current_dir(clone.path())
        .no_deps()
        .other_options(["--locked".into(), "--offline".into()])
        .exec()
        .unwrap();
    let here = cargo_metadata::MetadataCommand::new().current_dir(ROOT).no_deps().exec().unwrap();
    assert_eq!(metadata.workspace_packages().len(), here.workspace_packages().len());
}
