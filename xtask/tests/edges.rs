//! The dependencies between the crates of this workspace, checked with `cargo metadata`, and the
//! imports between the modules of a crate.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use cargo_metadata::{CargoOpt, DependencyKind, Metadata, MetadataCommand, PackageId};

/// Each crate and the crates of this workspace that it may depend on. A crate may be absent; any
/// other dependency is an error. Development dependencies are not restricted.
const ALLOWED: &[(&str, &[&str])] = &[
    ("ff-pickle", &[]),
    ("ff-checkpoint", &["ff-pickle"]),
    ("ff-data", &["ff-pickle"]),
    ("ff-eval", &[]),
    ("ff-soup", &["ff-checkpoint", "ff-eval"]),
    ("ff-torch-sys", &[]),
    ("ff-models", &["ff-checkpoint", "ff-torch-sys"]),
    ("ff-inmerge", &[]),
    ("ff-train", &["ff-data", "ff-models", "ff-eval", "ff-checkpoint", "ff-torch-sys"]),
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

/// The crates that build and test without libtorch, so that each can be used without PyTorch.
const WITHOUT_LIBTORCH: &[&str] =
    &["ff-pickle", "ff-checkpoint", "ff-data", "ff-eval", "ff-soup", "ff-report", "xtask"];

/// Returns the dependency graph for the platform that the tests run on. Without the filter cargo
/// would fetch the packages of every platform.
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

/// Returns, for each package, the packages it needs to be built or to run.
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
    assert!(wrong.is_empty(), "dependencies that are not allowed: {wrong:?}");
}

/// Fails for a package that needs libtorch.
fn check_without_libtorch(metadata: &Metadata, name: &str) {
    let edges = edges(metadata);
    let id = &members(metadata)[name];
    let mut seen = BTreeSet::from([id.clone()]);
    let mut pending = vec![id.clone()];
    while let Some(next) = pending.pop() {
        pending.extend(edges[&next].iter().filter(|package| seen.insert((*package).clone())).cloned());
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
fn ff_cli_without_torch_does_not_reach_libtorch() {
    check_without_libtorch(&metadata(CargoOpt::NoDefaultFeatures), "ff-cli");
}

/// The modules of `ff-grid` by layer, the lowest first. A module imports only from the layers below
/// its own.
const LAYERS: &[&[&str]] = &[
    &["error"],
    &["job"],
    &["config", "store"],
    &["catalog"],
    &["run"],
    &["plan"],
    &["engine", "results"],
    &["experiment"],
];

/// An import between two files of a crate, both as modules: `["job", "id"]` is `job/id.rs`.
struct Import {
    from: Vec<String>,
    to: Vec<String>,
    /// The path as it is written.
    path: String,
}

/// Returns the files of a crate by module, without comments and tests; `lib.rs` and programs are
/// left out.
fn modules(krate: &str) -> BTreeMap<Vec<String>, String> {
    let src = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../crates")).join(krate).join("src");
    let mut found = BTreeMap::new();
    let mut folders = vec![src.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let below = path.strip_prefix(&src).expect("below it").with_extension("");
            let mut module: Vec<String> =
                below.iter().map(|name| name.to_string_lossy().into_owned()).collect();
            module.pop_if(|name| name == "mod");
            let left_out = module[0] == "lib" || module[0] == "bin" || module.ends_with(&["tests".into()]);
            if path.extension().is_some_and(|extension| extension == "rs") && !left_out {
                let text = std::fs::read_to_string(&path).expect("UTF-8");
                // Tests in a file of their own are a line; tests beside the code are the rest of
                // the file.
                let code = text.split("#[cfg(test)]\nmod tests {").next().expect("a first part").lines();
                let code = code.filter(|line| !line.trim_start().starts_with("//"));
                found.insert(module, code.collect::<Vec<_>>().join("\n").replace("pub(in crate::", "pub("));
            }
        }
    }
    found
}

/// Returns the paths of a `use` tree: `a::{b, c::{d, e}}` is `a::b`, `a::c::d` and `a::c::e`.
fn paths(tree: &str) -> Vec<String> {
    let Some((stem, branches)) = tree.trim().split_once('{') else { return vec![tree.trim().to_owned()] };
    let mut depth = 0;
    let of_this = |letter: char| {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        letter == ',' && depth == 0
    };
    let branches =
        branches.trim_end().trim_end_matches('}').split(of_this).filter(|it| !it.trim().is_empty());
    branches.flat_map(paths).map(|path| format!("{stem}{path}")).collect()
}

/// Returns every import between a crate's own modules.
fn imports(krate: &str) -> Vec<Import> {
    let modules = modules(krate);
    let mut found = Vec::new();
    for (from, code) in &modules {
        let uses = code.split("use ").skip(1).filter_map(|rest| rest.split(';').next());
        let inline = ["crate::", "super::"].into_iter().flat_map(|start| {
            code.match_indices(start).map(|(at, _)| {
                code[at..].split(|c: char| c != '_' && c != ':' && !c.is_alphanumeric()).next().expect("it")
            })
        });
        // A `crate::` before a brace belongs to a `use` tree.
        let inline = inline.filter(|path| !path.ends_with("::")).map(str::to_owned);
        for path in uses.flat_map(paths).chain(inline) {
            let mut names = path.split("::").map(str::trim).peekable();
            let mut to = match names.peek() {
                Some(&"crate") => Vec::new(),
                Some(&("self" | "super")) => from.clone(),
                // A child of the module, as in `pub use child::Item`.
                Some(&child) if modules.contains_key(&[&from[..], &[child.into()]].concat()) => from.clone(),
                _ => continue,
            };
            while let Some(name) = names.next_if(|name| ["crate", "self", "super"].contains(name)) {
                if name == "super" {
                    to.pop();
                }
            }
            while let Some(name) =
                names.next_if(|&name| modules.contains_key(&[&to[..], &[name.into()]].concat()))
            {
                to.push(name.into());
            }
            found.push(Import { from: from.clone(), to, path });
        }
    }
    found.retain(|import| import.from != import.to);
    found
}

/// Returns the crates with a library of several modules.
fn libraries() -> impl Iterator<Item = &'static str> {
    ALLOWED.iter().map(|(name, _)| *name).filter(|name| *name != "xtask")
}

