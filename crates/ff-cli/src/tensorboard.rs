//! Learning curves as TensorBoard event files.
//!
//! A file is a sequence of records: length (8 bytes), masked CRC-32C of the length, data, masked
//! CRC-32C of the data. Each record's data is an `Event` message: wall time (field 1), step (2),
//! and either the version of the format (3) or a summary (5) of values with a tag (1) and a number
//! (2) each. (tensorflow/core/lib/io/record_writer.h, tensorflow/core/util/event.proto)

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use ff_grid::{Job, JobId};
use ff_train::EpochRecord;

/// An event file with the learning curves of one run.
pub struct EventFile(File);

impl EventFile {
    /// Creates a new file in a folder. Files of earlier processes stay, and TensorBoard joins them.
    pub fn create(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let now = now();
        let name = format!("events.out.tfevents.{:.6}.{}", now, std::process::id());
        let path = folder.join(name);
        let file = OpenOptions::new().append(true).create(true).open(&path);
        let mut events = Self(file.with_context(|| path.display().to_string())?);
        events.record(&[double(1, now), bytes(3, b"brain.Event:2")].concat())?;
        Ok(events)
    }

    /// Writes the values of an epoch.
    pub fn epoch(&mut self, epoch: &EpochRecord) -> anyhow::Result<()> {
        let values = [
            ("loss/train", Some(epoch.train_loss)),
            ("loss/validation", Some(epoch.validation_loss)),
            ("metric/validation", epoch.validation.value()),
            ("learning_rate", Some(epoch.learning_rate)),
            ("images_per_second", Some(epoch.images_per_second())),
            ("data_time_share", Some(epoch.data_share())),
        ];
        let values =
            values.into_iter().filter_map(|(tag, value)| Some((tag, value.filter(|v| v.is_finite())?)));
        let summary: Vec<u8> = values
            .flat_map(|(tag, value)| bytes(1, &[bytes(1, tag.as_bytes()), float(2, value as f32)].concat()))
            .collect();
        self.record(&[double(1, now()), integer(2, u64::from(epoch.epoch)), bytes(5, &summary)].concat())
    }

    fn record(&mut self, data: &[u8]) -> anyhow::Result<()> {
        let length = (data.len() as u64).to_le_bytes();
        let record = [&length[..], &masked(&length), data, &masked(data)].concat();
        self.0.write_all(&record).context("cannot write to a TensorBoard event file")
    }
}

/// Event files of a grid: one for each training job, in a folder with the job's label.
pub struct TensorBoard {
    root: PathBuf,
    files: Mutex<HashMap<JobId, EventFile>>,
}

impl TensorBoard {
    /// Creates the jobs' folders in `root`, each with its job's first epoch.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), files: Mutex::default() }
    }

    /// Writes an epoch of a job. A failure is only a warning: the job's record has the values too.
    pub fn epoch(&self, job: &Job, epoch: &EpochRecord) {
        let mut files = self.files.lock().expect("no panic while writing");
        let added = match files.entry(job.id.clone()) {
            Entry::Occupied(known) => known.into_mut().epoch(epoch),
            Entry::Vacant(new) => {
                EventFile::create(&self.root.join(&job.label)).and_then(|file| new.insert(file).epoch(epoch))
            }
        };
        if let Err(error) = added {
            tracing::warn!("{error:#}");
        }
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

fn masked(data: &[u8]) -> [u8; 4] {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

// Protocol buffers' wire format: a key of field number and type, then the value.

fn double(field: u8, value: f64) -> Vec<u8> {
    [&[field << 3 | 1][..], &value.to_le_bytes()].concat()
}

fn float(field: u8, value: f32) -> Vec<u8> {
    [&[field << 3 | 5][..], &value.to_le_bytes()].concat()
}

fn integer(field: u8, value: u64) -> Vec<u8> {
    [vec![field << 3], varint(value)].concat()
}

fn bytes(field: u8, value: &[u8]) -> Vec<u8> {
    [&[field << 3 | 2][..], &varint(value.len() as u64), value].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_record_is_the_version() {
        let folder = tempfile::tempdir().unwrap();
        drop(EventFile::create(folder.path()).unwrap());
        let entry = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap();
        let written = std::fs::read(entry.path()).unwrap();
        // The length, 24, and its checksum as TensorFlow writes it.
        assert_eq!(written[..12], [24, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22]);
        assert_eq!(written[21..36], *b"\x1a\x0dbrain.Event:2");
        assert_eq!(written.len(), 8 + 4 + 24 + 4);
    }

    #[test]
    fn large_numbers_take_more_bytes() {
        assert_eq!(varint(300), [0xac, 2]);
        assert_eq!(integer(2, 1), [16, 1]);
    }
}
