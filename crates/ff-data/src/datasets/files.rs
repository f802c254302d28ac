//! A dataset whose pictures are files.

use std::path::PathBuf;
use std::sync::Arc;

use crate::dataset::{Content, Dataset, Sample, Task};
use crate::datasets::hashes::{FileHashes, hash_files};
use crate::decode::read_image;
use crate::digest::dataset_digest;
use crate::error::Error;
use crate::image::Image;

/// What is to be read, before any picture is looked at.
pub struct Listed {
    pub task: Task,
    pub samples: Vec<Sample>,
    /// The picture of each sample.
    pub paths: Vec<PathBuf>,
    pub notes: Vec<String>,
}

/// Samples with a file each.
pub struct Files {
    listed: Listed,
    contents: Vec<Content>,
    digest: String,
}

impl Files {
    /// Hashes all files that `hashes` does not know.
    pub fn new(listed: Listed, hashes: &FileHashes) -> Result<Self, Error> {
        let contents = hash_files(&listed.paths, hashes)?;
        let digest = dataset_digest(&listed.task, &listed.samples, &contents);
        Ok(Self { listed, contents, digest })
    }
}

/// Opens what is listed, its files hashed.
pub fn open(listed: Listed, hashes: &FileHashes) -> Result<Arc<dyn Dataset>, Error> {
    Ok(Arc::new(Files::new(listed, hashes)?))
}

impl Dataset for Files {
    fn task(&self) -> &Task {
        &self.listed.task
    }

    fn samples(&self) -> &[Sample] {
        &self.listed.samples
    }

    fn image(&self, index: usize) -> Result<Image, Error> {
        read_image(&self.listed.paths[index])
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn contents(&self) -> Option<&[Content]> {
        Some(&self.contents)
    }

    fn notes(&self) -> &[String] {
        &self.listed.notes
    }
}