#[test]
fn modules_are_imported_by_path() {
    for krate in libraries() {
        for Import { from, to, path } in imports(krate) {
            assert!(!to.is_empty(), "{krate}: {} imports `{path}` through lib.rs", from.join("::"));
        }
    }
}

/// In every folder, modules and their `mod.rs` import each other without a cycle.
#[test]
fn files_import_downwards() {
    for krate in libraries() {
        let mut folders: BTreeMap<Vec<String>, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
        for Import { from, to, .. } in imports(krate) {
            let shared = from.iter().zip(&to).take_while(|(from, to)| from == to).count();
            let child = |path: &[String]| path.get(shared).map_or("mod.rs", String::as_str).to_owned();
            let needs = folders.entry(from[..shared].to_vec()).or_default();
            needs.entry(child(&to)).or_default();
            needs.entry(child(&from)).or_default().insert(child(&to));
        }
        for (folder, mut needs) in folders {
            // Remove modules that import nothing until there are none: the rest is a cycle.
            while let Some(lowest) =
                needs.iter().find(|(_, needs)| needs.is_empty()).map(|(name, _)| name.clone())
            {
                needs.remove(&lowest);
                for others in needs.values_mut() {
                    others.remove(&lowest);
                }
            }
            let folder = folder.join("/");
            assert!(needs.is_empty(), "{krate}/src/{folder}: files import each other in a cycle: {needs:?}");
        }
    }
}

#[test]
fn ff_grid_imports_from_lower_layers() {
    let layer = |module: &str| {
        let layer = LAYERS.iter().position(|layer| layer.contains(&module));
        layer.unwrap_or_else(|| panic!("ff-grid: `{module}` is in no layer"))
    };
    for Import { from, to, path } in imports("ff-grid") {
        let below = from[0] == to[0] || layer(&to[0]) < layer(&from[0]);
        assert!(below, "{} imports `{path}`, which is not in a lower layer", from.join("::"));
    }
}

#[test]
fn imports_are_read_from_use_trees() {
    assert_eq!(paths("a::{b, c::{d, e},\n}"), ["a::b", "a::c::d", "a::c::e"]);
    let of = |from: &str, path: &str| {
        imports("ff-grid").iter().any(|it| it.from.join("::") == from && it.to.join("::") == path)
    };
    assert!(of("job::graph", "job::id"), "siblings, by `super::`");
    assert!(of("plan::planned", "job"), "other layers, by `crate::`");
    assert!(of("job", "job::id"), "children, by `pub use`");
}
