//! The file format of a pack, all little-endian.
//!
//! | pack   | bytes |                                                                        |
//! |--------|-------|------------------------------------------------------------------------|
//! | header | 12    | [`MAGIC`]                                                              |
//! |        | 4     | [`VERSION`]                                                            |
//! |        | 32    | digest of the dataset of resized images                                |
//! | record | 4     | [`MARK`]                                                               |
//! |        | 12    | index of the sample, width, height                                     |
//! |        | 16    | checksum: BLAKE3 of the record without this field, its first 16 bytes  |
//! |        |       | `height * width * 3` bytes, as in [`Image`](crate::Image)              |
//!
//! Records follow each other to the end of the file. The last may be incomplete.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::decode::MAX_PIXELS;

const MAGIC: &[u8; 12] = b"ff-data pack";
const VERSION: u32 = 1;
/// Start of a record, so that pixels of a damaged pack are not read as a record.
const MARK: &[u8; 4] = b"pict";

pub const HEADER_BYTES: usize = 48;
pub const HEAD_BYTES: usize = 32;

/// The limits that a valid record keeps.
#[derive(Clone, Copy)]
pub struct Limits {
    /// Number of samples.
    pub samples: usize,
    /// Maximum pixels of the shorter side.
    pub px: u32,
}

/// The head of a record: all but its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub sample: u32,
    pub width: u32,
    pub height: u32,
    pub checksum: [u8; 16],
}

impl Head {
    /// Creates the head of an image; `None` if a pack cannot hold the image.
    pub fn new(sample: usize, width: u32, height: u32, pixels: &[u8], limits: Limits) -> Option<Self> {
        let sample = u32::try_from(sample).ok()?;
        let mut head = Self { sample, width, height, checksum: [0; 16] };
        if !head.is_valid(limits) || head.pixel_bytes() != pixels.len() as u64 {
            return None;
        }
        head.checksum = head.checksum_with(pixels);
        Some(head)
    }

    /// Returns the bytes of the pixels.
    pub fn pixel_bytes(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height) * 3
    }

    /// Computes the checksum of the record.
    pub fn checksum_with(&self, pixels: &[u8]) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.start()).update(pixels);
        *hasher.finalize().as_bytes().first_chunk().expect("a hash has 32 bytes")
    }

    /// Returns the whole record.
    pub fn record(&self, pixels: &[u8]) -> Vec<u8> {
        [&self.start()[..], &self.checksum, pixels].concat()
    }

    fn start(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(MARK);
        for (field, value) in bytes[4..].chunks_exact_mut(4).zip([self.sample, self.width, self.height]) {
            field.copy_from_slice(&value.to_le_bytes());
        }
        bytes
    }

    fn parse(bytes: &[u8; HEAD_BYTES], limits: Limits) -> Option<Self> {
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let checksum = bytes[16..].try_into().expect("sixteen bytes");
        let head = Self { sample: word(4), width: word(8), height: word(12), checksum };
        (&bytes[..4] == MARK && head.is_valid(limits)).then_some(head)
    }

    fn is_valid(&self, limits: Limits) -> bool {
        let pixels = u64::from(self.width) * u64::from(self.height);
        (self.sample as usize) < limits.samples
            && (1..=MAX_PIXELS).contains(&pixels)
            && self.width.min(self.height) <= limits.px
    }
}

/// The head of a record, and the offset of its pixels.
pub type Record = (Head, u64);

/// An open pack.
pub struct Pack {
    pub path: PathBuf,
    pub file: File,
    warned: AtomicBool,
}

impl Pack {
    /// Opens a pack and finds its records; `None` if it is of another version or dataset. A pack
    /// that is too short for a header is incomplete or about to be written, and has no records.
    pub fn open(path: &Path, digest: &[u8; 32], limits: Limits) -> io::Result<Option<(Self, Vec<Record>)>> {
        let pack = Self::new(path.to_owned(), File::open(path)?);
        let mut found = [0; HEADER_BYTES];
        match pack.file.read_exact_at(&mut found, 0) {
            Ok(()) if found != header(digest) => return Ok(None),
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
            _ => {}
        }
        let records = pack.records(limits)?;
        Ok(Some((pack, records)))
    }

    /// Returns the records before the first incomplete or invalid one.
    fn records(&self, limits: Limits) -> io::Result<Vec<Record>> {
        let length = self.file.metadata()?.len();
        let mut records = Vec::new();
        let mut bytes = [0; HEAD_BYTES];
        let mut start = (HEADER_BYTES + HEAD_BYTES) as u64;
        while start <= length {
            self.file.read_exact_at(&mut bytes, start - HEAD_BYTES as u64)?;
            let Some(head) = Head::parse(&bytes, limits) else { break };
            let end = start + head.pixel_bytes();
            if end > length {
                break;
            }
            records.push((head, start));
            start = end + HEAD_BYTES as u64;
        }
        Ok(records)
    }

    /// Creates an empty pack, open for reading and writing.
    pub fn create(path: PathBuf, digest: &[u8; 32]) -> io::Result<Self> {
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        let pack = Self::new(path, file);
        let written = pack.file.write_all_at(&header(digest), 0);
        written.inspect_err(|_| drop(std::fs::remove_file(&pack.path)))?;
        Ok(pack)
    }

    fn new(path: PathBuf, file: File) -> Self {
        Self { path, file, warned: AtomicBool::new(false) }
    }

    /// Warns, once, that records are damaged.
    pub fn warn_of_damage(&self) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            let pack = self.path.display();
            tracing::warn!(%pack, "cached images are damaged and are decoded again; the file can be deleted");
        }
    }
}

fn header(digest: &[u8; 32]) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..12].copy_from_slice(MAGIC);
    bytes[12..16].copy_from_slice(&VERSION.to_le_bytes());
    bytes[16..].copy_from_slice(digest);
    bytes
}
