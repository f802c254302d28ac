//! Tests of uploads to a hub in this process.

mod case;
mod refusals;
mod server;

use std::collections::BTreeSet;
use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use case::{Case, commit, lines};
use serde_json::{Value, json};
use server::{Fault, Hub, PART, Request, sha256};

const CARD: &str = "---\nlicense: \"unknown\"\n---\n\nIn Python, from the folder `timm` beside this file:\n\n\
                    timm.create_model(\"local-dir:timm\", pretrained=True)\n";

/// Returns the files of a table's folder.
fn table(weights: &[u8]) -> Case {
    Case::new(
        &[
            ("soup.safetensors", weights),
            ("soup.md", CARD.as_bytes()),
            ("soup.json", b"{}"),
            ("timm/config.json", b"{\"architecture\": \"resnet18\"}"),
            ("timm/model.safetensors", weights),
            ("timm/README.md", CARD.as_bytes()),
            ("table.json", b"{}"),
            ("surface.svg", b"<svg/>"),
        ],
        &[],
    )
}

/// Returns pseudo-random bytes.
fn content(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}

fn with_line<'a>(requests: &'a [Request], start: &str) -> &'a Request {
    requests.iter().find(|request| request.line.starts_with(start)).expect("a request")
}

#[test]
fn the_folder_of_a_table() {
    let weights = content(1_000);
    let case = table(&weights);
    let requests = case.push();
    let oid = sha256(&weights);
    let sent = [
        "GET /api/models/clinic/net",
        "POST /api/repos/create",
        "GET /api/models/clinic/net",
        "POST /api/models/clinic/net/preupload/main",
        "POST /clinic/net.git/info/lfs/objects/batch",
        &format!("PUT /storage/whole/{oid}"),
        "POST /clinic/net.git/info/lfs/objects/verify",
        "POST /api/models/clinic/net/commit/main",
    ];
    assert_eq!(lines(&requests), sent);
    // The hub gets the token; its storage does not.
    for Request { line, headers, .. } in &requests {
        let token = headers.get("authorization").map(String::as_str);
        assert_eq!(token, (!line.contains("/storage/")).then_some("Bearer hf_writer"), "{line}");
        assert!(!headers.contains_key("transfer-encoding"), "{line}");
    }
    let created = json!({ "name": "net", "organization": "clinic", "type": "model" });
    assert_eq!(requests[1].json(), created);

    let card = CARD.replace(", from the folder `timm` beside this file", "");
    let card = card.replace("local-dir:timm", "hf-hub:clinic/net");
    let config = b"{\"architecture\": \"resnet18\"}".as_slice();
    let files: [(&str, &[u8]); 4] = [
        ("README.md", card.as_bytes()),
        ("config.json", config),
        ("model.safetensors", &weights),
        ("soup.json", b"{}"),
    ];
    let entry = |(name, content): &(&str, &[u8])| {
        let sample = STANDARD.encode(&content[..content.len().min(512)]);
        json!({ "path": name, "sample": sample, "size": content.len() })
    };
    assert_eq!(requests[3].json(), json!({ "files": files.iter().map(entry).collect::<Vec<_>>() }));

    let batch = &requests[4];
    assert_eq!(batch.headers["accept"], "application/vnd.git-lfs+json");
    assert_eq!(batch.headers["content-type"], "application/vnd.git-lfs+json");
    let wanted = json!({
        "operation": "upload",
        "transfers": ["basic", "multipart"],
        "objects": [{ "oid": oid, "size": 1_000 }],
        "hash_algo": "sha256",
        "ref": { "name": "main" },
    });
    assert_eq!(batch.json(), wanted);
    assert_eq!(requests[5].body, weights);
    assert_eq!(requests[6].json(), json!({ "oid": oid, "size": 1_000 }));

    let regular = |(name, content): (&str, &[u8])| {
        let content = STANDARD.encode(content);
        json!({ "key": "file", "value": { "path": name, "content": content, "encoding": "base64" } })
    };
    let large = json!({ "path": "model.safetensors", "algo": "sha256", "oid": oid, "size": 1_000 });
    let expected = [
        json!({ "key": "header", "value": { "summary": "Upload model", "description": "" } }),
        regular(files[0]),
        regular(files[1]),
        json!({ "key": "lfsFile", "value": large }),
        regular(files[3]),
    ];
    assert_eq!(commit(&requests), expected);
}

