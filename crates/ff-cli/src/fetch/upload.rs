//! Sends requests with data over HTTP, and returns what the server answers.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use ureq::http::response::Parts;
use ureq::http::{self, HeaderName, Method, Request, header};
use ureq::{AsSendBody, SendBody};

use super::answer::{is_busy, is_dropped, is_local};
use super::download::Client;
use super::meter::Meter;

/// A request that carries data.
pub(crate) struct Upload<'a> {
    /// Its name in messages. Addresses of storage are as good as a token, so no message shows them.
    pub name: &'a str,
    pub method: Method,
    pub url: &'a str,
    /// The headers beside those that every request has.
    pub headers: &'a [(HeaderName, &'a str)],
    pub body: Body<'a>,
}

/// The body of a request.
pub(crate) enum Body<'a> {
    /// Bytes in memory; none for a request without a body.
    Bytes(&'a [u8]),
    /// A span of a file, whose progress is shown.
    Span {
        path: &'a Path,
        /// The offset of its first byte.
        start: u64,
        /// Its length in bytes.
        length: u64,
    },
}

/// An answer of a server.
pub(crate) struct Reply {
    pub head: Parts,
    pub text: String,
}

impl Client {
    /// Sends a request until the server answers it, and returns the answer, whatever its status.
    ///
    /// The body is sent from its start each time. A server that stays busy has the last word.
    /// Redirects are not followed.
    ///
    /// # Errors
    /// The file of the body cannot be read, or the connection fails as often as the client's
    /// patience allows.
    pub(crate) fn send(&self, upload: &Upload<'_>, meter: &mut Meter) -> anyhow::Result<Reply> {
        let (name, mut failures) = (upload.name, 0);
        loop {
            let answer = self.attempt_to_send(upload, meter)?;
            failures += 1;
            let is_last = failures >= self.patience.tries;
            let why = match answer {
                Ok(reply) if is_last || !is_busy(reply.head.status) => return Ok(reply),
                Ok(reply) => format!("the server answers {}", reply.head.status),
                Err(why) if failures == 1 && is_last => bail!("{name}: {why}"),
                Err(why) if is_last => bail!("{name}: {why} ({failures} times in a row)"),
                Err(why) => why,
            };
            meter.line(&format!("{name}: {why}; retrying"));
            self.patience.wait(failures);
        }
    }

    /// Sends a request once. The inner error says why the connection failed.
    fn attempt_to_send(
        &self,
        upload: &Upload<'_>,
        meter: &mut Meter,
    ) -> anyhow::Result<Result<Reply, String>> {
        let Upload { name, method, url, headers, body } = upload;
        let mut request = Request::builder().method(method).uri(*url);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        for (key, value) in *headers {
            request = request.header(key, *value);
        }
        let answer = match body {
            Body::Bytes([]) => self.answer(url, request.body(())),
            Body::Bytes(bytes) => self.answer(url, request.body(*bytes)),
            Body::Span { path, start, length } => {
                request = request.header(header::CONTENT_LENGTH, *length);
                let mut span = Span::open(path, *start, *length, meter)?;
                self.answer(url, request.body(SendBody::from_reader(&mut span)))
            }
        };
        match answer {
            Ok(reply) => Ok(Ok(reply)),
            Err(error) if is_dropped(&error) => Ok(Err(error.to_string())),
            Err(error) => Err(anyhow!("{name}: cannot be sent: {error}")),
        }
    }

    fn answer(
        &self,
        url: &str,
        request: http::Result<Request<impl AsSendBody>>,
    ) -> Result<Reply, ureq::Error> {
        let mut config = self.agent.configure_request(request?).max_redirects(0);
        if is_local(url) {
            config = config.proxy(None);
        }
        let (head, mut body) = self.agent.run(config.build())?.into_parts();
        Ok(Reply { head, text: String::from_utf8_lossy(&body.read_to_vec()?).into_owned() })
    }
}

/// A reader of a file's span that shows its progress.
struct Span<'a> {
    file: io::Take<File>,
    offset: u64,
    meter: &'a mut Meter,
}

impl<'a> Span<'a> {
    fn open(path: &Path, start: u64, length: u64, meter: &'a mut Meter) -> anyhow::Result<Self> {
        let open = || -> io::Result<_> {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(start))?;
            Ok(file.take(length))
        };
        let file = open().with_context(|| format!("{}: cannot be read", path.display()))?;
        Ok(Self { file, offset: start, meter })
    }
}

impl Read for Span<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        // Without an error, the client would wait for the rest forever.
        if count == 0 && self.file.limit() > 0 && !buffer.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file has become shorter"));
        }
        self.offset += count as u64;
        self.meter.at(self.offset);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_becomes_shorter_is_an_error() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "0123456789").expect("content");
        let read = |start, length| {
            let (mut text, mut meter) = (String::new(), Meter::default());
            let mut span = Span::open(file.path(), start, length, &mut meter).expect("a span");
            span.read_to_string(&mut text).map(|_| text).map_err(|error| error.kind())
        };
        assert_eq!(read(2, 3), Ok("234".to_owned()));
        assert_eq!(read(2, 8), Ok("23456789".to_owned()));
        assert_eq!(read(2, 9), Err(io::ErrorKind::UnexpectedEof));
    }
}
