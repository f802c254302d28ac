//! The table of open datasets, and the texts on restricted ones.

use std::collections::HashSet;

use clap::{Args, Command, FromArgMatches};
use ff_cli::fetch::{Checksum, Download, Fetched, Offer, Request, fetch, find, names};

use crate::server::{Reply, Server};

/// Returns every file of every open dataset.
fn files() -> Vec<Download> {
    let sides = [None, Some(64), Some(128), Some(224)];
    let names = names();
    let offers =
        names.iter().flat_map(|name| sides.map(|image_size| find(name.get_name(), image_size, None)));
    let open = offers.filter_map(|offer| match offer {
        Ok(Offer::Open(open)) => Some(open.files),
        _ => None,
    });
    open.flatten().collect()
}

#[test]
fn the_table_is_valid() {
    let files = files();
    assert_eq!(files.len(), 5 * 4 + 2 + 4);
    let mut seen = HashSet::new();
    for file in files {
        let (digits, length) = match file.checksum.as_ref().expect("a checksum") {
            Checksum::Md5(digits) => (digits, 32),
            Checksum::Sha256(digits) => (digits, 64),
        };
        assert!(digits.len() == length && digits.bytes().all(|byte| byte.is_ascii_hexdigit()), "{file:?}");
        assert!(file.url.starts_with("https://") && file.url.contains(&file.file_name), "{file:?}");
        assert!(seen.insert(file.file_name.clone()) && seen.insert(digits.clone()), "{file:?}");
        assert!(file.bytes.is_none_or(|bytes| bytes > 0), "{file:?}");
    }
}

#[test]
fn names_on_the_command_line() {
    let request = |line: &str| {
        let matches = Request::augment_args(Command::new("fetch")).try_get_matches_from(line.split(' '));
        matches.map(|matches| Request::from_arg_matches(&matches).expect("a request"))
    };
    for name in names() {
        let name = name.get_name();
        assert_eq!(request(&format!("fetch {name} --root data")).expect("a request").kind, name);
        // Each name is either a download or instructions.
        find(name, None, None).expect("an offer");
    }
    let chosen = request("fetch cifar10.1 --root data --version v6").expect("a request");
    assert_eq!(chosen.version.as_deref(), Some("v6"));
    assert!(request("fetch imagenet --root data").is_err());
}

#[test]
fn wrong_sizes_and_versions() {
    let fails = |name: &str, image_size, version, text: &str| {
        let error = find(name, image_size, version).expect_err("an error").to_string();
        assert!(error.contains(text), "{error}");
    };
    fails("pathmnist", Some(32), None, "pathmnist: expected --image-size 28, 64, 128 or 224, found 32");
    fails("cifar10", Some(32), None, "cifar10: expected no --image-size");
    fails("cifar10.1", None, Some("v5"), "expected --version v4 or v6, found `v5`");
    fails("mimic-cxr", None, Some("2.1.0"), "mimic-cxr: expected no --version");
}

#[test]
fn instructions_name_address_terms_and_files() {
    for name in names() {
        if let Ok(Offer::Closed(text)) = find(name.get_name(), None, None) {
            for part in ["https://", "terms: ", "ROOT/"] {
                assert!(text.contains(part), "{part}: {text}");
            }
            assert!(text.lines().all(|line| line.len() <= 120), "{text}");
        }
    }
}

#[test]
fn a_mirror_serves_published_names() {
    let server = Server::new(b"", vec![Reply::Status("404 Not Found")]);
    let mirror = server.url.replace("file.bin", "");
    let root = tempfile::tempdir().expect("a folder");
    let request = |kind: &str| Request {
        kind: kind.to_owned(),
        root: root.path().to_owned(),
        image_size: None,
        version: None,
        mirror: Some(mirror.clone()),
    };
    let error = fetch(&request("pathmnist")).expect_err("an error").to_string();
    assert!(error.contains("/data/pathmnist.npz: the server answers 404 Not Found"), "{error}");
    assert_eq!(server.lines(), ["get /data/pathmnist.npz http/1.1"]);
    assert!(matches!(fetch(&request("messidor")), Ok(Fetched::Access(_))));
}
