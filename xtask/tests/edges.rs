//! The only edges between the crates of this workspace, held against `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use cargo_metadata::{CargoOpt, DependencyKind, Metadata, MetadataCommand, PackageId};

/// Each crate and the crates of this workspace that it may depend on. A crate may be absent; an edge that is
/// not listed here may not exist. Development dependencies are free.
const ALLOWED: &[(&str, &[&str])] = &[
    ("ff-checkpoint", &[]),
    ("ff-data", &[]),
    ("ff-eval", &[]),
    ("ff-soup", &["ff-checkpoint", "ff-eval"]),
    ("ff-models", &["ff-checkpoint"]),
    ("ff-inmerge", &[]),
    ("ff-train", &["ff-data", "ff-models", "ff-eval", "ff-checkpoint"]),
    ("ff-report", &["ff-eval"]),
    ("ff-grid", BELOW_GRID),
    ("ff-cli", BELOW_CLI),
    ("xtask", &[]),
];

const BELOW_GRID: &[&str] =
    &["ff-checkpoint", "ff-data", "ff-eval", "ff-soup", "ff-models", "ff-inmerge", "ff-train", "ff-report"];

const BELOW_CLI: &[&str] = &[
    "ff-checkpoint",
    "ff-data",
    "ff-eval",
    "ff-soup",
    "ff-models",
    "ff-inmerge",
    "ff-train",
    "ff-report",
    "ff-grid",
];

/// The crates that build and test without libtorch, so that a team can take one without PyTorch.
const WITHOUT_LIBTORCH: &[&str] = &["ff-checkpoint", "ff-data", "ff-eval", "ff-soup", "ff-report", "xtask"];

/// The graph for the platform that the tests run on. Cargo would fetch the packages of every other platform too.
fn metadata(features: CargoOpt) -> Metadata {
    let host = format!("{}-unknown-{}-gnu", std::env::consts::ARCH, std::env::consts::OS);
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .features(features)
        .other_options(["--filter-platform".into(), host])
        .exec()
        .expect("cargo metadata")
}

fn members(metadata: &Metadata) -> BTreeMap<String, PackageId> {
    metadata
        .workspace_packages()
        .iter()
        .map(|package| (package.name.to_string(), package.id.clone()))
        .collect()
}

/// For each package, the packages it needs to be built or to run.
fn edges(metadata: &Metadata) -> HashMap<PackageId, BTreeSet<PackageId>> {
    let resolve = metadata.resolve.as_ref().expect("a resolved graph");
    let needed = |node: &cargo_metadata::Node| {
        let of_use = node.deps.iter().filter(|dependency| {
            dependency.dep_kinds.iter().any(|kind| kind.kind != DependencyKind::Development)
        });
        of_use.map(|dependency| dependency.pkg.clone()).collect()
    };
    resolve.nodes.iter().map(|node| (node.id.clone(), needed(node))).collect()
}

#[test]
fn only_the_listed_edges_exist() {
    let metadata = metadata(CargoOpt::AllFeatures);
    let edges = edges(&metadata);
    let members = members(&metadata);
    let mut wrong = Vec::new();
    for (name, id) in &members {
        let Some((_, allowed)) = ALLOWED.iter().find(|(listed, _)| listed == name) else {
            wrong.push(format!("{name} is not in the table of crates"));
            continue;
        };
        let found = members.iter().filter(|(_, other)| edges[id].contains(*other));
        wrong.extend(
            found
                .filter(|(other, _)| !allowed.contains(&other.as_str()))
                .map(|(other, _)| format!("{name} -> {other}")),
        );
    }
    assert!(wrong.is_empty(), "edges that the design does not have: {wrong:?}");
}

/// Refuses a package that needs libtorch.
fn check_without_libtorch(metadata: &Metadata, name: &str) {
    let edges = edges(metadata);
    let id = &members(metadata)[name];
    let mut seen = BTreeSet::from([id.clone()]);
    let mut left = vec![id.clone()];
    while let Some(next) = left.pop() {
        left.extend(edges[&next].iter().filter(|package| seen.insert((*package).clone())).cloned());
    }
    let torch =
        seen.iter().map(|id| metadata[id].name.as_str()).find(|name| ["tch", "torch-sys"].contains(name));
    assert_eq!(torch, None, "{name} needs libtorch");
}

