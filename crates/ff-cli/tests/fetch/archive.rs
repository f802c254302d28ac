//! Valid, damaged, oversized and hostile archives.

use std::fs;
use std::path::{Path, PathBuf};

use ff_cli::fetch::{Client, Download, Meter, Open, Patience, get, unpack};
use flate2::{Compression, write::GzEncoder};
use tar::{Builder, EntryType, Header};

use crate::case::{content, sha256};
use crate::server::{Reply, Server};

type Tar = Builder<Vec<u8>>;

/// Appends an entry and writes its name unchecked: the crate refuses some names that a test needs.
fn entry(tar: &mut Tar, kind: EntryType, name: &str, bytes: &[u8]) {
    let mut header = Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(bytes.len() as u64);
    if kind.is_symlink() || kind.is_hard_link() {
        header.set_link_name("/etc/passwd").expect("a short name");
    }
    header.set_cksum();
    tar.append(&header, bytes).expect("an entry");
}

fn packed(fill: impl FnOnce(&mut Tar)) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    fill(&mut tar);
    let tar = tar.into_inner().expect("an archive");
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    std::io::Write::write_all(&mut gz, &tar).expect("an archive");
    gz.finish().expect("an archive")
}

fn good() -> Vec<u8> {
    packed(|tar| {
        entry(tar, EntryType::Directory, "data/", b"");
        entry(tar, EntryType::Regular, "./data/a.bin", b"one");
        entry(tar, EntryType::Regular, "data/deep/b.bin", b"");
    })
}

fn unpacked(archive: &[u8]) -> (tempfile::TempDir, anyhow::Result<PathBuf>) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("data.tar.gz");
    fs::write(&file, archive).expect("an archive");
    let result = unpack(&file, folder.path(), "data");
    (folder, result)
}

fn names(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| {
        entry.expect("an entry").file_name().into_string().expect("a name")
    };
    let mut names: Vec<_> = fs::read_dir(folder).expect("a folder").map(name).collect();
    names.sort();
    names
}

/// Asserts that unpacking fails with a text in its error, and that only the archive remains.
fn refused(archive: &[u8], text: &str) {
    let (folder, result) = unpacked(archive);
    let error = format!("{:#}", result.expect_err("an error"));
    assert!(error.contains("data.tar.gz") && error.contains(text), "`{text}` is not in `{error}`");
    assert_eq!(names(folder.path()), ["data.tar.gz"]);
}

#[test]
fn a_good_archive() {
    let (folder, result) = unpacked(&good());
    let made = result.expect("a folder");
    assert_eq!(made, folder.path().join("data"));
    assert_eq!(names(folder.path()), ["data", "data.tar.gz"]);
    assert_eq!(fs::read(made.join("a.bin")).expect("a file"), b"one");
    assert_eq!(fs::read(made.join("deep/b.bin")).expect("a file"), b"");
    let again = unpack(&folder.path().join("data.tar.gz"), folder.path(), "data");
    assert!(again.expect_err("an error").to_string().contains("already exists"));
}

#[test]
fn names_outside_the_folder() {
    for name in ["../evil", "data/../../evil", "/evil", "evil", "data/../data/x"] {
        refused(&packed(|tar| entry(tar, EntryType::Regular, name, b"x")), "expected files below `data`");
    }
}

#[test]
fn entries_that_are_not_files() {
    for kind in [EntryType::Symlink, EntryType::Link, EntryType::Fifo, EntryType::Char] {
        refused(&packed(|tar| entry(tar, kind, "data/x", b"")), "data/x: expected plain files and folders");
    }
}

#[test]
fn damaged_archives() {
    let twice = |tar: &mut Tar| {
        entry(tar, EntryType::Regular, "data/x", b"1");
        entry(tar, EntryType::Regular, "data/x", b"2");
    };
    refused(&packed(twice), "data/x");
    refused(&packed(|_| ()), "expected a folder `data`");
    refused(&packed(|tar| entry(tar, EntryType::Regular, "data", b"1")), "expected a folder `data`");
    refused(b"no archive", "cannot be unpacked");
    let whole = packed(|tar| entry(tar, EntryType::Regular, "data/x", &content()));
    refused(&whole[..whole.len() / 2], "data/x");
}

#[test]
fn oversized_archives() {
    // Only the header claims this size; no such file is written.
    let claims = |tar: &mut Tar| {
        let mut header = Header::new_ustar();
        header.set_path("data/x").expect("a short name");
        header.set_size(1 << 31);
        header.set_cksum();
        tar.append(&header, std::io::empty()).expect("an entry");
    };
    refused(&packed(claims), "expected at most 1073741824 bytes");
    let many = |tar: &mut Tar| {
        for _ in 0..=1000 {
            entry(tar, EntryType::Directory, "data/", b"");
        }
    };
    refused(&packed(many), "expected at most 1000 entries");
}

#[test]
fn a_dataset_in_an_archive() {
    let archive = good();
    let server = Server::new(&archive, vec![Reply::Ranges]);
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("new");
    let (url, file_name) = (server.url.clone(), "data.tar.gz".to_owned());
    let file = Download { url, file_name, bytes: None, checksum: Some(sha256(&archive)) };
    let open = Open { files: vec![file], folder: Some("data") };
    let client = Client::new(Patience::default());
    for _ in 0..2 {
        let paths = get(&open, &root, &client, &mut Meter::default()).expect("a folder");
        assert_eq!(paths, [root.join("data")]);
        assert_eq!(server.offsets(), [0]);
    }
    // The archive is kept, and is unpacked again when the folder is missing.
    fs::remove_dir_all(root.join("data")).expect("a folder");
    get(&open, &root, &client, &mut Meter::default()).expect("a folder");
    assert_eq!(server.offsets(), [0]);
}
