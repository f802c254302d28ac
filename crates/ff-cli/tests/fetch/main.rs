//! Tests of downloads from a server in this process.

mod archive;
mod case;
mod hub;
mod server;
mod sources;

use std::fs;

use case::{Case, content, hex, sha256};
use ff_cli::fetch::Checksum;
use md5::{Digest, Md5};
use server::Reply;

#[test]
fn a_whole_file() {
    let mut case = Case::new(vec![Reply::Ranges]);
    case.wanted.checksum = Some(Checksum::Md5(hex(Md5::digest(content()))));
    case.succeeds(&[0]);
    assert_eq!(case.server.lines(), ["get /data/file.bin http/1.1"]);
    let mut unstated = Case::new(vec![Reply::Ranges]);
    unstated.wanted.bytes = None;
    unstated.succeeds(&[0]);
}

#[test]
fn an_existing_file() {
    let case = Case::new(vec![Reply::Ranges]);
    fs::write(case.file(), content()).expect("a file");
    case.succeeds(&[]);
    fs::write(case.file(), "another version").expect("a file");
    case.succeeds(&[0]);
}

#[test]
fn the_rest_of_a_partial_file() {
    Case::new(vec![Reply::Ranges]).with_part(&content()[..40_000]).succeeds(&[40_000]);
    Case::new(vec![Reply::Ranges]).with_part(&content()).succeeds(&[]);
}

#[test]
fn a_partial_file_of_another_file() {
    let longer = [content(), vec![0]].concat();
    Case::new(vec![Reply::Ranges]).with_part(&longer).succeeds(&[0]);
    // Without a published size, only the server knows that nothing follows.
    let mut case = Case::new(vec![Reply::Ranges]).with_part(&longer);
    case.wanted.bytes = None;
    case.succeeds(&[100_001, 0]);
    // Without a checksum too, nothing says that the partial file is the whole one.
    let mut case = Case::new(vec![Reply::Ranges]).with_part(&longer);
    (case.wanted.bytes, case.wanted.checksum) = (None, None);
    case.succeeds(&[100_001, 0]);
    let mut whole = Case::new(vec![Reply::Ranges]).with_part(&content());
    whole.wanted.bytes = None;
    whole.succeeds(&[100_000]);
}

#[test]
fn a_server_without_ranges() {
    Case::new(vec![Reply::Whole]).with_part(&content()[..40_000]).succeeds(&[40_000]);
}

#[test]
fn a_server_that_sends_another_range() {
    let head =
        "HTTP/1.1 206 Partial Content\r\nContent-Length: 1\r\nContent-Range: bytes 7-7/100000\r\n\r\n?";
    let case = Case::new(vec![Reply::Raw(head.into()), Reply::Ranges]).with_part(&content()[..40_000]);
    case.succeeds(&[40_000, 0]);
    let case = Case::new(vec![Reply::Raw(head.into())]);
    case.fails(&[0], &["answers 206 Partial Content"], None);
}

#[test]
fn dropped_connections() {
    Case::new(vec![Reply::Drops(30_000), Reply::Drops(0), Reply::Ranges]).succeeds(&[0, 30_000, 30_000]);
    // Five drops with three attempts allowed: each brings new bytes.
    let case = Case::new([vec![Reply::Drops(10_000); 5], vec![Reply::Ranges]].concat());
    case.succeeds(&[0, 10_000, 20_000, 30_000, 40_000, 50_000]);
    Case::new(vec![Reply::Stalls(20_000), Reply::Ranges]).resumes(20_000);
    Case::new(vec![Reply::Status("503 Service Unavailable"), Reply::Ranges]).succeeds(&[0, 0]);
}

#[test]
fn giving_up() {
    let case = Case::new(vec![Reply::Drops(30_000), Reply::Drops(0)]);
    let texts = ["/data/file.bin: ", "(3 times in a row); 30000 bytes are kept", "hint: run the same"];
    case.fails(&[0, 30_000, 30_000], &texts, Some(30_000));
    // A server that starts over and stops at the same offset each time makes no progress.
    let head = [b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", &content()[..30_000]].concat();
    let case = Case::new(vec![Reply::Raw(head)]);
    case.fails(&[0, 30_000, 30_000], &["3 times in a row"], Some(30_000));
    let mut case = Case::new(vec![Reply::Whole]);
    case.wanted.url = "http://127.0.0.1:1/file.bin".to_owned();
    case.fails(&[], &["http://127.0.0.1:1/file.bin: ", "3 times in a row"], None);
}

#[test]
fn refusals() {
    let case = Case::new(vec![Reply::Status("404 Not Found")]).with_part(&[1, 2, 3]);
    case.fails(&[3], &["/data/file.bin: the server answers 404 Not Found"], Some(3));
    Case::new(vec![Reply::Status("403 Forbidden")]).fails(&[0], &["answers 403 Forbidden"], None);
}

#[test]
fn another_file() {
    let mut case = Case::new(vec![Reply::Ranges]);
    let expected = sha256(b"something else");
    let found = format!("expected {expected}, found SHA-256 ");
    case.wanted.checksum = Some(expected);
    case.fails(&[0], &[&found, "another version"], None);
    let mut case = Case::new(vec![Reply::Ranges]);
    case.wanted.bytes = Some(99_999);
    case.fails(&[0], &["expected 99999 bytes, found 100000", "another version"], None);
    // Without a length in the answer, only the body shows its size.
    let endless = [b"HTTP/1.1 200 OK\r\n\r\n", content().as_slice()].concat();
    let mut case = Case::new(vec![Reply::Raw(endless)]);
    case.wanted.bytes = Some(99_999);
    case.fails(&[0], &["expected 99999 bytes, found more"], None);
}

#[test]
fn another_process_downloads_the_same_file() {
    let case = Case::new(vec![Reply::Ranges]).with_part(&[1]);
    let file = fs::File::open(case.part()).expect("the part");
    file.lock().expect("a lock");
    case.fails(&[], &["file.bin.part: another process"], Some(1));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk() {
    let case = Case::new(vec![Reply::Ranges]);
    std::os::unix::fs::symlink("/dev/full", case.part()).expect("a link");
    let error = format!("{:#}", case.download().expect_err("an error"));
    assert!(error.contains("file.bin.part: cannot be written") && error.contains("space"), "{error}");
}
