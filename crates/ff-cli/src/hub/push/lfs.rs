//! Uploads of large files to the hub's storage, by the batch protocol of Git LFS.
//!
//! The hub answers with an address for each content that it does not have. A content in one part
//! is put there; one in several (the hub's transfer `multipart`) is put in parts to addresses of
//! their own, and then completed.

use std::collections::BTreeMap;

use anyhow::{Context, anyhow, bail};
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::http::{HeaderName, Method, header};

use super::changes::{BATCH, Change};
use super::local_file::LocalFile;
use super::refusal::said;
use super::target::{JSON, Target};
use crate::fetch::{Body, Client, Meter, Reply, Upload};
use crate::hub::metadata::same_host;

const LFS: &[(HeaderName, &str)] = &[
    (header::ACCEPT, "application/vnd.git-lfs+json"),
    (header::CONTENT_TYPE, "application/vnd.git-lfs+json"),
];

#[derive(Deserialize)]
struct Batch {
    objects: Vec<Object>,
}

/// The hub's answer for a content.
#[derive(Deserialize)]
struct Object {
    oid: String,
    /// What to do; nothing for a content that the hub has.
    actions: Option<Actions>,
    error: Option<ObjectError>,
}

#[derive(Deserialize)]
struct ObjectError {
    code: u32,
    message: String,
}

#[derive(Deserialize)]
struct Actions {
    upload: Option<Action>,
    verify: Option<Action>,
}

#[derive(Deserialize)]
struct Action {
    href: String,
    /// For several parts: the address of each by its number, and `chunk_size`, their size in bytes.
    header: Option<BTreeMap<String, Value>>,
}

impl Target<'_> {
    /// Uploads the contents that storage does not have.
    ///
    /// # Errors
    /// The hub or its storage refuses one, or cannot be reached.
    pub fn store(&self, changes: &[Change<'_>], meter: &mut Meter) -> anyhow::Result<()> {
        // Two files of one content are one object.
        let large: BTreeMap<&str, &LocalFile> = changes
            .iter()
            .filter_map(|change| match change {
                Change::Large { file, sha256 } => Some((sha256.as_str(), *file)),
                Change::Regular { .. } => None,
            })
            .collect();
        let large: Vec<_> = large.into_iter().collect();
        let url = format!("{}.git/info/lfs/objects/batch", self.page());
        for large in large.chunks(BATCH) {
            let objects = large.iter().map(|(oid, file)| json!({ "oid": oid, "size": file.bytes }));
            let body = json!({
                "operation": "upload",
                "transfers": ["basic", "multipart"],
                "objects": objects.collect::<Vec<_>>(),
                "hash_algo": "sha256",
                "ref": { "name": self.repository.revision },
            });
            let reply =
                self.request(Method::POST, &url, LFS, body.to_string().as_bytes(), &self.hub, meter)?;
            let batch: Batch = self.parse(&self.accept(reply)?)?;
            for (oid, file) in large {
                let object = batch.objects.iter().find(|object| object.oid == *oid);
                let object =
                    object.with_context(|| self.unexpected("an answer without this file", &file.name))?;
                let stored = self.store_one(file, object, meter);
                meter.end();
                stored?;
            }
        }
        Ok(())
    }

    fn store_one(&self, file: &LocalFile, object: &Object, meter: &mut Meter) -> anyhow::Result<()> {
        let name = &file.name;
        if let Some(ObjectError { code, message }) = &object.error {
            bail!("{name}: the hub's storage refuses this file: {message} ({code})");
        }
        let Some(Actions { upload: Some(upload), verify }) = &object.actions else {
            meter.line(&format!("{name}: in the hub's storage already"));
            return Ok(());
        };
        meter.begin(name, &format!("uploading {name}"), 0, Some(file.bytes));
        match &upload.header {
            Some(header) if header.contains_key("chunk_size") => {
                let parts = self.put_parts(file, header, meter)?;
                // The address itself has the permission.
                let all = json!({ "oid": object.oid, "parts": parts });
                tell(file, &upload.href, LFS, &all, &self.storage, meter)?;
            }
            _ => drop(self.put(file, &upload.href, 0, file.bytes, meter)?),
        }
        let Some(Action { href, .. }) = verify else { return Ok(()) };
        let client = if same_host(&self.settings.endpoint, href) { &self.hub } else { &self.storage };
        tell(file, href, JSON, &json!({ "oid": object.oid, "size": file.bytes }), client, meter)
    }

    /// Uploads a file in parts, and returns their numbers and ETags.
    fn put_parts(
        &self,
        file: &LocalFile,
        header: &BTreeMap<String, Value>,
        meter: &mut Meter,
    ) -> anyhow::Result<Vec<Value>> {
        let urls: BTreeMap<u64, &str> =
            header.iter().filter_map(|(key, url)| Some((key.parse().ok()?, url.as_str()?))).collect();
        let size = &header["chunk_size"];
        let size = size.as_u64().or_else(|| size.as_str()?.parse().ok()).filter(|&size| size > 0);
        let size = size.with_context(|| self.unexpected("parts without a size", &file.name))?;
        if !urls.keys().copied().eq(1..=file.bytes.div_ceil(size)) {
            bail!(
                self.unexpected(&format!("{} addresses for parts of {size} bytes", urls.len()), &file.name)
            );
        }
        let mut parts = Vec::new();
        for (number, url) in urls {
            let start = (number - 1) * size;
            let reply = self.put(file, url, start, size.min(file.bytes - start), meter)?;
            let etag = reply.head.headers.get(header::ETAG).and_then(|etag| etag.to_str().ok());
            let etag = etag.with_context(|| self.unexpected("a part without an ETag", &file.name))?;
            parts.push(json!({ "partNumber": number, "etag": etag }));
        }
        Ok(parts)
    }

    /// Puts a span of a file to an address.
    fn put(
        &self,
        file: &LocalFile,
        url: &str,
        start: u64,
        length: u64,
        meter: &mut Meter,
    ) -> anyhow::Result<Reply> {
        let body = Body::Span { path: &file.path, start, length };
        let upload = Upload { name: &file.name, method: Method::PUT, url, headers: &[], body };
        accepted(&upload, &self.storage, meter)
    }
}

/// Tells a server by a client that a file has arrived.
fn tell(
    file: &LocalFile,
    url: &str,
    headers: &[(HeaderName, &str)],
    what: &Value,
    client: &Client,
    meter: &mut Meter,
) -> anyhow::Result<()> {
    let what = what.to_string();
    let body = Body::Bytes(what.as_bytes());
    accepted(&Upload { name: &file.name, method: Method::POST, url, headers, body }, client, meter)?;
    Ok(())
}

fn accepted(upload: &Upload<'_>, client: &Client, meter: &mut Meter) -> anyhow::Result<Reply> {
    const AGAIN: &str = "hint: run the same command again; files that have arrived are not sent again";
    let reply = client.send(upload, meter).map_err(|error| anyhow!("{error:#}\n{AGAIN}"))?;
    let status = reply.head.status;
    if !status.is_success() {
        bail!("{}: the hub's storage answers {status}{}\n{AGAIN}", upload.name, said(&reply));
    }
    Ok(reply)
}
