//! Weights from a server that speaks the Hugging Face hub's protocol.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ff_cli::fetch::{Meter, Patience};
use ff_cli::hub::{Settings, find, get};
use sha2::{Digest, Sha256};

use crate::case::{content, hex};
use crate::server::{Reply, Server};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A hub, the host that it stores files on, and an empty cache.
struct Hub {
    hub: Server,
    files: Server,
    folder: tempfile::TempDir,
    settings: Settings,
}

impl Hub {
    /// Starts a hub whose host of files replies so, for a user with these variables.
    fn new(replies: Vec<Reply>, variables: &[(&str, &str)]) -> Self {
        let files = Server::new(&content(), replies);
        let url = files.url.clone();
        let hub = Server::choosing(&content(), move |_, head| reply(&url, head));
        let folder = tempfile::tempdir().expect("a folder");
        let home = folder.path().to_str().expect("UTF-8");
        let variables = [&[("HOME", home), ("HF_ENDPOINT", endpoint(&hub))][..], variables].concat();
        let patience = Patience { stall: Duration::from_secs(120), tries: 1, pause: Duration::ZERO };
        let settings = Settings { patience, ..settings(&variables) };
        Self { hub, files, folder, settings }
    }

    fn get(&self, id: &str) -> Result<PathBuf, String> {
        get(&self.settings, id, None, &mut Meter::default())
    }

    /// Returns a path in the cache.
    fn cached(&self, below: &str) -> PathBuf {
        self.folder.path().join(".cache/huggingface/hub").join(below)
    }

    /// Asserts that a download fails with these texts in its error.
    fn fails(&self, id: &str, texts: &[&str]) {
        let error = self.get(id).expect_err("an error");
        for text in texts {
            assert!(error.contains(text), "`{text}` is not in `{error}`");
        }
    }
}

fn endpoint(server: &Server) -> &str {
    server.url.strip_suffix("/data/file.bin").expect("the file's address")
}

fn settings(variables: &[(&str, &str)]) -> Settings {
    let value = |name: &str| variables.iter().rev().find(|(known, _)| *known == name);
    Settings::read(&|name| value(name).map(|(_, value)| OsString::from(*value)))
}

fn etag() -> String {
    hex(Sha256::digest(content())).to_ascii_lowercase()
}

fn head(status: &str, headers: &str) -> Reply {
    let end = "Connection: close\r\n\r\n";
    Reply::Raw(format!("HTTP/1.1 {status}\r\n{headers}Content-Length: 0\r\n{end}").into())
}

fn refused(status: &str, code: &str) -> Reply {
    head(status, &format!("X-Error-Code: {code}\r\n"))
}

/// The hub's reply to a request, with its files at this address.
fn reply(files: &str, request: &str) -> Reply {
    let (method, rest) = request.split_once(" /").expect("a method");
    let path = rest.split(' ').next().expect("a path");
    let token = request.lines().find_map(|line| line.strip_prefix("authorization: bearer "));
    let (id, file) = path.split_once("/resolve/").expect("a file of a repository");
    let stored = |etag: &str| {
        head(
            "302 Found",
            &format!(
                "X-Repo-Commit: {COMMIT}\r\nX-Linked-Etag: \"{etag}\"\r\nX-Linked-Size: 100000\r\n\
                 ETag: \"other\"\r\nLocation: {files}\r\n"
            ),
        )
    };
    match (id, token) {
        (_, Some("hf_wrong")) => {
            head("401 Unauthorized", "X-Error-Message: Invalid credentials in Authorization header\r\n")
        }
        ("timm/gated", None) => refused("401 Unauthorized", "GatedRepo"),
        ("timm/gated", Some("hf_other")) => refused("403 Forbidden", "GatedRepo"),
        ("timm/private", None) => refused("401 Unauthorized", "RepoNotFound"),
        ("timm/private", Some("hf_other")) => refused("404 Not Found", "RepoNotFound"),
        ("timm/narrow", Some(_)) => head("403 Forbidden", "X-Error-Message: not in the token's scope\r\n"),
        ("timm/renamed", _) => {
            head("307 Temporary Redirect", &format!("Location: /timm/private/resolve/{file}\r\n"))
        }
        ("timm/old", _) if file.ends_with(".bin") => stored(&etag()),
        ("timm/old" | "timm/empty", _) => refused("404 Not Found", "EntryNotFound"),
        ("timm/damaged", _) => stored(&"0".repeat(64)),
        ("timm/hostile", _) => stored("../../../token"),
        ("timm/page", _) => head("200 OK", "Content-Type: text/html\r\n"),
        ("timm/busy", _) => head("503 Service Unavailable", ""),
        ("timm/mirrored", _) => head("404 Not Found", ""),
        // In Git itself, so that the hub sends it.
        ("timm/small", _) if method == "get" => Reply::Ranges,
        ("timm/small", _) => Reply::Raw(
            format!(
                "HTTP/1.1 200 OK\r\nX-Repo-Commit: {COMMIT}\r\nETag: W/\"c0ffee\"\r\n\
                 Content-Length: 100000\r\nConnection: close\r\n\r\n"
            )
            .into(),
        ),
        (_, _) if file.starts_with("v9/") => refused("404 Not Found", "RevisionNotFound"),
        (_, _) => stored(&etag()),
    }
}

