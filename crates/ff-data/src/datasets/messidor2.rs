//! Messidor-2: adjudicated grades of diabetic retinopathy.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::data_root::within;
use crate::dataset::Dataset;
use crate::datasets::about::{Access, DatasetKind, Steps};
use crate::datasets::files::{self, Listed};
use crate::datasets::grades::{grades, sample};
use crate::datasets::hashes::FileHashes;
use crate::datasets::images::{Images, find_file, has_image_extension, require_file};
use crate::datasets::listing::Listing;
use crate::datasets::published::Published;
use crate::error::Error;
use crate::table::Table;

/// Messidor-2: retinal photographs with adjudicated grades of diabetic retinopathy, 0 to 4.
///
/// Reads `messidor_data.csv` and images in any subfolders. Images without a grade are left out. If
/// `messidor-2.csv` is there, the two images of an examination are a group. There is no official
/// split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Messidor2 {
    /// Folder of the tables and images: relative to the data root, or absolute.
    pub path: PathBuf,
}

impl DatasetKind for Messidor2 {
    const KIND: &'static str = "messidor2";
    const TITLE: &'static str = "Messidor-2";
    const LICENCE: Option<&'static str> = Some("research and education");
    const ACCESS: Access = Access::Apply(Steps {
        needs: "a request form at ADCIS for the images; a Kaggle account for the grades (by Google's readers).",
        at: &[
            "https://www.adcis.net/en/third-party/messidor2/",
            "https://www.kaggle.com/datasets/google-brain/messidor2-dr-grades",
        ],
        note: "",
        place: &[
            "ROOT/messidor_data.csv (messidor-2.csv, which comes with the images, holds pairs and no grades)",
            "ROOT/IMAGES/*.png and IM*.JPG",
        ],
    });
    const PUBLISHED: Option<Published> = Some(Published::of(1_744));

    fn open(&self, data_root: &Path, hashes: &FileHashes) -> Result<Arc<dyn Dataset>, Error> {
        files::open(read(&within(data_root, &self.path)?)?, hashes)
    }
}

/// Lists the graded images. Both images of an examination are a group if the table of pairs,
/// `messidor-2.csv`, is there.
fn read(root: &Path) -> Result<Listed, Error> {
    let path = require_file(root, &["messidor_data.csv"], "the table of grades")?;
    let table = Table::read(&path)?;
    let either = |a: &str, b: &str| table.column(a).map_or_else(|| table.require(b), Ok);
    let id = either("id_code", "image_id")?;
    let grade = either("diagnosis", "adjudicated_dr_grade")?;
    let pairs = match find_file(root, &["messidor-2.csv"])? {
        Some(path) => pairs(&path)?,
        None => HashMap::new(),
    };
    let images = Images::below(root)?;
    let mut listing = Listing::default();
    let mut ungraded = 0;
    for row in table.rows() {
        let name = row.filled(id)?;
        let Some(grade) = row.whole(grade, 4)? else {
            ungraded += 1;
            continue;
        };
        let group = pairs.get(&stem(name)).cloned();
        listing.add(row.place(), sample(name, grade, group), images.find(name)?)?;
    }
    if ungraded > 0 {
        listing.note(format!("{ungraded} images without a grade are left out"));
    }
    listing.finish(
        grades(4),
        root.display(),
        "put the images below the dataset's folder, named as in the table",
    )
}

/// Returns the examination of each image; an examination is a row of the table that names images.
fn pairs(path: &Path) -> Result<HashMap<String, String>, Error> {
    let table = Table::read(path)?;
    let mut examinations = HashMap::new();
    for row in table.rows() {
        let cells = (0..table.columns().len()).map(|column| row.cell(column));
        let images: Vec<String> =
            cells.filter(|cell| has_image_extension(Path::new(cell))).map(stem).collect();
        if let Some(first) = images.first().cloned() {
            examinations.extend(images.into_iter().map(|image| (image, first.clone())));
        }
    }
    Ok(examinations)
}

/// Returns a file's name without its extension, in lower case.
fn stem(name: &str) -> String {
    Path::new(name).file_stem().map_or(String::new(), |stem| stem.to_string_lossy().to_ascii_lowercase())
}
