//! The only edges between the crates of this workspace, held against `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

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
fn metadata() -> Metadata {
    let host = format!("{}-unknown-{}-gnu", std::env::consts::ARCH, std::env::consts::OS);
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .features(CargoOpt::AllFeatures)
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
    let metadata = metadata();
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

#[test]
fn pure_rust_crates_do_not_reach_libtorch() {
    let metadata = metadata();
    let edges = edges(&metadata);
    for (name, id) in members(&metadata).iter().filter(|(name, _)| WITHOUT_LIBTORCH.contains(&name.as_str()))
    {
        let mut seen = BTreeSet::from([id.clone()]);
        let mut left = vec![id.clone()];
        while let Some(next) = left.pop() {
            left.extend(edges[&next].iter().filter(|package| seen.insert((*package).clone())).cloned());
        }
        let torch =
            seen.iter().map(|id| metadata[id].name.as_str()).find(|name| ["tch", "torch-sys"].contains(name));
        assert_eq!(torch, None, "{name} needs libtorch");
    }
}
