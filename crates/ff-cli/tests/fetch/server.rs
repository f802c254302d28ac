//! A file server with scripted replies.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The reply to one request.
#[derive(Clone)]
pub enum Reply {
    /// The file, or the requested range of it.
    Ranges,
    /// The whole file, whatever the request.
    Whole,
    /// As `Ranges`, but the connection ends after this number of bytes of the body.
    Drops(usize),
    /// As `Ranges`, but the server stalls after this number of bytes of the body.
    Stalls(usize),
    /// A status such as `404 Not Found`.
    Status(&'static str),
    /// These bytes, after which the connection ends.
    Raw(Vec<u8>),
}

/// Serves one file on this machine.
pub struct Server {
    /// The file's address.
    pub url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts a server that replies to requests in the order of the list, and repeats the last.
    pub fn new(file: &[u8], replies: Vec<Reply>) -> Self {
        Self::choosing(file, move |number, _| replies[number.min(replies.len() - 1)].clone())
    }

    /// Starts a server that chooses each reply by the request's number and its head, in lower case.
    pub fn choosing(file: &[u8], choose: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/data/file.bin", listener.local_addr().expect("an address"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, file, choose) = (Arc::clone(&requests), file.to_vec(), Arc::new(choose));
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let (seen, file, choose) = (Arc::clone(&seen), file.clone(), Arc::clone(&choose));
                // One thread for each request, so that a stalled one does not block the next.
                std::thread::spawn(move || {
                    let choose = |head: &str| choose(number, head);
                    answer(&mut stream.expect("a connection"), &choose, &file, &seen);
                });
            }
        });
        Self { url, requests }
    }

    /// Returns the offset of each request; 0 without one.
    pub fn offsets(&self) -> Vec<usize> {
        self.requests.lock().expect("a list").iter().map(|head| offset(head).unwrap_or(0)).collect()
    }

    /// Returns the first line of each request.
    pub fn lines(&self) -> Vec<String> {
        let first = |head: &String| head.lines().next().unwrap_or_default().to_owned();
        self.heads().iter().map(first).collect()
    }

    /// Returns the head of each request, in lower case.
    pub fn heads(&self) -> Vec<String> {
        self.requests.lock().expect("a list").clone()
    }
}

fn offset(head: &str) -> Option<usize> {
    let value = head.lines().find_map(|line| line.strip_prefix("range: bytes="))?;
    value.trim().trim_end_matches('-').parse().ok()
}

fn answer(stream: &mut TcpStream, choose: &dyn Fn(&str) -> Reply, file: &[u8], seen: &Mutex<Vec<String>>) {
    let mut head = String::new();
    let mut reader = BufReader::new(stream.try_clone().expect("a connection"));
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).is_ok_and(|count| count > 0) {}
    let head = head.to_ascii_lowercase();
    let (offset, reply) = (offset(&head), choose(&head));
    seen.lock().expect("a list").push(head);
    // Ignore errors, since the client may close the connection in some tests.
    let mut send = |bytes: &[u8]| drop(stream.write_all(bytes));
    let end = "Connection: close\r\n\r\n";
    let total = file.len();
    let ranged = |start: usize| {
        format!(
            "HTTP/1.1 206 Partial Content\r\nContent-Length: {}\r\nContent-Range: bytes {start}-{}/{total}\r\n{end}",
            total - start,
            total - 1
        )
    };
    let whole = format!("HTTP/1.1 200 OK\r\nContent-Length: {total}\r\n{end}");
    let (head, body) = match (&reply, offset) {
        (Reply::Raw(bytes), _) => return send(bytes),
        (Reply::Status(status), _) => {
            return send(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n{end}").as_bytes());
        }
        (Reply::Whole, _) | (_, None) => (whole, file),
        (_, Some(start)) if start >= total => {
            let range = format!("Content-Range: bytes */{total}\r\nContent-Length: 0\r\n");
            return send(format!("HTTP/1.1 416 Range Not Satisfiable\r\n{range}{end}").as_bytes());
        }
        (_, Some(start)) => (ranged(start), &file[start..]),
    };
    send(head.as_bytes());
    match reply {
        Reply::Drops(count) => send(&body[..count.min(body.len())]),
        Reply::Stalls(count) => {
            send(&body[..count]);
            // Wait until the client closes the connection.
            let _ = stream.set_read_timeout(Some(Duration::from_secs(20)));
            let _ = stream.read(&mut [0]);
        }
        _ => send(body),
    }
}
