//! Collects the samples of a table row by row.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::dataset::{Sample, Task};
use crate::datasets::files::Listed;
use crate::error::Error;

/// The samples collected so far, whose images are files.
#[derive(Default)]
pub struct Listing {
    samples: Vec<Sample>,
    paths: Vec<PathBuf>,
    places: HashMap<String, String>,
    /// Place and id of the samples whose image was not found.
    missing: Vec<(String, String)>,
    notes: Vec<String>,
}

impl Listing {
    /// Adds a sample whose image is `path`, or `None` if it was not found. `place` is the file and
    /// row.
    pub fn add(&mut self, place: String, sample: Sample, path: Option<PathBuf>) -> Result<(), Error> {
        if let Some(earlier) = self.places.get(&sample.id) {
            let found = format!("`{}` in {earlier} too", sample.id);
            return Err(Error::dataset(place, "each image once", found));
        }
        match path {
            Some(path) => self.paths.push(path),
            None => self.missing.push((place.clone(), sample.id.clone())),
        }
        self.places.insert(sample.id.clone(), place);
        self.samples.push(sample);
        Ok(())
    }

    /// Adds a note for the users of the dataset.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Returns the id of the first sample whose image was not found.
    pub fn missing(&self) -> Option<&str> {
        self.missing.first().map(|(_, id)| id.as_str())
    }

    /// Returns the dataset, if it has rows and each row has an image. `place` is the table or
    /// folder, for errors; `hint` says where the images belong.
    pub fn finish(self, task: Task, place: impl ToString, hint: &str) -> Result<Listed, Error> {
        if let Some((row, id)) = self.missing.first() {
            let (missing, all) = (self.missing.len(), self.samples.len());
            let found = format!("none for {missing} of {all} rows, first `{id}`");
            return Err(Error::dataset(row, "an image file for every row", found).hint(hint));
        }
        if self.samples.is_empty() {
            return Err(Error::dataset(place, "rows with images", "none"));
        }
        let Self { samples, paths, notes, .. } = self;
        Ok(Listed { task, samples, paths, notes, attributes: Vec::new() })
    }
}
