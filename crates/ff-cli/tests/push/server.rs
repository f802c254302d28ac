//! A Hugging Face hub in this process: repositories, commits, and storage of large files.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Size in bytes from which files are uploaded in parts, and the size of a part.
pub const PART: u64 = 40_000;

/// A request as it arrived.
#[derive(Clone)]
pub struct Request {
    /// Its method and path.
    pub line: String,
    /// Its headers, with names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

/// A reply in place of the hub's own.
#[derive(Clone)]
pub enum Fault {
    /// A status such as `403 Forbidden`, lines of headers, and a body.
    Status(&'static str, &'static str, &'static str),
    /// The connection ends after this number of bytes of the body.
    Drop(usize),
}

/// What the hub has.
#[derive(Default)]
pub struct State {
    /// The visibility of the repository, once it exists.
    pub private: Option<bool>,
    /// The digest of each committed file.
    pub committed: BTreeMap<String, String>,
    /// Contents in storage, by their SHA-256.
    pub stored: BTreeMap<String, Vec<u8>>,
    /// The host that large files are verified at, if it is another one.
    pub verified_at: Option<String>,
    parts: BTreeMap<u64, Vec<u8>>,
    pub requests: Vec<Request>,
    /// The next replies to requests whose line starts so.
    pub faults: Vec<(&'static str, Fault)>,
}

/// A hub with one repository, `clinic/net`.
pub struct Hub {
    pub endpoint: String,
    pub state: Arc<Mutex<State>>,
}

impl Hub {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(Mutex::new(State::default()));
        let (of_thread, address) = (Arc::clone(&state), endpoint.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                serve(&mut stream.expect("a connection"), &address, &mut of_thread.lock().expect("a state"));
            }
        });
        Self { endpoint, state }
    }
}

/// Answers one request and closes the connection.
fn serve(stream: &mut TcpStream, endpoint: &str, state: &mut State) {
    let mut reader = BufReader::new(stream.try_clone().expect("a connection"));
    let mut next = || {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    };
    let first = next();
    let line = first.trim_end_matches(" HTTP/1.1").to_owned();
    let headers: BTreeMap<_, _> = std::iter::from_fn(|| Some(next()).filter(|line| !line.is_empty()))
        .filter_map(|line| {
            line.split_once(": ").map(|(key, value)| (key.to_ascii_lowercase(), value.to_owned()))
        })
        .collect();
    let length = headers.get("content-length").map_or(0, |length| length.parse().expect("a length"));
    let fault = state.faults.iter().position(|(start, _)| line.starts_with(start));
    let fault = fault.map(|index| state.faults.remove(index).1);
    let length = if let Some(Fault::Drop(at)) = fault { at } else { length };
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    let request = Request { line, headers, body };
    state.requests.push(request.clone());
    let (status, headers, body) = match fault {
        Some(Fault::Drop(_)) => return,
        Some(Fault::Status(status, headers, body)) => (status, headers.to_owned(), body.to_owned()),
        None => reply(&request, endpoint, state),
    };
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
}

/// Returns the status, the lines of headers and the body of the hub's reply.
fn reply(request: &Request, endpoint: &str, state: &mut State) -> (&'static str, String, String) {
    let ok = |body: Value| ("200 OK", String::new(), body.to_string());
    match request.line.as_str() {
        "GET /api/models/clinic/net" => match state.private {
            Some(private) => ok(json!({ "id": "clinic/net", "private": private })),
            None => ("404 Not Found", "X-Error-Code: RepoNotFound\r\n".to_owned(), String::new()),
        },
        "POST /api/repos/create" => {
            state.private = Some(request.json()["visibility"] == "private");
            ok(json!({ "url": format!("{endpoint}/clinic/net") }))
        }
        line if line.starts_with("POST /api/models/clinic/net/preupload/") => {
            let file = |file: &Value| {
                let path = file["path"].as_str().expect("a path");
                let is_large = path.ends_with(".safetensors");
                json!({
                    "path": path,
                    "uploadMode": if is_large { "lfs" } else { "regular" },
                    "shouldIgnore": path.ends_with(".log"),
                    "oid": state.committed.get(path),
                })
            };
            let files = request.json()["files"].as_array().expect("files").iter().map(file).collect();
            ok(json!({ "files": Value::Array(files) }))
        }
        "POST /clinic/net.git/info/lfs/objects/batch" => {
            let body = request.json();
            let objects = body["objects"].as_array().expect("objects").iter();
            let objects = objects.map(|object| actions(object, endpoint, state)).collect();
            ok(json!({ "transfer": "multipart", "objects": Value::Array(objects) }))
        }
        line if line.starts_with("PUT /storage/whole/") => {
            state.stored.insert(sha256(&request.body), request.body.clone());
            ok(Value::Null)
        }
        line if line.starts_with("PUT /storage/part/") => {
            let number = line.rsplit('/').next().and_then(|number| number.parse().ok()).expect("a number");
            state.parts.insert(number, request.body.clone());
            ("200 OK", format!("ETag: \"part-{number}\"\r\n"), String::new())
        }
        "POST /storage/complete" => {
            let whole: Vec<u8> = std::mem::take(&mut state.parts).into_values().flatten().collect();
            state.stored.insert(sha256(&whole), whole);
            ok(json!({ "success": true }))
        }
        "POST /clinic/net.git/info/lfs/objects/verify" => {
            let (body, stored) = (request.json(), &state.stored);
            let content = body["oid"].as_str().and_then(|oid| stored.get(oid));
            match content.is_some_and(|content| body["size"] == content.len()) {
                true => ok(json!({ "success": true })),
                false => ("404 Not Found", String::new(), String::new()),
            }
        }
        line if line.starts_with("POST /api/models/clinic/net/commit/") => {
            for line in request.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let line: Value = serde_json::from_slice(line).expect("JSON");
                if let Some(path) = line["value"]["path"].as_str() {
                    // What Git makes of the content is not this server's matter.
                    let digest = line["value"]["oid"].as_str().unwrap_or("unknown");
                    state.committed.insert(path.to_owned(), digest.to_owned());
                }
            }
            ok(json!({ "commitOid": "0", "commitUrl": "", "hookOutput": "" }))
        }
        line => panic!("{line}: unexpected"),
    }
}

/// Returns what the hub's storage wants of a content.
fn actions(object: &Value, endpoint: &str, state: &State) -> Value {
    let (oid, size) = (object["oid"].as_str().expect("an oid"), object["size"].as_u64().expect("a size"));
    let mut answer = json!({ "oid": oid, "size": size });
    if state.stored.contains_key(oid) {
        return answer;
    }
    let verified_at = state.verified_at.as_deref().unwrap_or(endpoint);
    let verify = json!({ "href": format!("{verified_at}/clinic/net.git/info/lfs/objects/verify") });
    let upload = match size {
        0..=PART => json!({ "href": format!("{endpoint}/storage/whole/{oid}") }),
        _ => {
            let part = |number| (format!("{number:05}"), json!(format!("{endpoint}/storage/part/{number}")));
            let mut header: serde_json::Map<_, _> = (1..=size.div_ceil(PART)).map(part).collect();
            header.insert("chunk_size".to_owned(), json!(PART.to_string()));
            json!({ "href": format!("{endpoint}/storage/complete"), "header": header })
        }
    };
    answer["actions"] = json!({ "upload": upload, "verify": verify });
    answer
}

pub fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}