/// Returns every file and link below a folder, sorted, with the targets of links.
fn tree(folder: &Path) -> Vec<String> {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(|entry| entry.expect("an entry"));
    let name = |entry: walkdir::DirEntry| {
        let below = entry.path().strip_prefix(folder).expect("below it").display();
        match fs::read_link(entry.path()) {
            Ok(target) => format!("{below} -> {}", target.display()),
            Err(_) => below.to_string(),
        }
    };
    let mut names: Vec<_> = entries.filter(|entry| !entry.file_type().is_dir()).map(name).collect();
    names.sort();
    names
}

#[test]
fn a_download_has_the_layout_of_the_python_library() {
    let case = Hub::new(vec![Reply::Ranges], &[("HF_TOKEN", " hf_member\n")]);
    let path = case.get("timm/net").expect("a file");
    let snapshot = format!("models--timm--net/snapshots/{COMMIT}/model.safetensors");
    assert_eq!(path, case.cached(&snapshot));
    assert!(fs::read(&path).expect("the file") == content(), "the content differs");
    // What huggingface_hub 2.4 writes, without its CACHEDIR.TAG.
    let etag = etag();
    let written = [
        format!(".locks/models--timm--net/{etag}.lock"),
        format!("models--timm--net/blobs/{etag}"),
        "models--timm--net/refs/main".to_owned(),
        format!("{snapshot} -> ../../blobs/{etag}"),
    ];
    assert_eq!(tree(&case.cached("")), written);
    assert_eq!(fs::read_to_string(case.cached("models--timm--net/refs/main")).expect("a commit"), COMMIT);
    let address = "/timm/net/resolve/main/model.safetensors http/1.1";
    assert_eq!(case.hub.lines(), [format!("head {address}"), format!("get {address}")]);
    // The hub gets the token; the host of its files does not.
    assert!(case.hub.heads().iter().all(|head| head.contains("authorization: bearer hf_member")));
    assert!(case.files.heads().iter().all(|head| !head.contains("authorization")));
    assert_eq!(case.files.lines().len(), 1);
    // From now on nothing is asked.
    assert_eq!(case.get("timm/net"), Ok(path.clone()));
    assert_eq!(find(&case.settings, "timm/net"), Ok(path));
    assert_eq!(case.hub.lines().len(), 2);
}

#[test]
fn revisions() {
    let case = Hub::new(vec![Reply::Ranges], &[]);
    let path = case.get("timm/net@feature/x").expect("a file");
    assert!(case.hub.lines()[0].starts_with("head /timm/net/resolve/feature%2fx/"), "{:?}", case.hub.lines());
    assert!(case.cached("models--timm--net/refs/feature/x").is_file());
    // A tag of the same commit needs no download.
    assert_eq!(case.get("timm/net@v1"), Ok(path.clone()));
    assert_eq!(case.files.lines().len(), 1);
    for known in ["timm/net@feature/x", "timm/net@v1", &format!("timm/net@{COMMIT}")] {
        assert_eq!(find(&case.settings, known), Ok(path.clone()), "{known}");
    }
    assert!(
        find(&case.settings, "timm/net").expect_err("an error").contains("not in the Hugging Face cache")
    );
    case.fails("timm/net@v9", &["no revision `v9`", "/timm/net/tree/main"]);
    for wrong in ["net", "timm/net@", "timm/net@../x", "../net", "timm/a/b", "timm/n et", "/net"] {
        assert!(find(&case.settings, wrong).expect_err("an error").contains("owner/name"), "{wrong}");
    }
}

#[test]
fn files_of_other_kinds() {
    let case = Hub::new(vec![Reply::Ranges], &[("HF_TOKEN", "hf_member")]);
    assert!(case.get("timm/old").expect("a file").ends_with("pytorch_model.bin"));
    assert!(find(&case.settings, "timm/old").expect("a file").ends_with("pytorch_model.bin"));
    let small = case.get("timm/small").expect("a file");
    assert!(fs::read(small).expect("the file") == content(), "the content differs");
    assert!(case.cached("models--timm--small/blobs/c0ffee").is_file());
    // The token is sent on within the host.
    case.get("timm/renamed").expect("a file");
    let lines = case.hub.lines();
    assert!(lines.iter().any(|line| line.starts_with("get /timm/private/")), "{lines:?}");
}

