//! Uploads that fail, and their hints.

use std::fs;
use std::os::unix::fs::symlink;

use ff_cli::hub::push::plan;

use crate::case::Case;
use crate::server::{Fault, PART};

fn case(variables: &[(&str, &str)]) -> Case {
    Case::new(&[("w.safetensors", b"weights")], variables)
}

#[test]
fn settings() {
    case(&[("HF_TOKEN", "")])
        .is_refused(&["expected a token with write access, found none", "hf auth login"]);
    let disabled = [("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")];
    case(&disabled).is_refused(&["found none", "unset HF_HUB_DISABLE_IMPLICIT_TOKEN"]);
    case(&[("HF_TOKEN", "hf_ writer")]).is_refused(&["HF_TOKEN: expected a token such as hf_"]);
    case(&[("HF_HUB_OFFLINE", "1")]).is_refused(&["HF_HUB_OFFLINE is set", "unset HF_HUB_OFFLINE"]);
    case(&[("HF_ENDPOINT", "hub.example")]).is_refused(&["HF_ENDPOINT: ", "set it to https://hub.example"]);
    case(&[("HF_ENDPOINT", "http://127.0.0.1:1")]).is_refused(&["(2 times in a row)", "HTTPS_PROXY"]);
}

#[test]
fn names() {
    let mut case = case(&[]);
    let long = format!("clinic/{}", "n".repeat(97));
    for wrong in
        ["net", "clinic/", "a/b/c", "clinic/n et", "clinic/-net", "clinic/a--b", "c/x@v1", "c/a+b", &long]
    {
        case.options.repo = wrong.to_owned();
        case.is_refused(&["--repo: expected OWNER/NAME", wrong]);
    }
    case.options.repo = "clinic/net".to_owned();
    for wrong in ["", "a b", "../x"] {
        case.options.revision = wrong.to_owned();
        case.is_refused(&["--revision: expected the name of a branch"]);
    }
}

#[test]
fn files() {
    let with = |name: &str| Case::new(&[("w.safetensors", b"weights"), (name, b"x")], &[]);
    with(".env").is_refused(&["/.env: expected a file without a dot", "hint: "]);
    with(".git/config").is_refused(&["/.git: expected a file without a dot"]);
    with("sub/.cache/x").is_refused(&["sub/.cache: expected a file without a dot"]);
    let mut named = with(".env");
    named.options.paths = vec![named.path(".env")];
    named.is_refused(&["found `.env`"]);
    named.options.paths = vec![named.path("w.safetensors"), named.path("none.txt")];
    named.is_refused(&["none.txt: cannot be read"]);
    named.options.paths = vec!["/dev/null".into()];
    named.is_refused(&["/dev/null: expected a regular file"]);

    let case = case(&[]);
    symlink(case.path("w.safetensors"), case.path("link")).expect("a link");
    case.is_refused(&["link: expected a regular file, found a link", "a link that is named is followed"]);
    fs::remove_file(case.path("link")).expect("no link");
    fs::remove_file(case.path("w.safetensors")).expect("no file");
    case.is_refused(&["/model: expected files to upload, found none"]);

    let mut twice = with("sub/w.safetensors");
    twice.options.paths = vec![twice.path("w.safetensors"), twice.path("sub")];
    twice.is_refused(&["/sub/w.safetensors: both would be `w.safetensors`"]);
    let error = plan(&twice.options).expect_err("an error");
    assert!(error.to_string().contains("both would be"), "{error}");
    with("table.json").is_refused(&["table of several models", "BACKBONE/DATASET"]);
}

