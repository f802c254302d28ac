//! Image files without labels.

use std::path::{Path, PathBuf};

use crate::dataset::{Dataset, Inventory, Sample, Target, Task};
use crate::datasets::{TablePaths, entries_below as entries, is_image};
use crate::decode::read_image;
use crate::error::Error;
use crate::image::Image;
use crate::table::Table;

/// Image files without labels, to predict. An id is the path of the file.
///
/// Its task has no labels, and its digest is empty: the files are not hashed.
///
/// ```
/// use std::path::Path;
///
/// use ff_data::{Dataset, Image, ImageFiles, write_png};
///
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// write_png(&folder.join("one.png"), &Image { width: 1, height: 1, data: vec![1, 2, 3] })?;
/// let files = ImageFiles::find(folder)?;
/// assert_eq!(files, [folder.join("one.png")]);
/// assert_eq!(ImageFiles::new(files).image(0)?.data, [1, 2, 3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ImageFiles {
    inventory: Inventory,
    files: Vec<PathBuf>,
}

impl ImageFiles {
    /// Takes image files, in this order.
    pub fn new(files: Vec<PathBuf>) -> Self {
        let sample = |file: &PathBuf| Sample {
            id: file.display().to_string(),
            target: Target::Labels(Vec::new()),
            group: None,
            split: None,
        };
        let task = Task::Multilabel { tasks: Vec::new() };
        Self { inventory: Inventory::new(task, files.iter().map(sample).collect(), ""), files }
    }

    /// Returns the image files that a path names: those below a folder, sorted by path; those that a
    /// table lists (CSV or Excel), in its order; or the file itself.
    ///
    /// Hidden files below a folder, and those without the extension of an image, are left out, except
    /// for images whose names have no extension or a numeric one, as those of DICOM files do. The
    /// images of a table are in the column `path` or the only column of another usual name, relative
    /// to the table's folder or absolute. Files of a table need not exist, and links and folders that
    /// cannot be followed are listed as files: reading them tells why.
    ///
    /// # Errors
    /// [`Error::Read`] for a path that cannot be read; [`Error::Dataset`] for a folder without images
    /// and a table without a column of images.
    pub fn find(path: &Path) -> Result<Vec<PathBuf>, Error> {
        let found = std::fs::metadata(path).map_err(Error::read(path))?;
        if found.is_dir() {
            return below(path);
        }
        if !found.is_file() {
            return Err(Error::dataset(
                path.display(),
                "a folder, a table or an image",
                "a pipe or a device",
            ));
        }
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        let is_table = ["csv", "tsv", "gz", "xls", "xlsx"].iter().any(|of| extension == *of);
        if is_table { listed(path) } else { Ok(vec![path.to_owned()]) }
    }

    /// Returns the image files that several paths name, one path after the other.
    ///
    /// # Errors
    /// Those of [`ImageFiles::find`].
    pub fn find_all(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
        let mut files = Vec::new();
        for path in paths {
            files.append(&mut Self::find(path)?);
        }
        Ok(files)
    }
}

/// Lists the images below a folder. What cannot be listed is an image that cannot be read.
fn below(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for entry in entries(folder) {
        match entry {
            Ok(entry) if !entry.file_type().is_file() => {}
            // An error of decoding says why a file cannot be read.
            Ok(entry) if is_image(entry.path()).unwrap_or(true) => files.push(entry.into_path()),
            Ok(_) => {}
            Err(error) => files.extend(error.path().map(Path::to_owned)),
        }
    }
    if files.is_empty() {
        return Err(Error::dataset(folder.display(), "a folder with images", "none"));
    }
    Ok(files)
}

fn listed(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let table = Table::read(path)?;
    let column = table.images("path")?;
    let mut paths = TablePaths::anywhere(path)?;
    table.rows().map(|row| paths.file(row, column)).collect()
}

impl Dataset for ImageFiles {
    fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    fn image(&self, index: usize) -> Result<Image, Error> {
        read_image(&self.files[index])
    }
}