#[test]
fn what_the_repository_has_is_not_sent_again() {
    let case = Case::new(&[("a.txt", b"test content\n"), ("w.safetensors", b"weights"), ("b.txt", b"")], &[]);
    case.push();
    // The digests of `git hash-object`.
    for (name, digest) in [
        ("a.txt", "d670460b4b4aece5915caf5c68d12f560a9fe3e4"),
        ("b.txt", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"),
    ] {
        case.state().committed.insert(name.to_owned(), digest.to_owned());
    }
    let asked = ["GET /api/models/clinic/net", "POST /api/models/clinic/net/preupload/main"];
    assert_eq!(lines(&case.push()), asked);

    case.write("a.txt", b"other content");
    let committed = |requests: &[Request]| -> Vec<Value> {
        commit(requests)[1..].iter().map(|line| line["value"]["path"].clone()).collect()
    };
    let requests = case.push();
    assert_eq!(lines(&requests)[..2], asked);
    assert_eq!((requests.len(), committed(&requests)), (3, vec![json!("a.txt")]));
    case.state().committed.insert("a.txt".into(), "4f41554f6e0045ef53848fc0c3f33b6a9abc24a9".into());

    // Weights under another name: their content is in storage.
    fs::rename(case.path("w.safetensors"), case.path("v.safetensors")).expect("a file");
    let requests = case.push();
    assert!(lines(&requests).iter().all(|line| !line.contains("/storage/")), "{:?}", lines(&requests));
    assert!(committed(&requests).contains(&json!("v.safetensors")));
}

#[test]
fn files_in_parts() {
    let weights = content(2 * PART as usize + 1);
    let case = Case::new(&[("w.safetensors", &weights)], &[]);
    let requests = case.push();
    let oid = sha256(&weights);
    assert!(case.state().stored[&oid] == weights, "the content differs");
    let lengths: Vec<_> = requests
        .iter()
        .filter(|request| request.line.starts_with("PUT /storage/part/"))
        .map(|request| request.body.len() as u64)
        .collect();
    assert_eq!(lengths, [PART, PART, 1]);
    let complete = with_line(&requests, "POST /storage/complete");
    let part = |number: u64| json!({ "partNumber": number, "etag": format!("\"part-{number}\"") });
    assert_eq!(complete.json(), json!({ "oid": oid, "parts": [part(1), part(2), part(3)] }));
    assert_eq!(complete.headers["content-type"], "application/vnd.git-lfs+json");
    assert!(!complete.headers.contains_key("authorization"));
}

#[test]
fn a_failed_request_is_sent_again_from_its_start() {
    let busy = Fault::Status("503 Service Unavailable", "", "");
    let weights = content(2 * PART as usize);
    let faults = [
        ("GET /api/models/", busy.clone()),
        ("POST /api/models/clinic/net/preupload/", busy.clone()),
        ("PUT /storage/part/2", Fault::Drop(30_000)),
        ("POST /storage/complete", busy.clone()),
        ("POST /clinic/net.git/info/lfs/objects/verify", busy.clone()),
    ];
    let case = Case::new(&[("w.safetensors", &weights)], &[]).with_faults(&faults);
    let requests = case.push();
    assert!(case.state().stored[&sha256(&weights)] == weights, "the content differs");
    let parts: Vec<_> = lines(&requests).into_iter().filter(|line| line.starts_with("PUT ")).collect();
    assert_eq!(parts, ["PUT /storage/part/1", "PUT /storage/part/2", "PUT /storage/part/2"]);

    let small = content(30_000);
    let faults = [("PUT /storage/whole/", Fault::Drop(10_000)), ("PUT /storage/whole/", busy)];
    let case = Case::new(&[("w.safetensors", &small)], &[]).with_faults(&faults[..1]);
    case.push();
    assert!(case.state().stored[&sha256(&small)] == small, "the content differs");
    // Two failures are as many as the client's patience allows.
    let case = Case::new(&[("w.safetensors", &small)], &[]).with_faults(&faults);
    case.fails(&["w.safetensors: ", "answers 503", "hint: run the same command again"]);
}

#[test]
fn files_of_other_folders() {
    let case = Case::new(&[("w.safetensors", b"weights"), ("sub/deep/x.txt", b"x"), ("train.log", b"")], &[]);
    assert_eq!(case.names(), ["sub/deep/x.txt", "train.log", "w.safetensors"]);
    // The repository's .gitignore has the log.
    let paths: BTreeSet<_> =
        commit(&case.push())[1..].iter().map(|line| line["value"]["path"].to_string()).collect();
    assert_eq!(paths, BTreeSet::from(["\"sub/deep/x.txt\"".to_owned(), "\"w.safetensors\"".to_owned()]));

    let mut case = Case::new(&[("one.txt", b"1"), ("sub/two.txt", b"2")], &[]);
    case.options.paths = vec![case.path("sub/two.txt"), case.path("one.txt")];
    assert_eq!(case.names(), ["one.txt", "two.txt"]);
    // A network that timm does not have.
    let case = table(b"weights");
    fs::remove_dir_all(case.path("timm")).expect("a folder");
    assert_eq!(case.names(), ["README.md", "model.safetensors", "soup.json"]);
    assert_eq!(case.state().requests.len(), 0);
}

#[test]
fn two_files_of_one_content_are_stored_once() {
    let case = Case::new(&[("a.safetensors", b"weights"), ("b.safetensors", b"weights")], &[]);
    let requests = case.push();
    assert_eq!(lines(&requests).iter().filter(|line| line.starts_with("PUT ")).count(), 1);
    assert_eq!(commit(&requests).len(), 3);
}

#[test]
fn another_host_gets_no_token() {
    let other = Hub::new();
    other.state.lock().expect("a state").faults.push(("POST /", Fault::Status("200 OK", "", "")));
    let case = Case::new(&[("w.safetensors", b"weights")], &[]);
    case.state().verified_at = Some(other.endpoint.clone());
    case.push();
    let requests = &other.state.lock().expect("a state").requests;
    assert_eq!(lines(requests), ["POST /clinic/net.git/info/lfs/objects/verify"]);
    assert!(!requests[0].headers.contains_key("authorization"));
}

#[test]
fn a_private_repository_and_a_branch() {
    let mut case = table(b"weights");
    case.options.private = true;
    (case.options.revision, case.options.message) = ("trial/2".to_owned(), "Add \"net\"".to_owned());
    let requests = case.push();
    assert_eq!(with_line(&requests, "POST /api/repos/create").json()["visibility"], "private");
    with_line(&requests, "POST /api/models/clinic/net/preupload/trial%2F2");
    with_line(&requests, "POST /api/models/clinic/net/commit/trial%2F2");
    let batch = with_line(&requests, "POST /clinic/net.git/info/lfs/objects/batch");
    assert_eq!(batch.json()["ref"]["name"], "trial/2");
    let commit = commit(&requests);
    assert_eq!(commit[0]["value"]["summary"], "Add \"net\"");
    let card = STANDARD.decode(commit[1]["value"]["content"].as_str().expect("a card")).expect("base64");
    assert!(String::from_utf8(card).expect("UTF-8").contains("hf-hub:clinic/net@trial/2"));
}