#[test]
fn pure_rust_crates_do_not_reach_libtorch() {
    let metadata = metadata(CargoOpt::AllFeatures);
    WITHOUT_LIBTORCH.iter().for_each(|name| check_without_libtorch(&metadata, name));
}

#[test]
fn the_command_lines_without_their_feature_torch_do_not_either() {
    check_without_libtorch(&metadata(CargoOpt::NoDefaultFeatures), "ff-cli");
}

/// The modules of `ff-grid` by floor. A module imports from those below it alone.
const FLOORS: &[&[&str]] = &[
    &["error"],
    &["job"],
    &["config", "store"],
    &["catalog"],
    &["run"],
    &["plan"],
    &["engine", "results"],
    &["experiment"],
];

/// What a source file of a crate names of its own crate, and where: `crate::NAME`.
struct Import {
    file: PathBuf,
    /// The module at the top of the crate that the file belongs to.
    from: String,
    /// The name after `crate::`, or `{` for several at once.
    to: String,
}

/// Everything that the files of a crate import from it; comments, tests and `lib.rs` itself are left out.
fn imports(krate: &str) -> Vec<Import> {
    let src = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../crates")).join(krate).join("src");
    let mut found = Vec::new();
    let mut folders = vec![src.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let below = path.strip_prefix(&src).expect("below it").with_extension("");
            let from = below.iter().next().expect("a name").to_string_lossy().into_owned();
            if path.extension().is_none_or(|extension| extension != "rs") || from == "lib" || from == "bin" {
                continue;
            }
            if path.ends_with("tests.rs") {
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("UTF-8");
            let (text, _tests) = text.split_once("#[cfg(test)]\nmod ").unwrap_or((&text, ""));
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            for line in code {
                for (at, found_here) in line.match_indices("crate::") {
                    let rest = &line[at + found_here.len()..];
                    let end = rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len());
                    let to = if end == 0 { rest.chars().take(1).collect() } else { rest[..end].to_owned() };
                    found.push(Import { file: path.clone(), from: from.clone(), to });
                }
            }
        }
    }
    found
}

/// Crates with a library of several modules.
fn libraries() -> impl Iterator<Item = &'static str> {
    ALLOWED.iter().map(|(name, _)| *name).filter(|name| *name != "xtask")
}

#[test]
fn modules_are_imported_by_path() {
    for krate in libraries() {
        for Import { file, to, .. } in imports(krate) {
            let through_lib = to.starts_with(|c: char| c == '{' || c.is_uppercase());
            assert!(!through_lib, "{}: `crate::{to}` goes through lib.rs", file.display());
        }
    }
}

#[test]
fn modules_import_downwards() {
    for krate in libraries() {
        let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for Import { from, to, .. } in imports(krate).into_iter().filter(|import| import.from != import.to) {
            needs.entry(to.clone()).or_default();
            needs.entry(from).or_default().insert(to);
        }
        // Take away what needs nothing any more, again and again: what is left is a circle.
        while let Some(lowest) =
            needs.iter().find(|(_, needs)| needs.is_empty()).map(|(name, _)| name.clone())
        {
            needs.remove(&lowest);
            for others in needs.values_mut() {
                others.remove(&lowest);
            }
        }
        assert!(needs.is_empty(), "{krate}: modules import each other in a circle: {needs:?}");
    }
}

#[test]
fn ff_grid_stands_on_floors() {
    let floor = |module: &str| {
        let floor = FLOORS.iter().position(|floor| floor.contains(&module));
        floor.unwrap_or_else(|| panic!("ff-grid: `{module}` is on no floor"))
    };
    for Import { file, from, to } in imports("ff-grid") {
        let below = from == to || floor(&to) < floor(&from);
        assert!(below, "{}: `{from}` imports from `{to}`, which is not below it", file.display());
    }
}
