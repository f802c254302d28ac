//! A test case: a server, a folder, and a file to download.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use ff_cli::fetch::{Checksum, Client, Download, Meter, Patience};
use sha2::{Digest, Sha256};

use crate::server::{Reply, Server};

/// Returns 100 kB of pseudo-random bytes.
pub fn content() -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..100_000).map(|_| next()).collect()
}

pub fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02X}")).collect()
}

pub fn sha256(bytes: &[u8]) -> Checksum {
    Checksum::Sha256(hex(Sha256::digest(bytes)))
}

/// A server, a folder, and a file to download from one to the other.
pub struct Case {
    pub server: Server,
    folder: tempfile::TempDir,
    pub wanted: Download,
    stall: Duration,
}

impl Case {
    pub fn new(replies: Vec<Reply>) -> Self {
        let content = content();
        let server = Server::new(&content, replies);
        let folder = tempfile::tempdir().expect("a folder");
        let (url, file_name) = (server.url.clone(), "file.bin".to_owned());
        let (bytes, checksum) = (Some(content.len() as u64), Some(sha256(&content)));
        let wanted = Download { url, file_name, bytes, checksum };
        // Longer than a slow machine takes to answer.
        Self { server, folder, wanted, stall: Duration::from_secs(120) }
    }

    pub fn with_part(self, part: &[u8]) -> Self {
        fs::write(self.part(), part).expect("a part");
        self
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("file.bin")
    }

    pub fn part(&self) -> PathBuf {
        self.folder.path().join("file.bin.part")
    }

    pub fn download(&self) -> anyhow::Result<PathBuf> {
        let patience = Patience { stall: self.stall, tries: 3, pause: Duration::from_millis(5) };
        Client::new(patience).download(&self.wanted, self.folder.path(), &mut Meter::default())
    }

    /// Asserts that the download succeeds with requests from these offsets.
    pub fn succeeds(&self, offsets: &[usize]) {
        assert_eq!(self.download().expect("the file"), self.file());
        assert!(fs::read(self.file()).expect("the file") == content(), "the content differs");
        assert!(!self.part().exists());
        assert_eq!(self.server.offsets(), offsets);
    }

    /// Asserts that a download resumes at the offset where the server stalls. On a slow machine
    /// other requests may count as stalled too.
    pub fn resumes(mut self, from: usize) {
        self.stall = Duration::from_secs(2);
        assert_eq!(self.download().expect("the file"), self.file());
        assert!(fs::read(self.file()).expect("the file") == content(), "the content differs");
        assert!(self.server.offsets().contains(&from), "{:?}", self.server.offsets());
    }

    /// Asserts that the download fails after requests from these offsets, with these texts in its
    /// error, and leaves only a partial file of this length, if any.
    pub fn fails(&self, offsets: &[usize], texts: &[&str], part: Option<usize>) {
        let error = format!("{:#}", self.download().expect_err("an error"));
        for text in texts {
            assert!(error.contains(text), "`{text}` is not in `{error}`");
        }
        assert_eq!(self.server.offsets(), offsets);
        assert!(!self.file().exists());
        assert_eq!(fs::metadata(self.part()).ok().map(|part| part.len() as usize), part);
    }
}