#[test]
fn a_broken_download_resumes() {
    let case = Hub::new(vec![Reply::Drops(30_000), Reply::Ranges], &[]);
    let part = format!("models--timm--net/blobs/{}.incomplete", etag());
    case.fails("timm/net", &["30000 bytes are kept", &part]);
    assert!(find(&case.settings, "timm/net").is_err());
    let path = case.get("timm/net").expect("a file");
    assert!(fs::read(path).expect("the file") == content(), "the content differs");
    assert_eq!(case.files.offsets(), [0, 30_000]);
    assert!(!case.cached(&part).exists());
}

#[test]
fn another_content_is_refused() {
    let case = Hub::new(vec![Reply::Ranges], &[]);
    case.fails("timm/damaged", &["expected SHA-256 0000", "found SHA-256", "the file was deleted"]);
    assert!(find(&case.settings, "timm/damaged").is_err());
    case.fails("timm/hostile", &["expected the headers"]);
    case.fails("timm/page", &["expected the headers x-repo-commit and etag", "HF_ENDPOINT"]);
}

#[test]
fn a_file_in_the_cache_is_checked_after_each_change() {
    let case = Hub::new(vec![Reply::Ranges], &[]);
    let path = case.get("timm/net").expect("a file");
    let (etag, notes) = (etag(), case.folder.path().join("runs/cache/hub"));
    let get = || get(&case.settings, "timm/net", Some(&notes), &mut Meter::default());
    assert_eq!(get(), Ok(path.clone()));
    assert_eq!(tree(&notes), [&*etag]);

    let blob = case.cached(&format!("models--timm--net/blobs/{etag}"));
    let modified = fs::metadata(&blob).and_then(|known| known.modified()).expect("a time");
    let set_modified = |time| {
        let file = File::options().write(true).open(&blob).expect("the file");
        file.set_modified(time).expect("another time");
    };
    let mut damaged = content();
    damaged[70_000] ^= 1;
    fs::write(&blob, damaged).expect("a file");
    set_modified(modified);
    assert_eq!(get(), Ok(path.clone()), "a file that has not changed is not read again");
    set_modified(modified + Duration::from_secs(1));
    let expected = format!("blobs/{etag}: expected SHA-256 {etag}, found SHA-256 ");
    for error in [get(), case.get("timm/net")].map(|found| found.expect_err("an error")) {
        assert!(
            error.contains(&expected) && error.contains("hint: the file is damaged: delete it"),
            "{error}"
        );
    }
    assert_eq!(case.files.lines().len(), 1);
    fs::remove_file(&blob).expect("no file");
    assert_eq!(get(), Ok(path.clone()));
    assert!(fs::read(path).expect("the file") == content(), "the content differs");
    assert_eq!(get().map(|_| case.files.lines().len()), Ok(2));
}

#[test]
fn another_process_downloads_the_same_file() {
    let case = Hub::new(vec![Reply::Ranges], &[]);
    let lock = case.cached(&format!(".locks/models--timm--net/{}.lock", etag()));
    fs::create_dir_all(lock.parent().expect("a folder")).expect("a folder");
    let lock = File::create(lock).expect("a file");
    lock.lock().expect("a lock");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| case.get("timm/net"));
        while case.hub.lines().is_empty() && !waiting.is_finished() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let blobs = case.cached("models--timm--net/blobs");
        fs::create_dir_all(&blobs).expect("a folder");
        fs::write(blobs.join(etag()), content()).expect("a file");
        drop(lock);
        waiting.join().expect("a thread").expect("a file");
    });
    assert_eq!(case.files.lines().len(), 0);
}

