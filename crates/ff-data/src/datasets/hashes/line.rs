//! What is remembered of a file: `CHECK CONTENT LENGTH MODIFIED PATH`.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::dataset::Content;

/// A file younger than this when it is hashed may change once more without a change of its time.
const SETTLED_NS: i64 = 2_000_000_000;

/// When and what a file was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    pub stamp: Stamp,
    pub content: Content,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub length: u64,
    /// Since 1970.
    pub modified_ns: i64,
}

impl Stamp {
    pub fn of(metadata: &Metadata) -> Option<Self> {
        let modified_ns = metadata.mtime().checked_mul(1_000_000_000)?.checked_add(metadata.mtime_nsec())?;
        Some(Self { length: metadata.len(), modified_ns })
    }

    pub fn is_settled(self, now: SystemTime) -> bool {
        let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        i64::try_from(now).is_ok_and(|now| self.modified_ns <= now - SETTLED_NS)
    }
}

impl Known {
    /// The line, with its end.
    pub fn line(&self, name: &str) -> String {
        let Stamp { length, modified_ns } = self.stamp;
        let fields = format!("{} {length} {modified_ns} {name}", blake3::Hash::from(self.content).to_hex());
        format!("{} {fields}\n", check(&fields))
    }

    pub fn parse(line: &str) -> Option<(String, Self)> {
        let (found, fields) = line.split_once(' ')?;
        if found != check(fields) {
            return None;
        }
        let mut fields = fields.splitn(4, ' ');
        let content = *blake3::Hash::from_hex(fields.next()?).ok()?.as_bytes();
        let stamp = Stamp { length: fields.next()?.parse().ok()?, modified_ns: fields.next()?.parse().ok()? };
        Some((fields.next()?.to_owned(), Self { stamp, content }))
    }
}

/// 16 hex digits that belong to the rest of a line.
fn check(fields: &str) -> String {
    let hash = blake3::derive_key("ff-data file hashes 1", fields.as_bytes());
    blake3::Hash::from(hash).to_hex()[..16].to_owned()
}

/// What a line calls a file; `None` if it has no room for the name.
pub fn name(path: &Path) -> Option<String> {
    let name = std::path::absolute(path).ok()?.into_os_string().into_string().ok()?;
    (!name.contains('\n')).then_some(name)
}
