//! What the hub says of a file.

use anyhow::{anyhow, bail};
use ureq::http::response::Parts;

use crate::fetch::{Checksum, Client};

/// The commit of a file, a header of the hub alone.
const COMMIT: &str = "x-repo-commit";

/// A file of a repository.
pub struct Metadata {
    /// The commit that the requested revision is.
    pub commit: String,
    /// The name of its content: the SHA-256 of a Git LFS file, Git's own digest of another.
    pub etag: String,
    /// Its size in bytes, if the hub gives it.
    pub bytes: Option<u64>,
    /// Its SHA-256, if it is a Git LFS file.
    pub sha256: Option<Checksum>,
}

impl Metadata {
    /// Reads the headers of the answer from a URL.
    ///
    /// # Errors
    /// The answer is not a hub's.
    pub fn of(url: &str, head: &Parts) -> anyhow::Result<Self> {
        let linked = text(head, "x-linked-etag").map(unquoted);
        // Both become names of files.
        let is_name = |name: &&str| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        let commit = text(head, COMMIT).filter(is_name);
        let etag = linked.or_else(|| text(head, "etag").map(unquoted)).filter(is_name);
        let (Some(commit), Some(etag)) = (commit, etag) else {
            bail!(
                "{url}: expected the headers {COMMIT} and etag of a Hugging Face hub, found an answer \
                 without them\nhint: check HF_ENDPOINT and the proxy (HTTPS_PROXY)"
            );
        };
        // The length of a redirect is that of its own body.
        let length = text(head, "content-length").filter(|_| head.status.is_success());
        Ok(Self {
            commit: commit.to_owned(),
            etag: etag.to_owned(),
            bytes: text(head, "x-linked-size").or(length).and_then(|text| text.parse().ok()),
            sha256: linked.and_then(Checksum::sha256),
        })
    }
}

/// Asks the hub for a file. Returns the last address in the hub, and its answer.
///
/// Redirects are followed within the hub (a renamed repository), and from a mirror, which does not
/// give the commit. That which gives it and leads elsewhere leads to the file itself. The client
/// loses its token where another host is asked.
///
/// # Errors
/// The hub cannot be reached, or its redirects do not end.
pub fn ask(client: &mut Client, mut url: String) -> anyhow::Result<(String, Parts)> {
    for _ in 0..10 {
        let head = client.head(&url).map_err(|error| {
            anyhow!(
                "{error:#}\n\
                 hint: check the network, the proxy (HTTPS_PROXY) and HF_ENDPOINT"
            )
        })?;
        let location = text(&head, "location").filter(|_| head.status.is_redirection());
        let Some(target) = location.and_then(|location| absolute(&url, location)) else {
            return Ok((url, head));
        };
        if !same_host(&url, &target) {
            if head.headers.contains_key(COMMIT) {
                return Ok((url, head));
            }
            client.token = None;
        }
        url = target;
    }
    bail!("{url}: expected a file, found only redirects\nhint: check HF_ENDPOINT")
}

/// Returns a header's text.
pub fn text<'a>(head: &'a Parts, name: &str) -> Option<&'a str> {
    head.headers.get(name).and_then(|value| value.to_str().ok())
}

fn unquoted(etag: &str) -> &str {
    etag.trim_start_matches("W/").trim_matches('"')
}

/// Returns the scheme and the host, with its port, of a URL.
fn origin(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    Some((scheme, rest.split('/').next()?))
}

/// Returns whether a token for one URL may be sent to the other.
pub fn same_host(from: &str, to: &str) -> bool {
    let (Some((scheme, host)), Some((new_scheme, new_host))) = (origin(from), origin(to)) else {
        return false;
    };
    host.eq_ignore_ascii_case(new_host) && (scheme == new_scheme || new_scheme == "https")
}

fn absolute(base: &str, location: &str) -> Option<String> {
    let (scheme, host) = origin(base)?;
    match location {
        _ if location.starts_with("//") => Some(format!("{scheme}:{location}")),
        _ if location.starts_with('/') => Some(format!("{scheme}://{host}{location}")),
        _ => location.starts_with("http").then(|| location.to_owned()),
    }
}
