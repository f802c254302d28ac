//! What an upload changes: files that the branch does not have with the same content.

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use ureq::http::{HeaderName, Method, header};

use super::local_file::LocalFile;
use super::target::{JSON, Target};
use crate::fetch::{Checksum, Client, Meter, Patience};

/// A file that the branch does not have, or has with another content.
pub enum Change<'a> {
    /// A small file, which the commit contains.
    Regular { file: &'a LocalFile, content: Vec<u8> },
    /// A file whose content is in storage, and its SHA-256.
    Large { file: &'a LocalFile, sha256: String },
}

#[derive(Deserialize)]
struct Preupload {
    files: Vec<Preuploaded>,
}

/// What the hub tells of a file before its upload.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Preuploaded {
    path: String,
    upload_mode: Mode,
    /// Whether the repository's `.gitignore` has it.
    #[serde(default)]
    should_ignore: bool,
    /// The digest of the content that the branch has under this path: the SHA-256 of a large file,
    /// Git's own digest of another.
    oid: Option<String>,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Lfs,
    Regular,
}

const LINES: &[(HeaderName, &str)] = &[(header::CONTENT_TYPE, "application/x-ndjson")];

/// Number of files in one request: what the hub allows.
pub const BATCH: usize = 256;

impl Target<'_> {
    /// Returns the files that the branch does not have with the same content.
    ///
    /// # Errors
    /// There is no such branch, the token may not write, or a file cannot be read.
    pub fn changes<'f>(&self, files: &'f [LocalFile], meter: &mut Meter) -> anyhow::Result<Vec<Change<'f>>> {
        let url = self.api(&format!("/preupload/{}", self.repository.escaped_revision()));
        let mut changes = Vec::new();
        for files in files.chunks(BATCH) {
            let entry = |file: &LocalFile| -> anyhow::Result<Value> {
                let sample = STANDARD.encode(file.read(512)?);
                Ok(json!({ "path": file.name, "sample": sample, "size": file.bytes }))
            };
            let entries = files.iter().map(entry).collect::<anyhow::Result<Vec<_>>>()?;
            let body = json!({ "files": entries }).to_string();
            let reply = self.request(Method::POST, &url, JSON, body.as_bytes(), &self.hub, meter)?;
            let Preupload { files: known } = self.parse(&self.accept(reply)?)?;
            for file in files {
                let known = known.iter().find(|known| known.path == file.name);
                let known =
                    known.with_context(|| self.unexpected("an answer without this file", &file.name))?;
                if known.should_ignore {
                    meter.line(&format!("{}: left out, since the repository's .gitignore has it", file.name));
                } else if let Some(change) = Change::of(file, known)? {
                    changes.push(change);
                } else {
                    meter.line(&format!("{}: unchanged", file.name));
                }
            }
        }
        Ok(changes)
    }

    /// Adds the changes to the branch.
    ///
    /// This is sent once: if only the answer is lost, a second time would be a second commit.
    ///
    /// # Errors
    /// The hub refuses the commit, or cannot be reached.
    pub fn commit(&self, changes: &[Change<'_>], message: &str, meter: &mut Meter) -> anyhow::Result<()> {
        let header = json!({ "key": "header", "value": { "summary": message, "description": "" } });
        let lines = std::iter::once(header).chain(changes.iter().map(Change::line));
        let body: String = lines.map(|line| format!("{line}\n")).collect();
        let url = self.api(&format!("/commit/{}", self.repository.escaped_revision()));
        let once = Client::new(Patience { tries: 1, ..self.settings.patience })
            .with_token(Some(self.token.text.clone()));
        self.accept(self.request(Method::POST, &url, LINES, body.as_bytes(), &once, meter)?)?;
        meter.line(&format!("{}: files committed: {}", self.repository.id, changes.len()));
        Ok(())
    }
}

impl<'a> Change<'a> {
    /// Compares a file with what the hub has of it.
    fn of(file: &'a LocalFile, known: &Preuploaded) -> anyhow::Result<Option<Self>> {
        let is_large = known.upload_mode == Mode::Lfs && file.bytes > 0 && file.text.is_none();
        let (digest, change) = if is_large {
            let sha256 = Checksum::sha256_of(&file.path)?;
            (sha256.clone(), Self::Large { file, sha256 })
        } else {
            let content = file.read(u64::MAX)?;
            (git_digest(&content), Self::Regular { file, content })
        };
        Ok((known.oid.as_ref() != Some(&digest)).then_some(change))
    }

    /// Returns its line in the commit.
    fn line(&self) -> Value {
        match self {
            Self::Regular { file, content } => json!({
                "key": "file",
                "value": { "path": file.name, "content": STANDARD.encode(content), "encoding": "base64" },
            }),
            Self::Large { file, sha256 } => json!({
                "key": "lfsFile",
                "value": { "path": file.name, "algo": "sha256", "oid": sha256, "size": file.bytes },
            }),
        }
    }
}

/// Returns the digest by which Git names a content.
fn git_digest(content: &[u8]) -> String {
    let header = format!("blob {}\0", content.len());
    let digest = Sha1::new_with_prefix(header).chain_update(content).finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::git_digest;

    #[test]
    fn digests_are_those_of_git_hash_object() {
        assert_eq!(git_digest(b""), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        assert_eq!(git_digest(b"test content\n"), "d670460b4b4aece5915caf5c68d12f560a9fe3e4");
    }
}
