//! Datasets whose images are files.

use std::path::PathBuf;
use std::sync::Arc;

use crate::dataset::{Attribute, Dataset, Inventory, Sample, Task};
use crate::datasets::hashes::{FileHashes, hash_files};
use crate::decode::read_image;
use crate::error::Error;
use crate::image::Image;

/// The samples of a dataset, before its files are hashed.
pub struct Listed {
    pub task: Task,
    pub samples: Vec<Sample>,
    /// The image file of each sample.
    pub paths: Vec<PathBuf>,
    /// See [`Inventory::notes`].
    pub notes: Vec<String>,
    /// See [`Inventory::attributes`].
    pub attributes: Vec<Attribute>,
}

/// A dataset with one file per sample.
struct Files {
    inventory: Inventory,
    paths: Vec<PathBuf>,
}

/// Opens the listed samples and hashes the files that `hashes` does not know.
pub fn open(listed: Listed, hashes: &FileHashes) -> Result<Arc<dyn Dataset>, Error> {
    let Listed { task, samples, paths, notes, attributes } = listed;
    let contents = hash_files(&paths, hashes)?;
    let inventory = Inventory { notes, attributes, ..Inventory::hashed(task, samples, contents) };
    Ok(Arc::new(Files { inventory, paths }))
}

impl Dataset for Files {
    fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    fn image(&self, index: usize) -> Result<Image, Error> {
        read_image(&self.paths[index])
    }
}