#[test]
fn refusals_and_their_hints() {
    let fails = |token: &str, id: &str, texts: &[&str]| {
        let case = Hub::new(vec![Reply::Ranges], &[("HF_TOKEN", token)]);
        case.fails(id, texts);
        assert!(find(&case.settings, id).is_err());
    };
    fails(
        "",
        "timm/gated",
        &["expected a token", "ask for access at http://", "/timm/gated; then run `hf auth"],
    );
    fails("hf_other", "timm/gated", &["token in HF_TOKEN has no access", "ask for access", "/timm/gated;"]);
    fails(
        "",
        "timm/private",
        &["no such repository", "or it is private", "run `hf auth login` or set HF_TOKEN"],
    );
    fails("hf_other", "timm/private", &["token in HF_TOKEN cannot read it", "/settings/tokens"]);
    fails("hf_wrong", "timm/net", &["HF_TOKEN is not valid (Invalid credentials", "create one"]);
    fails("hf_other", "timm/narrow", &["has no permission (not in the token's scope)", "/settings/tokens"]);
    fails("", "timm/empty", &["expected model.safetensors or pytorch_model.bin", "/timm/empty/tree/main"]);
    fails("", "timm/busy", &["answers 503 Service Unavailable"]);
    fails("", "timm/mirrored", &["no such repository, revision or file", "404 Not Found"]);
    fails("hf_ member", "timm/net", &["HF_TOKEN: expected a token such as hf_"]);
    let disabled = [("HF_TOKEN", "hf_member"), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")];
    Hub::new(vec![], &disabled).fails("timm/private", &["unset HF_HUB_DISABLE_IMPLICIT_TOKEN"]);
    Hub::new(vec![], &[("HF_ENDPOINT", "hf.example")]).fails("timm/net", &["set it to https://hf.example"]);
    let closed = [("HF_ENDPOINT", "http://127.0.0.1:1")];
    Hub::new(vec![], &closed).fails("timm/net", &["http://127.0.0.1:1/timm/net/", "HTTPS_PROXY"]);
    let offline = Hub::new(vec![], &[("HF_HUB_OFFLINE", "1")]);
    offline.fails("timm/net", &["HF_HUB_OFFLINE is set", "unset"]);
    assert_eq!(offline.hub.lines().len(), 0);
}

#[test]
fn a_mirror_leads_elsewhere_without_the_token() {
    let other = Hub::new(vec![Reply::Ranges], &[]);
    let address = format!("{}/timm/net/resolve/main/model.safetensors", endpoint(&other.hub));
    let leads = head("308 Permanent Redirect", &format!("Location: {address}\r\n"));
    let mirror = Server::new(&[], vec![leads]);
    let token = [("HF_TOKEN", "hf_member"), ("HF_ENDPOINT", endpoint(&mirror))];
    let case = Hub::new(vec![], &token);
    case.get("timm/net").expect("a file");
    assert!(mirror.heads().iter().all(|head| head.contains("authorization: bearer hf_member")));
    let elsewhere = [other.hub.heads(), other.files.heads()].concat();
    assert_eq!(elsewhere.len(), 3);
    assert!(elsewhere.iter().all(|head| !head.contains("authorization")), "{elsewhere:?}");
}

#[test]
fn the_variables_of_the_python_library() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path();
    let of = |variables: &[(&str, &str)]| {
        settings(&[&[("HOME", home.to_str().expect("UTF-8"))][..], variables].concat())
    };
    let cache = |variables: &[(&str, &str)]| of(variables).cache;
    assert_eq!(cache(&[]), home.join(".cache/huggingface/hub"));
    assert_eq!(cache(&[("HF_HOME", "")]), home.join(".cache/huggingface/hub"));
    assert_eq!(cache(&[("XDG_CACHE_HOME", "/x")]), Path::new("/x/huggingface/hub"));
    assert_eq!(cache(&[("XDG_CACHE_HOME", "/x"), ("HF_HOME", "~/y")]), home.join("y/hub"));
    assert_eq!(cache(&[("HF_HOME", "/y"), ("HUGGINGFACE_HUB_CACHE", "/z")]), Path::new("/z"));
    assert_eq!(cache(&[("HF_HUB_CACHE", "/w"), ("HUGGINGFACE_HUB_CACHE", "/z")]), Path::new("/w"));
    assert_eq!(of(&[]).endpoint, "https://huggingface.co");
    assert_eq!(of(&[("HF_ENDPOINT", "https://hub.example/")]).endpoint, "https://hub.example");

    for (value, offline) in [("1", true), ("true", true), ("YES", true), ("0", false), ("", false)] {
        assert_eq!(of(&[("HF_HUB_OFFLINE", value)]).offline, offline, "{value}");
    }
    assert!(of(&[("TRANSFORMERS_OFFLINE", "1")]).offline);

    let token = |variables: &[(&str, &str)]| of(variables).token.map(|token| token.text);
    assert_eq!(token(&[]), None);
    fs::create_dir_all(home.join(".cache/huggingface")).expect("a folder");
    fs::write(home.join(".cache/huggingface/token"), "hf_file\n").expect("a file");
    fs::write(home.join("mine"), "hf_mine").expect("a file");
    let file = Some("hf_file".to_owned());
    assert_eq!((token(&[]), token(&[("HF_TOKEN", "")])), (file.clone(), file));
    assert_eq!(token(&[("HF_TOKEN_PATH", "~/mine")]).as_deref(), Some("hf_mine"));
    assert_eq!(token(&[("HF_TOKEN", "hf_set"), ("HF_TOKEN_PATH", "~/mine")]).as_deref(), Some("hf_set"));
    assert_eq!(token(&[("HUGGING_FACE_HUB_TOKEN", "hf_old")]).as_deref(), Some("hf_old"));
    assert_eq!(token(&[("HF_TOKEN", "hf_set"), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]), None);
}
