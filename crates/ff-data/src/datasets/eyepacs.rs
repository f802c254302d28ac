//! EyePACS: grades of diabetic retinopathy.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::data_root::within;
use crate::dataset::Dataset;
use crate::datasets::about::{Access, DatasetKind, Steps};
use crate::datasets::files::{self, Listed};
use crate::datasets::grades::{blank_grade, grades, sample};
use crate::datasets::hashes::FileHashes;
use crate::datasets::images::{Images, find_file, require_file};
use crate::datasets::listing::Listing;
use crate::datasets::published::Published;
use crate::error::Error;
use crate::table::Table;

/// EyePACS (Kaggle 2015): retinal photographs graded for diabetic retinopathy, 0 to 4. The two eyes
/// of a patient are a group.
///
/// Reads `trainLabels.csv` and, if present, `retinopathy_solution.csv`, the labels of the
/// competition's test set. Images may be in any subfolders. There is no official split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Eyepacs {
    /// Folder of the tables and images: relative to the data root, or absolute.
    pub path: PathBuf,
}

impl DatasetKind for Eyepacs {
    const KIND: &'static str = "eyepacs";
    const TITLE: &'static str = "EyePACS (Kaggle Diabetic Retinopathy Detection)";
    const LICENCE: Option<&'static str> = Some("the competition's rules");
    const ACCESS: Access = Access::Apply(Steps {
        needs: "a Kaggle account that has accepted the competition's rules.",
        at: &["https://www.kaggle.com/competitions/diabetic-retinopathy-detection/data"],
        note: "the images come as one zip in several parts: `cat train.zip.* > train.zip`, then unpack",
        place: &[
            "ROOT/trainLabels.csv",
            "ROOT/train/<patient>_{left,right}.jpeg",
            "ROOT/retinopathy_solution.csv, ROOT/test/: the test set, with labels released after the competition",
        ],
    });
    const PUBLISHED: Option<Published> = Some(Published::of(88_702));

    fn open(&self, data_root: &Path, hashes: &FileHashes) -> Result<Arc<dyn Dataset>, Error> {
        files::open(read(&within(data_root, &self.path)?)?, hashes)
    }
}

/// Lists the images of both tables.
fn read(root: &Path) -> Result<Listed, Error> {
    let mut tables = vec![Table::read(&require_file(root, &["trainLabels.csv"], "the table of grades")?)?];
    let mut listing = Listing::default();
    match find_file(root, &["retinopathy_solution.csv"])? {
        Some(path) => tables.push(Table::read(&path)?),
        None => listing.note("retinopathy_solution.csv is not there: only the images of trainLabels.csv"),
    }
    let images = Images::below(root)?;
    for table in &tables {
        let (image, level) = (table.require("image")?, table.require("level")?);
        for row in table.rows() {
            let name = row.filled(image)?;
            let patient = ["_left", "_right"].iter().find_map(|eye| name.strip_suffix(eye));
            let patient = patient.filter(|patient| !patient.is_empty()).ok_or_else(|| {
                Error::dataset(row.place(), "an image <patient>_left or <patient>_right", format!("`{name}`"))
            })?;
            let grade = row.whole(level, 4)?.ok_or_else(|| blank_grade(&row.place()))?;
            listing.add(row.place(), sample(name, grade, Some(patient.to_owned())), images.find(name)?)?;
        }
    }
    listing.finish(
        grades(4),
        root.display(),
        "put the images below the dataset's folder, named <patient>_left.jpeg and <patient>_right.jpeg",
    )
}
