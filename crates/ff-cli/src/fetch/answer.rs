//! A server's answer to a request for a file or the rest of one.

use ureq::RequestBuilder;
use ureq::http::{StatusCode, header};
use ureq::typestate::WithoutBody;

/// The reason why a request did not complete the file.
pub(super) enum Failure {
    /// The connection or the server failed: retry after a pause.
    Dropped(String),
    /// The partial file did not match and is empty now: request the whole file at once.
    StartOver,
    /// A retry would fail the same way.
    Fatal(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Fatal(error)
    }
}

/// An answer whose body is not read yet.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// The body's offset in the file, if the server gives it.
    pub(super) offset: Option<u64>,
    /// The size of the whole file in bytes, if the server gives it.
    pub(super) total: Option<u64>,
    pub(super) body: ureq::BodyReader<'static>,
}

impl Answer {
    /// Requests a file from an offset on.
    pub(super) fn to(
        agent: &ureq::Agent,
        url: &str,
        token: Option<&str>,
        offset: u64,
    ) -> Result<Self, Failure> {
        let mut request = with_headers(agent.get(url), token);
        if offset > 0 {
            request = request.header(header::RANGE, format!("bytes={offset}-"));
        }
        let response = match is_local(url) {
            true => request.config().proxy(None).build().call(),
            false => request.call(),
        };
        let (head, body) = response.map_err(|error| failure(url, error))?.into_parts();
        let range = head.headers.get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
        // ureq removes the header if it decompresses the body, since it counts other bytes.
        let length =
            head.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let (offset, total) = match head.status {
            StatusCode::PARTIAL_CONTENT => range.and_then(start_and_total).unwrap_or_default(),
            _ => (None, length),
        };
        Ok(Self { status: head.status, offset, total, body: body.into_reader() })
    }
}

/// Adds the headers of every request. ureq removes the token where a redirect is followed.
pub(super) fn with_headers(
    request: RequestBuilder<WithoutBody>,
    token: Option<&str>,
) -> RequestBuilder<WithoutBody> {
    // Offsets and sizes count bytes of the file, not of a compressed form of it.
    let request = request.header(header::ACCEPT_ENCODING, "identity");
    match token {
        Some(token) => request.header(header::AUTHORIZATION, format!("Bearer {token}")),
        None => request,
    }
}

/// Returns whether a server is only busy, so that a later request may succeed.
pub(super) fn is_busy(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

/// Returns whether a URL is of this machine, which a proxy cannot reach.
pub(super) fn is_local(url: &str) -> bool {
    ["http://127.0.0.1:", "http://[::1]:", "http://localhost:"].iter().any(|start| url.starts_with(start))
}

/// Parses the start and the total of `bytes 100-199/200`; the total may be `*`.
fn start_and_total(range: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (span, total) = range.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = span.split_once('-')?;
    Some((start.trim().parse().ok(), total.trim().parse().ok()))
}

/// Returns whether a connection failed, so that a later one may succeed.
pub(super) fn is_dropped(error: &ureq::Error) -> bool {
    use ureq::Error as E;
    matches!(error, E::Io(_) | E::Timeout(_) | E::Protocol(_) | E::HostNotFound | E::ConnectionFailed)
}

fn failure(url: &str, error: ureq::Error) -> Failure {
    if is_dropped(&error) {
        return Failure::Dropped(error.to_string());
    }
    Failure::Fatal(anyhow::Error::new(error).context(format!("{url}: cannot be downloaded")))
}
