//! A dataset whose pictures are files.

use std::path::PathBuf;
use std::sync::Arc;

use crate::dataset::{Dataset, Inventory};
use crate::datasets::hashes::{FileHashes, hash_files};
use crate::decode::read_image;
use crate::digest::dataset_digest;
use crate::error::Error;
use crate::image::Image;

/// What is to be read, before any picture is looked at.
pub struct Listed {
    pub inventory: Inventory,
    /// The picture of each sample.
    pub paths: Vec<PathBuf>,
}

/// Samples with a file each.
struct Files {
    listed: Listed,
    digest: String,
}

/// Opens what is listed, and hashes all files that `hashes` does not know.
pub fn open(mut listed: Listed, hashes: &FileHashes) -> Result<Arc<dyn Dataset>, Error> {
    let contents = hash_files(&listed.paths, hashes)?;
    let digest = dataset_digest(&listed.inventory.task, &listed.inventory.samples, &contents);
    listed.inventory.contents = Some(contents);
    Ok(Arc::new(Files { listed, digest }))
}

impl Dataset for Files {
    fn inventory(&self) -> &Inventory {
        &self.listed.inventory
    }

    fn image(&self, index: usize) -> Result<Image, Error> {
        read_image(&self.listed.paths[index])
    }

    fn digest(&self) -> &str {
        &self.digest
    }
}
