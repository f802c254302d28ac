//! What a server answers to the request for a file or the rest of one.

use ureq::http::{StatusCode, header};

/// Why a request did not bring the rest of the file.
pub(super) enum Stop {
    /// Worth another try after a pause
    Dropped(String),
    /// The part was of no use and is empty now: ask for the whole
    Again,
    /// Another try would end the same way
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// An answer, its body unread.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// Where the body starts in the file, if the server says so
    pub(super) offset: Option<u64>,
    /// The size of the whole file, if the server says so
    pub(super) total: Option<u64>,
    pub(super) body: ureq::BodyReader<'static>,
}

impl Answer {
    /// Asks for a file from an offset on.
    pub(super) fn to(agent: &ureq::Agent, url: &str, offset: u64) -> Result<Self, Stop> {
        // An offset counts bytes of the file, not of a compressed form of it.
        let mut request = agent.get(url).header(header::ACCEPT_ENCODING, "identity");
        if offset > 0 {
            request = request.header(header::RANGE, format!("bytes={offset}-"));
        }
        let response = match is_local(url) {
            true => request.config().proxy(None).build().call(),
            false => request.call(),
        };
        let (head, body) = response.map_err(|error| stop(url, error))?.into_parts();
        let range = head.headers.get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
        // Where the body was decompressed on the way, the header is gone: it would count other
        // bytes.
        let length =
            head.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let (offset, total) = match head.status {
            StatusCode::PARTIAL_CONTENT => range.and_then(start_and_total).unwrap_or_default(),
            _ => (None, length),
        };
        Ok(Self { status: head.status, offset, total, body: body.into_reader() })
    }
}

/// No proxy reaches this machine's own servers.
fn is_local(url: &str) -> bool {
    ["http://127.0.0.1:", "http://[::1]:", "http://localhost:"].iter().any(|start| url.starts_with(start))
}

/// The numbers in `bytes 100-199/200`, whose last may be `*`.
fn start_and_total(range: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (span, total) = range.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = span.split_once('-')?;
    Some((start.trim().parse().ok(), total.trim().parse().ok()))
}

fn stop(url: &str, error: ureq::Error) -> Stop {
    use ureq::Error as E;
    match error {
        E::Io(_) | E::Timeout(_) | E::Protocol(_) | E::HostNotFound | E::ConnectionFailed => {
            Stop::Dropped(error.to_string())
        }
        error => Stop::Failed(anyhow::Error::new(error).context(format!("{url}: cannot be downloaded"))),
    }
}
