//! A line of the cache file: `CHECK CONTENT LENGTH MODIFIED PATH`.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::dataset::Content;

/// A file that is younger than this when it is hashed may change again without a new time.
const SETTLED_NS: i64 = 2_000_000_000;

/// The hash of a file, with the length and time that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    pub stamp: Stamp,
    pub content: Content,
}

/// Length and modification time of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub length: u64,
    /// Nanoseconds since 1970.
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
    /// Formats the line, with its end.
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

/// Returns the check of a line: 16 hex digits of a hash of its fields.
fn check(fields: &str) -> String {
    let hash = blake3::derive_key("ff-data file hashes 1", fields.as_bytes());
    blake3::Hash::from(hash).to_hex()[..16].to_owned()
}

/// Returns the name of a file in a line; `None` if a line cannot hold it.
pub fn name(path: &Path) -> Option<String> {
    let name = std::path::absolute(path).ok()?.into_os_string().into_string().ok()?;
    (!name.contains('\n')).then_some(name)
}