#[test]
fn answers_of_the_hub() {
    let fails = |request: &'static str, status, headers, body, texts: &[&str]| {
        // Twice, since a status of a busy server is tried again.
        let fault = (request, Fault::Status(status, headers, body));
        case(&[]).with_faults(&[fault.clone(), fault]).fails(texts);
    };
    let (info, create) = ("GET /api/models/", "POST /api/repos/create");
    let (preupload, commit) = ("POST /api/models/clinic/net/preupload", "POST /api/models/clinic/net/commit");
    let wrong = "X-Error-Message: Invalid credentials\r\n";
    fails(
        info,
        "401 Unauthorized",
        wrong,
        "",
        &["HF_TOKEN is not valid (Invalid credentials)", "write access"],
    );
    let moved = "Location: /api/models/clinic/new\r\n";
    fails(info, "307 Temporary Redirect", moved, "", &["another name now: /api/models/clinic/new"]);
    fails(info, "200 OK", "", "<html>", &["expected an answer of a Hugging Face hub", "HF_ENDPOINT"]);
    let error = r#"{"error": "You don't have the rights to create a model under this namespace"}"#;
    fails(
        create,
        "403 Forbidden",
        "",
        error,
        &["no write access (You don't have the rights", "settings/tokens"],
    );
    let exists = r#"{"error": "You already created this model repo"}"#;
    fails(
        create,
        "409 Conflict",
        "",
        exists,
        &["in the way (You already created", "the token may write to it"],
    );
    fails(preupload, "403 Forbidden", "", "", &["the token in HF_TOKEN has no write access"]);
    let revision = "X-Error-Code: RevisionNotFound\r\n";
    fails(
        preupload,
        "404 Not Found",
        revision,
        "",
        &["found no `main`", "hf repos branch create clinic/net main"],
    );
    fails(preupload, "200 OK", "", r#"{"files": []}"#, &["an answer without this file (w.safetensors)"]);
    fails(commit, "400 Bad Request", "", r#"{"error": "Invalid YAML"}"#, &["400 Bad Request (Invalid YAML)"]);
    fails(
        commit,
        "412 Precondition Failed",
        "",
        "",
        &["another change of the repository", "run the same command"],
    );
    fails(commit, "500 Internal Server Error", "", "", &["answers 500 Internal", "again later"]);
}

#[test]
fn a_commit_is_sent_once() {
    let case = case(&[]).with_faults(&[("POST /api/models/clinic/net/commit", Fault::Drop(10))]);
    case.fails(&["clinic/net: ", "run the same command again"]);
    let sent = case.state().requests.iter().filter(|request| request.line.contains("/commit/")).count();
    assert_eq!(sent, 1);
    let again = case.push();
    assert!(again.iter().all(|request| !request.line.contains("/storage/")));
}

#[test]
fn a_public_repository_in_place_of_a_private_one() {
    let mut case = case(&[]);
    case.state().private = Some(false);
    case.options.private = true;
    case.fails(&["expected a private repository, found a public one", "/clinic/net/settings"]);
    assert_eq!(case.state().requests.len(), 1);
}

#[test]
fn answers_of_storage() {
    let fails = |request: &'static str, status, headers, body, texts: &[&str]| {
        case(&[]).with_faults(&[(request, Fault::Status(status, headers, body))]).fails(texts);
    };
    let batch = "POST /clinic/net.git/info/lfs/objects/batch";
    // The SHA-256 of `weights`.
    let refused = r#"{"objects": [{"oid": "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c", "size": 7,
        "error": {"code": 422, "message": "too large"}}]}"#;
    fails(batch, "200 OK", "", refused, &["w.safetensors: the hub's storage refuses", "too large (422)"]);
    fails(batch, "200 OK", "", r#"{"objects": []}"#, &["an answer without this file (w.safetensors)"]);
    fails(batch, "413 Payload Too Large", "", "", &["refuses the upload: 413 Payload Too Large"]);
    let parts = r#"{"objects": [{"oid": "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c", "size": 7,
        "actions": {"upload": {"href": "", "header": {"chunk_size": "4", "1": "", "3": ""}}}}]}"#;
    fails(batch, "200 OK", "", parts, &["2 addresses for parts of 4 bytes (w.safetensors)"]);
    fails(
        "PUT /storage/whole/",
        "403 Forbidden",
        "",
        "<Error/>",
        &["w.safetensors: the hub's storage answers 403"],
    );
    let verify = "POST /clinic/net.git/info/lfs/objects/verify";
    fails(verify, "404 Not Found", "", "", &["w.safetensors: the hub's storage answers 404 Not Found"]);
    let weights = vec![0; PART as usize + 1];
    let without_etag = ("PUT /storage/part/1", Fault::Status("200 OK", "", ""));
    let case = Case::new(&[("w.safetensors", &weights)], &[]).with_faults(&[without_etag]);
    case.fails(&["a part without an ETag (w.safetensors)"]);
}
