//! Code that the fuzz targets share.

pub mod tables;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ff_data::{Dataset, DatasetConfig, FileHashes, MAX_PIXELS};

/// Includes a golden file of the tests.
#[macro_export]
macro_rules! golden {
    ($path:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/golden/", $path)).as_slice()
    };
}

/// Returns this process's folder, in memory if the system has `/dev/shm`. Removes the folders of
/// ended processes.
pub fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        for entry in fs::read_dir(&parent).expect("a readable folder").flatten() {
            let name = entry.file_name().into_string().unwrap_or_default();
            let process = name.strip_prefix("ff-data-fuzz-");
            if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        let folder = parent.join(format!("ff-data-fuzz-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a new folder");
        folder
    })
}

/// Writes a file below [`folder`], with its parent folders.
pub fn write(path: impl AsRef<Path>, bytes: &[u8]) {
    let path = folder().join(path);
    if fs::write(&path, bytes).is_err() {
        fs::create_dir_all(path.parent().expect("a file's folder")).expect("new folders");
        fs::write(&path, bytes).expect("a writable folder");
    }
}

/// Writes the right checksum into each entry of a zip archive's central directory.
pub fn zip_checksums(file: &mut [u8]) {
    let long = |file: &[u8], at: usize| {
        let bytes = file.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(u32::from_le_bytes(bytes) as usize)
    };
    let word = |file: &[u8], at: usize| {
        let bytes = file.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(usize::from(u16::from_le_bytes(bytes)))
    };
    for entry in 0..file.len().saturating_sub(45) {
        if file[entry..].starts_with(b"PK\x01\x02") {
            let range = (|| {
                let header = long(file, entry + 42)?;
                let start = header + 30 + word(file, header + 26)? + word(file, header + 28)?;
                Some(start..start.checked_add(long(file, entry + 24)?)?)
            })();
            if let Some(crc) = range.and_then(|range| file.get(range)).map(crc32fast::hash) {
                file[entry + 16..entry + 20].copy_from_slice(&crc.to_le_bytes());
            }
        }
    }
}

/// Opens a dataset below [`folder`] and, if that succeeds, checks the dataset.
pub fn open(config: &DatasetConfig) {
    let dataset = match config.open(folder(), &FileHashes::none()) {
        Ok(dataset) => dataset,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let count = dataset.samples().len();
    assert!(dataset.contents().is_none_or(|contents| contents.len() == count));
    check_targets(&*dataset);
    for index in [0, count.saturating_sub(1)] {
        if index < count
            && let Ok(image) = dataset.image(index)
        {
            check(&image);
        }
    }
}

fn check_targets(dataset: &dyn Dataset) {
    let outputs = dataset.task().outputs();
    for sample in dataset.samples() {
        match &sample.target {
            ff_data::Target::Class(class) => assert!(*class < outputs),
            ff_data::Target::Labels(labels) => assert_eq!(labels.len(), outputs),
        }
    }
}

/// Checks that an image has pixels, and as many bytes as they need.
pub fn check(image: &ff_data::Image) {
    let pixels = u64::from(image.width) * u64::from(image.height);
    assert!((1..=MAX_PIXELS).contains(&pixels));
    assert_eq!(image.data.len() as u64, pixels * 3);
}

/// The supported transfer syntaxes, without `1.2.840.10008.1.2`.
pub const SYNTAXES: [&str; 13] =
    ["", ".1", ".1.99", ".2", ".5", ".4.50", ".4.51", ".4.57", ".4.70", ".4.80", ".4.81", ".4.90", ".4.91"];

/// Builds a DICOM file with a data set in one of [`SYNTAXES`].
pub fn dicom_file(syntax: &str, data_set: &[u8]) -> Vec<u8> {
    let mut uid = format!("1.2.840.10008.1.2{syntax}").into_bytes();
    uid.resize(uid.len().next_multiple_of(2), 0);
    let meta = [b"\x02\0\x10\0UI", (uid.len() as u16).to_le_bytes().as_slice(), &uid].concat();
    let length = (meta.len() as u32).to_le_bytes();
    [&[0; 128], b"DICM\x02\0\0\0UL\x04\0".as_slice(), &length, &meta, data_set].concat()
}
