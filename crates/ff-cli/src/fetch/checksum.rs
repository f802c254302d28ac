//! Checksums that publishers give.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::Context;
use md5::{Digest, Md5};
use sha2::Sha256;

/// A published checksum, in hexadecimal digits.
#[derive(Clone, Debug)]
pub enum Checksum {
    /// 32 digits. Detects accidents and other versions, but not forgeries.
    Md5(String),
    /// 64 digits.
    Sha256(String),
}

impl Checksum {
    /// Returns the SHA-256 that a text is, if it is one.
    pub fn sha256(text: &str) -> Option<Self> {
        let is_one = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_one.then(|| Self::Sha256(text.to_owned()))
    }

    /// Computes the SHA-256 of a file, in lower-case digits.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn sha256_of(path: &Path) -> anyhow::Result<String> {
        digest(path, Sha256::new())
    }

    /// Computes the checksum of a file by the same algorithm.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn of(&self, path: &Path) -> anyhow::Result<Self> {
        match self {
            Self::Md5(_) => digest(path, Md5::new()).map(Self::Md5),
            Self::Sha256(_) => Self::sha256_of(path).map(Self::Sha256),
        }
    }

    /// Returns how a file's checksum differs from this one, if it does.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn mismatch(&self, path: &Path) -> anyhow::Result<Option<String>> {
        let found = self.of(path)?;
        Ok((found != *self).then(|| format!("expected {self}, found {found}")))
    }

    fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Md5(digits) => ("MD5", digits),
            Self::Sha256(digits) => ("SHA-256", digits),
        }
    }
}

impl PartialEq for Checksum {
    /// Compares without regard to case, since publishers use both.
    fn eq(&self, other: &Self) -> bool {
        let ((sort, digits), (other_sort, other_digits)) = (self.parts(), other.parts());
        sort == other_sort && digits.eq_ignore_ascii_case(other_digits)
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sort, digits) = self.parts();
        write!(f, "{sort} {digits}")
    }
}

fn digest<D: Digest>(path: &Path, mut state: D) -> anyhow::Result<String> {
    let cannot = || format!("{}: cannot be read", path.display());
    let mut file = File::open(path).with_context(cannot)?;
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer).with_context(cannot)? {
            0 => break,
            count => state.update(&buffer[..count]),
        }
    }
    Ok(state.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
