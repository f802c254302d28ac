//! A dataset whose pictures are files.

use std::path::PathBuf;

use super::digest::{dataset_digest, hash_files};
use crate::{Dataset, Error, Image, Sample, Task, read_image};

/// Samples with a file each.
pub struct Files {
    task: Task,
    samples: Vec<Sample>,
    paths: Vec<PathBuf>,
    digest: String,
    notes: Vec<String>,
}

impl Files {
    /// Hashes all files; `paths[i]` is the picture of `samples[i]`.
    pub fn new(
        task: Task,
        samples: Vec<Sample>,
        paths: Vec<PathBuf>,
        notes: Vec<String>,
    ) -> Result<Self, Error> {
        let digest = dataset_digest(&task, &samples, &hash_files(&paths)?);
        Ok(Self { task, samples, paths, digest, notes })
    }
}

impl Dataset for Files {
    fn task(&self) -> &Task {
        &self.task
    }

    fn samples(&self) -> &[Sample] {
        &self.samples
    }

    fn image(&self, index: usize) -> Result<Image, Error> {
        read_image(&self.paths[index])
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }
}
